"""Which targets are tried, and in which order."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.routing.test_plan import CARD, target
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model
from tollway.errors import Refusal
from tollway.money import PPM
from tollway.neutral.wishes import Policy, Wishes
from tollway.routing.policies import POLICIES, Candidate, arrange

DOLLARS = RateTable("USD", {})
YUAN = RateTable("CNY", {"USD": 7_200_000_000})


def candidate(model: str, provider: str, *, need: int = 0, price: int = 10**9, price_ppm: int = PPM) -> Candidate:
    """Return a target of a model; the price is that of a million tokens of input, in nano-dollars."""
    card = msgspec.structs.replace(CARD, input=price)
    each = target(provider, card=card)
    return Candidate(Model(id=model, targets=(each,), price_ppm=price_ppm), each, need)


ALL = (
    candidate("m", "a", need=5, price=3 * 10**9),
    candidate("m", "b", need=3, price=2 * 10**9),
    candidate("n", "a", need=3, price=10**9),
    candidate("n", "c", need=1, price=10**9, price_ppm=PPM // 2),
)


def named(candidates: Sequence[Candidate]) -> list[str]:
    return [f"{each.model.id}@{each.target.provider.name}" for each in candidates]


def arranged(**wishes: object) -> list[str]:
    return named(arrange(ALL, Wishes(**wishes), rates=DOLLARS).candidates)  # type: ignore[arg-type]


def test_without_wishes_everything_stays_as_it_is() -> None:
    assert arranged() == ["m@a", "m@b", "n@a", "n@c"]


def test_the_cheapest_comes_first_and_equals_keep_their_order() -> None:
    assert arranged(policy=Policy.LOWEST_COST) == ["n@c", "m@b", "n@a", "m@a"]


def test_pinned_is_the_first_alone() -> None:
    assert arranged(policy=Policy.PINNED) == ["m@a"]


def test_without_fallback_the_first_of_the_order_is_alone() -> None:
    assert arranged(policy=Policy.LOWEST_COST, fallback=False) == ["n@c"]


@pytest.mark.parametrize("policy", [Policy.LOWEST_LATENCY, Policy.HIGHEST_THROUGHPUT])
def test_what_is_not_measured_keeps_the_order_and_says_so(policy: Policy) -> None:
    found = arrange(ALL, Wishes(policy=policy), rates=DOLLARS)
    assert named(found.candidates) == ["m@a", "m@b", "n@a", "n@c"]
    assert found.notice == f"routing.policy {policy.value}: nothing is measured yet, the configured order is kept"
    assert arrange(ALL[:1], Wishes(policy=policy), rates=DOLLARS).notice == "", "one target has no order"


def test_providers_filter_and_order_the_targets_of_each_model() -> None:
    assert arranged(providers=("c", "a")) == ["m@a", "n@c", "n@a"]


def test_providers_that_have_none_of_the_models_are_refused() -> None:
    with pytest.raises(Refusal, match=r"names has 'm' or 'n': here it is at a, b, c\.") as refused:
        arranged(providers=("z",))
    assert (refused.value.code, refused.value.param) == ("invalid_request", "routing")


def test_a_price_limit_counts_what_the_client_pays() -> None:
    assert arranged(input_price_max_nanos=10**9) == ["n@a", "n@c"]
    assert arranged(input_price_max_nanos=10**9 - 1) == ["n@c"]


def test_a_price_limit_that_leaves_nothing_says_what_to_raise() -> None:
    with pytest.raises(Refusal, match=r"cost 0\.50 USD at least.* is 0\.10: raise it to 0\.50"):
        arranged(input_price_max_nanos=10**8)


def test_a_price_in_another_currency_is_converted() -> None:
    card = msgspec.structs.replace(CARD, input=7_200_000_000, currency="CNY")
    each = target("a", card=card)
    yuan = [Candidate(Model(id="m", targets=(each,)), each, 0)]
    assert arrange(yuan, Wishes(input_price_max_nanos=1_000_001_000), rates=YUAN).candidates == yuan
    with pytest.raises(Refusal, match="raise it"):
        arrange(yuan, Wishes(input_price_max_nanos=10**9 - 1), rates=YUAN)


def test_a_price_limit_without_a_rate_for_dollars_says_what_the_operator_may_set() -> None:
    with pytest.raises(Refusal, match=r"\[billing\] rates = \{ USD"):
        arrange(ALL, Wishes(input_price_max_nanos=1), rates=RateTable("CNY", {}))


def test_every_policy_has_a_rule() -> None:
    assert set(POLICIES) == set(Policy)


@given(
    policy=st.none() | st.sampled_from(Policy),
    fallback=st.booleans(),
    needs=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    providers=st.sampled_from([(), ("a",), ("b", "a")]),
    limit=st.none() | st.integers(1, 8),
)
def test_what_is_arranged_is_a_part_of_what_there_was(
    policy: Policy | None, fallback: bool, needs: list[int], providers: tuple[str, ...], limit: int | None
) -> None:
    given_ = [candidate(f"m{n % 3}", "ab"[n % 2], need=need, price=n + 1) for n, need in enumerate(needs)]
    wishes = Wishes(policy=policy, fallback=fallback, providers=providers, input_price_max_nanos=limit)
    try:
        found = arrange(given_, wishes, rates=DOLLARS).candidates
    except Refusal:
        assert providers or limit
        return
    assert found
    assert len(set(map(id, found))) == len(found)
    assert all(any(each is other for other in given_) for each in found)
    if policy is Policy.LOWEST_COST:
        costs = [each.need_nanos for each in found]
        assert costs == sorted(costs)
    if policy is Policy.PINNED or not fallback:
        assert len(found) == 1
