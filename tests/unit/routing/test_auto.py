"""What `auto` stands for: by what it is asked for, by price, and by the client's bias."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.routing.test_plan import CARD, target
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model
from tollway.dialects.record import Operation
from tollway.errors import Refusal
from tollway.money import PPM
from tollway.neutral.wishes import Bias
from tollway.routing.auto import (
    AUTO_MODELS_MAX,
    MODALITY_OF,
    choose,
    modality_wanted,
    models_of,
    price_nanos,
    refuse_empty,
    wants_auto,
)


def model(name: str, *capabilities: str) -> Model:
    return Model(id=name, targets=(target("p"),), capabilities=capabilities)


A, B, C, D = (model(name) for name in "abcd")
PRICED = [(A, 2), (B, 1), (C, 3), (D, 2)]


@pytest.mark.parametrize(("asked", "wanted"), [("auto", True), ("auto/text", True), ("automatic", False), ("m", False)])
def test_auto_is_a_name_of_its_own(asked: str, wanted: bool) -> None:
    assert wants_auto(asked) is wanted


def test_every_operation_has_a_modality() -> None:
    assert set(MODALITY_OF) == set(Operation)


@pytest.mark.parametrize(
    ("asked", "operation", "modality"),
    [
        ("auto", Operation.CHAT, "text"),
        ("auto/", Operation.CHAT, "text"),
        ("auto/text", Operation.CHAT, "text"),
        ("auto", Operation.EMBEDDING, "embedding"),
        ("auto/embedding", Operation.EMBEDDING, "embedding"),
        ("auto/tts", Operation.SPEECH, "tts"),
    ],
)
def test_auto_makes_what_is_asked_for(asked: str, operation: Operation, modality: str) -> None:
    assert modality_wanted(asked, operation) == modality


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ("auto/image", "invalid_request", "asked for at /v1/images/generations"),
        ("auto/video", "invalid_request", "nothing here makes that yet"),
        ("auto/smell", "model_not_found", "no such modality"),
    ],
)
def test_what_is_made_elsewhere_or_nowhere_is_said(asked: str, code: str, says: str) -> None:
    with pytest.raises(Refusal, match=says) as refused:
        modality_wanted(asked, Operation.CHAT)
    assert (refused.value.code, refused.value.param) == (code, "model")


def test_models_that_say_what_they_can_are_chosen_from() -> None:
    models = [model("a", "chat", "tools"), model("b"), model("c", "embeddings"), model("d", "vision")]
    assert [each.id for each in models_of("text", models)] == ["a", "d"]
    assert [each.id for each in models_of("embedding", models)] == ["c"]


def test_a_model_costs_what_its_dearest_target_costs_with_its_discount() -> None:
    rates = RateTable("USD", {"CNY": 140_000_000})
    cheap = msgspec.structs.replace(CARD, input=1_000, output=3_000)
    yuan = msgspec.structs.replace(CARD, input=10_000, output=40_000, currency="CNY")
    both = Model(id="m", targets=(target("a", card=cheap), target("b", card=yuan)), price_ppm=PPM // 2)
    assert price_nanos(both, rates, now_ms=0) == 50_000 * 14 // 100 // 2
    assert price_nanos(Model(id="m", targets=(target("a", card=None),)), rates, now_ms=0) is None


@pytest.mark.parametrize(
    ("bias", "order", "reason"),
    [
        (None, "abc", "the first of 4"),
        (Bias.AUTO, "abc", "the first of 4"),
        (Bias.SPEED, "abc", "the first of 4"),
        (Bias.COST, "bad", "the cheapest of 4"),
        (Bias.QUALITY, "cad", "the dearest of 4"),
    ],
)
def test_a_bias_orders_them_and_at_most_three_are_tried(bias: Bias | None, order: str, reason: str) -> None:
    chosen = choose(PRICED, bias=bias, ceiling_nanos=None)
    assert chosen is not None
    assert "".join(each.id for each in chosen.models) == order
    assert len(chosen.models) == AUTO_MODELS_MAX
    assert chosen.reason == reason
    assert ("nothing is measured" in chosen.notice) is (bias is Bias.SPEED)


def test_nothing_dearer_than_the_baseline_is_chosen() -> None:
    chosen = choose(PRICED, bias=Bias.QUALITY, ceiling_nanos=2)
    assert chosen is not None
    assert [each.id for each in chosen.models] == ["a", "d", "b"]
    assert chosen.reason == "the dearest of 3 within the baseline"
    assert choose(PRICED, bias=None, ceiling_nanos=0) is None
    assert choose([], bias=None, ceiling_nanos=None) is None


@given(
    prices=st.lists(st.integers(0, 9), max_size=6),
    bias=st.none() | st.sampled_from(Bias),
    ceiling=st.none() | st.integers(0, 9),
)
def test_what_is_chosen_is_never_above_the_ceiling(prices: list[int], bias: Bias | None, ceiling: int | None) -> None:
    priced = [(model(f"m{place}"), price) for place, price in enumerate(prices)]
    chosen = choose(priced, bias=bias, ceiling_nanos=ceiling)
    price_of = {each.id: price for each, price in priced}
    within = [price for price in prices if ceiling is None or price <= ceiling]
    if chosen is None:
        assert not within
        return
    found = [price_of[each.id] for each in chosen.models]
    assert all(ceiling is None or price <= ceiling for price in found)
    if bias is Bias.COST:
        assert found == sorted(within)[:AUTO_MODELS_MAX]
    if bias is Bias.QUALITY:
        assert found == sorted(within, reverse=True)[:AUTO_MODELS_MAX]


def test_nothing_to_choose_from_says_what_to_do() -> None:
    assert '[auto] embedding = ["…"]' in refuse_empty("embedding", bounded=False).message
    assert 'capabilities = ["embeddings"]' in refuse_empty("embedding", bounded=False).message
    assert "`baseline_model`" in refuse_empty("text", bounded=True).message
    assert refuse_empty("text", bounded=True).code == "model_not_found"
