"""What providers reported beside what cards say, summed by the database: no line twice, none left out, none guessed."""

import msgspec
import pytest

from tests.e2e.recorded_lines import line_at, write_lines
from tests.e2e.store.conftest import CARD, Desk
from tollway import clock
from tollway.billing import costs as costs_module
from tollway.billing.bill_files import parse_day
from tollway.billing.costs import REPORT_DAYS, REPORT_DAYS_MAX, CostRow, Costs, DaySpan
from tollway.catalog.records import PriceTier
from tollway.errors import CommandRefused
from tollway.ledger.bills import DAY_MS
from tollway.ledger.lines import Outcome
from tollway.ledger.records import Account
from tollway.money import AMOUNT_NANOS_MAX
from tollway.neutral.usage import Basis, Usage
from tollway.store import cost_rows
from tollway.store.store import Store

FIRST = parse_day("2026-03-01")
NOON = FIRST + DAY_MS // 2
MONTH = DaySpan(from_ms=FIRST, until_ms=FIRST + 31 * DAY_MS)
TOKEN = Usage(input=1)

TIERED = msgspec.structs.replace(
    CARD,
    id=2,
    model="long",
    input=1_000_000,
    output=10_000_000,
    call=5_000_000,
    tiers=(
        PriceTier(above_tokens=100, input=2_000_000, output=20_000_000),
        PriceTier(above_tokens=200, input=3_000_000, output=30_000_000),
    ),
)
YUAN = msgspec.structs.replace(CARD, id=3, currency="CNY", input=7_000_000)


@pytest.fixture
def costs(store: Store) -> Costs:
    store.record_cards([TIERED, YUAN], clock.now_ms())
    return Costs(store, now_ms=lambda: NOON)


def figures(rows: tuple[CostRow, ...]) -> list[tuple[int, str, str, int, int | None, int]]:
    return [
        (
            (row.day_ms - FIRST) // DAY_MS,
            row.provider,
            row.model,
            row.cost.requests,
            row.cost.nanos,
            row.cost.theirs_nanos,
        )
        for row in rows
    ]


def test_lines_are_summed_by_day_provider_and_model_at_their_list_cost(url: str, costs: Costs) -> None:
    write_lines(
        url,
        [
            # What was charged for them (base, discount, fee) is not what is compared.
            line_at(NOON, usage=Usage(input=700), provider_cost_nanos=800, base_nanos=9, price_ppm=5, fee_nanos=3),
            line_at(NOON, usage=Usage(input=300), provider_cost_nanos=100),
            line_at(NOON, usage=TOKEN, provider_cost_nanos=1, provider="q"),
            line_at(NOON, usage=TOKEN, provider_cost_nanos=2, model_routed="n"),
            line_at(NOON + DAY_MS, usage=Usage(input=5), provider_cost_nanos=0),
            line_at(NOON, usage=Usage(input=10**6), provider_cost_nanos=None),
        ],
    )
    rows = costs.report(MONTH)
    assert figures(rows) == [
        (0, "p", "m", 2, 1000, 900),
        (0, "p", "n", 1, 1, 2),
        (0, "q", "m", 1, 1, 1),
        (1, "p", "m", 1, 5, 0),
    ]
    assert [row.difference_nanos for row in rows] == [-100, 1, 0, -5]
    assert [row.provider for row in costs.report(MONTH, provider="q")] == ["q"]


async def test_a_line_as_a_worker_writes_it_is_in_the_report(desk: Desk, account: Account, costs: Costs) -> None:
    hold = await desk.held(account, 500)
    line = msgspec.structs.replace(desk.line(hold, 120), provider_cost_nanos=100)
    _, durable = desk.books.close(line)
    await durable
    today = line.ended_ms // DAY_MS * DAY_MS
    (row,) = costs.report(DaySpan(from_ms=today, until_ms=today + DAY_MS))
    assert (row.day_ms, row.cost.requests, row.cost.nanos, row.cost.theirs_nanos) == (today, 1, 120, 100)
    assert row.cost.tokens == 120


def test_each_request_is_priced_by_the_tier_of_its_own_input(url: str, costs: Costs) -> None:
    def used(tokens: int) -> Usage:
        return Usage(input=tokens - 20, cached_input=20, output=1)

    sizes = (100, 101, 200, 201, 1000)
    common = {"card_id": TIERED.id, "model_routed": "long", "provider_cost_nanos": 1}
    write_lines(url, [line_at(NOON, usage=used(size), **common) for size in sizes])
    (row,) = costs.report(MONTH)
    # A call is charged where the prices of the tier say so: the first, which is the card itself.
    assert row.cost.nanos == (100 + 10 + 5) + 2 * (101 + 10) + 2 * (200 + 10) + 3 * (201 + 10) + 3 * (1000 + 10)


def test_a_call_counts_as_one_unless_the_line_says_how_many(url: str, costs: Costs) -> None:
    common = {"card_id": TIERED.id, "provider_cost_nanos": 1}
    write_lines(url, [line_at(NOON, usage=Usage(calls=calls), **common) for calls in (None, 0, 3)])
    (row,) = costs.report(MONTH)
    assert row.cost.nanos == 5 * (1 + 0 + 3)


def test_a_cost_that_nobody_knows_is_none_and_stands_apart(url: str, costs: Costs) -> None:
    write_lines(
        url,
        [
            line_at(NOON, usage=TOKEN, provider_cost_nanos=1),
            line_at(NOON, usage=TOKEN, provider_cost_nanos=2, card_id=None),
            line_at(NOON, usage=TOKEN, provider_cost_nanos=4, card_id=404),
            line_at(NOON, basis=Basis.UNKNOWN, outcome=Outcome.FAILED, provider_cost_nanos=8),
        ],
    )
    unknown, known = costs.report(MONTH)
    assert (unknown.cost.requests, unknown.cost.nanos, unknown.cost.theirs_nanos) == (3, None, 14)
    assert (unknown.difference_nanos, known.difference_nanos) == (None, 0)


def test_a_card_in_yuan_is_not_compared_with_dollars(url: str, costs: Costs) -> None:
    write_lines(url, [line_at(NOON, usage=TOKEN, provider_cost_nanos=1, card_id=card) for card in (CARD.id, YUAN.id)])
    yuan, dollars = costs.report(MONTH)
    assert (yuan.cost.currency, yuan.cost.nanos, yuan.difference_nanos) == ("CNY", 7, None)
    assert (dollars.cost.currency, dollars.cost.nanos, dollars.difference_nanos) == ("USD", 1, 0)


def test_a_day_has_the_lines_that_ended_on_it_and_no_other(url: str, costs: Costs) -> None:
    last = FIRST + DAY_MS - 1
    write_lines(
        url,
        [
            line_at(ended_ms, took_ms=took_ms, usage=TOKEN, provider_cost_nanos=cost)
            for ended_ms, took_ms, cost in (
                (FIRST - 1, 0, 1),
                (FIRST, 0, 2),
                (FIRST, 3_600_000, 4),
                (last, 0, 8),
                (last + 1, 1, 16),
                # A clock that was set back by half a day after the id was made.
                (last, -DAY_MS // 2, 32),
            )
        ],
    )
    (row,) = costs.report(DaySpan(from_ms=FIRST, until_ms=FIRST + DAY_MS))
    assert row.cost.theirs_nanos == 2 + 4 + 8 + 32


def test_pieces_that_are_read_one_by_one_have_every_line_once(
    url: str, costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_rows, "PIECE_LINES", 3)
    for count in range(1, 11):
        # Some of no provider that is asked for: they count for the size of a piece, and for nothing else.
        provider = "q" if count % 4 == 0 else "p"
        write_lines(url, [line_at(NOON + count, usage=TOKEN, provider_cost_nanos=1, provider=provider)])
        asked = count - count // 4
        assert sum(row.cost.requests for row in costs.report(MONTH, provider="p")) == asked


def test_nonsense_that_providers_say_of_their_costs_breaks_no_sum(url: str, costs: Costs) -> None:
    write_lines(url, [line_at(NOON, usage=TOKEN, provider_cost_nanos=AMOUNT_NANOS_MAX) for _ in range(3)])
    (row,) = costs.report(MONTH)
    assert row.cost.theirs_nanos == 3 * AMOUNT_NANOS_MAX


def test_a_time_before_all_ids_and_one_after_them_can_be_asked_for(url: str, costs: Costs) -> None:
    write_lines(url, [line_at(NOON, usage=TOKEN, provider_cost_nanos=1)])
    assert costs.report(costs.span("1990-01-01", "1990-12-31")) == ()
    assert costs.report(costs.span("9000-01-01", "9000-12-31")) == ()


def test_a_report_that_no_memory_should_hold_is_refused(
    url: str, costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs_module, "SUMS_MAX", 2)
    lines = [line_at(NOON, usage=TOKEN, provider_cost_nanos=1, model_routed=f"m{number}") for number in range(3)]
    write_lines(url, lines[:2])
    assert len(costs.report(MONTH)) == 2
    write_lines(url, lines[2:])
    with pytest.raises(CommandRefused, match="ask for fewer days"):
        costs.report(MONTH)


def test_a_report_is_about_the_last_thirty_days_unless_somebody_says_otherwise(costs: Costs) -> None:
    assert costs.span(None, None) == DaySpan(from_ms=FIRST - (REPORT_DAYS - 1) * DAY_MS, until_ms=FIRST + DAY_MS)
    assert costs.span("2026-03-01", None) == DaySpan(from_ms=FIRST, until_ms=FIRST + DAY_MS)
    assert costs.span("2026-01-30", "2026-01-31").until_ms == parse_day("2026-02-01")
    day = costs.span(None, "2026-01-31")
    assert day.until_ms - day.from_ms == REPORT_DAYS * DAY_MS


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-03-02", "2026-03-01", "there is no day from 2026-03-02 to 2026-03-01"),
        ("yesterday", None, "is not a day"),
        (None, "", "is not a day"),
        ("2025-01-01", "2026-02-05", f"{REPORT_DAYS_MAX} days at most"),
    ],
)
def test_days_that_make_no_sense_are_refused(costs: Costs, first: str | None, last: str | None, said: str) -> None:
    with pytest.raises(CommandRefused, match=said):
        costs.span(first, last)


def test_the_longest_report_is_of_as_many_days_as_it_says(costs: Costs) -> None:
    span = costs.span("2025-01-01", "2026-02-04")
    assert span.until_ms - span.from_ms == REPORT_DAYS_MAX * DAY_MS
