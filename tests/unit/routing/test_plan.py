"""Which targets, in which order."""

import msgspec
import pytest

from tests.providers import a_provider
from tollway.catalog.records import Model, Origin, PriceCard, Reach, Scheme, Target
from tollway.errors import Refusal
from tollway.routing.plan import plan, priced_targets, refuse_unknown

CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=1, output=1, source="config")


def target(name: str, *, weight: int = 1, card: PriceCard | None = CARD) -> Target:
    """Return a target."""
    Origin(scheme=Scheme.HTTPS, host="h", port=443, reach=Reach.PUBLIC)
    provider = a_provider(name)
    return Target(provider=provider, model_routed="m", card=card, weight=weight)


def order(targets: tuple[Target, ...], draw: float) -> list[str]:
    """Return the names of a plan's targets."""
    return [each.provider.name for each in plan(Model(id="m", targets=targets), draw=draw).targets]


def test_one_target_is_the_plan() -> None:
    assert order((target("a"),), 0.9) == ["a"]


@pytest.mark.parametrize(
    ("draw", "expected"),
    [(0.0, ["a", "b", "c"]), (0.24, ["a", "b", "c"]), (0.25, ["b", "a", "c"]), (0.99, ["b", "a", "c"])],
)
def test_the_first_is_drawn_by_weight_and_the_rest_keep_their_order(draw: float, expected: list[str]) -> None:
    assert order((target("a", weight=1), target("b", weight=3), target("c", weight=0)), draw) == expected


def test_targets_without_any_weight_keep_their_order() -> None:
    assert order((target("a", weight=0), target("b", weight=0)), 0.5) == ["a", "b"]


def test_only_priced_targets_are_used() -> None:
    planned = plan(Model(id="m", targets=(target("a", card=None), target("b"))), draw=0.0)
    assert [each.provider.name for each in priced_targets(planned, now_ms=0)] == ["b"]
    alone = plan(Model(id="m", targets=(target("a"),)), draw=0.0)
    assert priced_targets(alone, now_ms=0) is alone.targets


def test_a_model_without_any_price_is_refused_with_what_to_configure() -> None:
    planned = plan(Model(id="dear", targets=(target("a", card=None),)), draw=0.0)
    with pytest.raises(Refusal, match='id = "dear", price') as refused:
        priced_targets(planned, now_ms=0)
    assert refused.value.code == "model_not_allowed"


def test_an_unknown_model_names_what_is_close() -> None:
    assert "Did you mean 'a' or 'b'?" in refuse_unknown("c", ("a", "b")).message
    assert "Did you mean" not in refuse_unknown("c", ()).message
    assert len(refuse_unknown("x" * 10_000, ()).message) < 400


def test_unknown_models_are_all_named() -> None:
    refused = refuse_unknown(("a", "b"), ("c",), param="fallbacks")
    assert "The models 'a', 'b' do not exist here. Did you mean 'c'?" in refused.message
    assert refused.param == "fallbacks"


def test_each_target_has_the_card_in_force_when_its_exchange_begins() -> None:
    later = msgspec.structs.replace(CARD, id=2, valid_from_ms=1000)
    dated = msgspec.structs.replace(target("a"), later_cards=(later,))
    planned = plan(Model(id="m", targets=(dated,)), draw=0)
    assert [priced_targets(planned, now_ms=at)[0].card for at in (999, 1000)] == [CARD, later]
    assert priced_targets(planned, now_ms=1000)[0].later_cards == ()
