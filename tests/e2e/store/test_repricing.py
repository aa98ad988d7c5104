"""Past charges computed anew, by their own cards and by other prices."""

from typing import Any

import pytest

from tests.e2e.store.conftest import Tamper
from tests.e2e.store.full_books import FullBooks
from tollway import clock
from tollway.billing.repricing import NewTerms, Repricing, parse_prices, view_proof
from tollway.catalog.records import PriceCard
from tollway.errors import CommandRefused
from tollway.ledger.repricing import Repriced, RepriceQuery
from tollway.ledger.usage import ALL_TIME, Span, UsageFilter
from tollway.money import PPM, AmountError
from tollway.store import reprice_rows
from tollway.store.store import Store

ALL = RepriceQuery(span=ALL_TIME)
DEAR = PriceCard(id=2, provider="q", model="n", currency="USD", input=3_000_000, output=0, source="test")
CHINESE = PriceCard(id=3, provider="q", model="n", currency="CNY", input=3_000_000, output=0, source="test")


@pytest.fixture
async def books(store: Store) -> FullBooks:
    books = FullBooks(store)
    store.record_cards([DEAR, CHINESE], clock.now_ms())
    await books.use_everything()
    return books


def changed(books: FullBooks, query: RepriceQuery = ALL, **new: Any) -> tuple[tuple[int, ...], ...]:
    """What is charged and would be: requests, base, fee, new base, new fee."""
    rows: tuple[Repriced, ...] = Repricing(books.store).reprice(query, NewTerms(**new))
    return tuple((row.requests, row.base_nanos, row.fee_nanos, row.new_base_nanos, row.new_fee_nanos) for row in rows)


async def test_every_past_charge_is_what_its_card_makes(books: FullBooks) -> None:
    proof = Repricing(books.store).check()
    assert (proof.checked, proof.wrong) == (4, ())


async def test_a_charge_that_differs_is_told_with_what_it_should_be(books: FullBooks, tamper: Tamper) -> None:
    assert tamper("UPDATE exchanges SET base_nanos = 29, fee_nanos = 1 WHERE base_nanos = 30") == 1
    view = view_proof(Repricing(books.store).check())
    assert (view["clean"], view["checked"]) == (False, 4)
    (wrong,) = view["wrong"]  # pyright: ignore[reportGeneralTypeIssues]
    assert (wrong["base_cost"], wrong["due_base_cost"]) == ("0.000000029", "0.00000003")
    assert (wrong["platform_fee"], wrong["due_platform_fee"]) == ("0.000000001", "0.00")
    assert "its usage and price card make 30" in wrong["problems"][0]


async def test_what_would_have_been_is_by_account_and_model_and_changes_nothing(books: FullBooks) -> None:
    before = books.store.check()
    assert changed(books, card_id=DEAR.id) == ((2, 70, 0, 210, 0),)
    assert changed(books, prices=parse_prices("input=0.002,output=0.5")) == ((2, 70, 0, 140, 0),)
    assert changed(books, fee_ppm=100_000) == ((2, 70, 0, 70, 7),)
    assert changed(books, price_ppm=PPM // 2, fee_ppm=0) == ((2, 70, 0, 35, 0),)
    assert books.store.check() == before


async def test_only_the_charges_that_are_asked_for_are_repriced(
    books: FullBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reprice_rows, "LINES_AT_ONCE", 1)
    assert changed(books, card_id=DEAR.id) == ((2, 70, 0, 210, 0),)
    nobody = RepriceQuery(span=ALL_TIME, who=UsageFilter(model_routed="x"))
    assert changed(books, nobody, card_id=DEAR.id) == ()
    then = RepriceQuery(span=Span(books.at_ms, books.at_ms + 1), who=UsageFilter(account_id=books.account.id))
    assert changed(books, then, fee_ppm=0) == ((2, 70, 0, 70, 0),)
    assert changed(books, RepriceQuery(span=Span(None, books.at_ms)), fee_ppm=0) == ()


async def test_a_card_that_is_not_there_or_in_another_currency_is_refused(
    books: FullBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandRefused, match="there is no price card card_0000000000000009"):
        changed(books, card_id=9)
    with pytest.raises(CommandRefused, match="the new card is in CNY"):
        changed(books, card_id=CHINESE.id)
    monkeypatch.setattr("tollway.billing.repricing.GROUPS_MAX", 0)
    with pytest.raises(CommandRefused, match="more than 0 lines"):
        changed(books, fee_ppm=0)


async def test_lines_without_their_card_are_refused(books: FullBooks, tamper: Tamper) -> None:
    assert tamper("DELETE FROM price_cards WHERE id = 1") == 1
    with pytest.raises(CommandRefused, match="run tollway ledger check"):
        changed(books, fee_ppm=0)
    assert Repricing(books.store).check().wrong[0].due_base_nanos is None


@pytest.mark.parametrize(
    "text",
    ["", "input=1", "input=1,output=1,colour=1", "input,output", "input=1,output=-1", "input=1,input=1,output=1"],
)
def test_prices_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(CommandRefused):
        parse_prices(text)
    with pytest.raises(AmountError):
        parse_prices("input=x,output=1")
