"""What accounts see of their requests, on each kind of database: pages, one by its id, sums, latencies; and nothing of others."""

import random
from collections.abc import Iterable
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.recorded_lines import line_at, write_lines
from tests.e2e.store.conftest import Desk
from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.billing.insights import Insights
from tollway.billing.provider_health import KEPT_MS, Health, ProviderHealth
from tollway.billing.reports import Reports
from tollway.billing.request_log import RequestLog
from tollway.errors import CommandRefused, NotThere
from tollway.ids import EPOCH_MS, SHIFT
from tollway.ledger.lines import Attribution, ExchangeLine, Hold, Outcome
from tollway.ledger.records import Account
from tollway.ledger.requests import RequestQuery, Statuses
from tollway.ledger.usage import ALL_TIME, Division, Span, UsageFilter
from tollway.neutral.usage import Usage
from tollway.store import request_log_rows, timing_rows
from tollway.store.store import Store
from tollway.store.usage_rollup import HOUR_MS, add_usage

DAY_MS = 24 * HOUR_MS
NOON = 1_767_225_600_000 + 12 * HOUR_MS
"""Of the first day of 2026."""


@pytest.fixture
def log(store: Store) -> RequestLog:
    return RequestLog(store)


@pytest.fixture
def insights(store: Store) -> Insights:
    return Insights(store, Reports(store), UTC, now_ms=lambda: NOON + HOUR_MS + 5)


@pytest.fixture
def eve(accounts: Accounts) -> Account:
    return accounts.create("Eve")


def record(store: Store, url: str, lines: Iterable[ExchangeLine]) -> None:
    lines = [*lines]
    write_lines(url, lines)
    with store._writing() as connection:
        add_usage(connection, lines)


def of(account: Account, **other: Any) -> RequestQuery:
    return RequestQuery(who=UsageFilter(account_id=account.id), **other)


def walked(log: RequestLog, query: RequestQuery, limit: int) -> list[int]:
    """Return the ids of all pages."""
    found: list[int] = []
    for _ in range(1000):
        page = log.page(query, limit)
        assert len(page.lines) <= limit
        found += [line.exchange_id for line in page.lines]
        if page.next is None:
            return found
        query = RequestQuery(
            who=query.who, outcome=query.outcome, statuses=query.statuses, span=query.span, after=page.next
        )
    raise AssertionError("the pages have no end")


def odd_lines(account: Account, eve: Account) -> list[ExchangeLine]:
    """Lines of two accounts over a few hours, some with ids of long before, some with ids of a later hour."""
    draw = random.Random(5)
    lines: list[ExchangeLine] = []
    for number in range(120):
        ended_ms = NOON - draw.choice([0, 1, 2, 30]) * HOUR_MS - draw.randrange(HOUR_MS)
        owner = account if number % 3 else eve
        took_ms = draw.choice([10, 500, 3 * HOUR_MS])
        line = line_at(ended_ms, took_ms=took_ms, account_id=owner.id, status=draw.choice([200, 200, 429, 502]))
        begun_ms = ended_ms + draw.choice([-took_ms, -took_ms, -40 * DAY_MS, 2 * HOUR_MS])
        lines.append(line_at(ended_ms, **_fields(line) | {"exchange_id": ((begun_ms - EPOCH_MS) << SHIFT) + number}))
    return lines


def _fields(line: ExchangeLine) -> dict[str, Any]:
    return {"account_id": line.account_id, "status": line.status, "took_ms": line.ended_ms - line.started_ms}


def test_the_pages_of_an_account_are_its_lines_in_one_order_however_long_they_are(
    store: Store, url: str, log: RequestLog, account: Account, eve: Account
) -> None:
    lines = odd_lines(account, eve)
    record(store, url, lines)
    mine = {line.exchange_id: line for line in lines if line.account_id == account.id}
    whole = [line.exchange_id for line in store.exchanges(of(account), 1000)]
    assert sorted(whole) == sorted(mine)
    hours = [mine[number].ended_ms // HOUR_MS for number in whole]
    assert hours == sorted(hours, reverse=True)
    for limit in (1, 7, 200):
        assert walked(log, of(account), limit) == whole
    refused = of(account, statuses=Statuses(400, 599))
    assert walked(log, refused, 3) == [number for number in whole if mine[number].status >= 400]
    start_ms, end_ms = NOON - 2 * HOUR_MS - 1000, NOON - HOUR_MS // 2
    assert walked(log, of(account, span=Span(start_ms, end_ms)), 4) == [
        number for number in whole if start_ms <= mine[number].ended_ms < end_ms
    ]


def test_what_ends_between_two_pages_hides_nothing_of_before(
    store: Store, url: str, log: RequestLog, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, url, [line_at(NOON + number, account_id=account.id) for number in range(6)])
    first = log.page(of(account), 2)
    record(store, url, [line_at(NOON + 100 + number, account_id=account.id) for number in range(9)])
    second = log.page(of(account, after=first.next), 200)
    assert (len(second.lines), second.next) == (4, None)
    monkeypatch.setattr(request_log_rows, "LINES_LOOKED_MAX", 3)
    page = log.page(of(account, statuses=Statuses(500, 599)), 2)
    assert page.lines == ()
    assert page.next is not None
    assert walked(log, of(account, statuses=Statuses(500, 599)), 2) == []
    assert len(walked(log, of(account), 2)) == 15


def test_hours_without_end_are_not_looked_through_for_one_page(
    store: Store, url: str, log: RequestLog, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, url, [line_at(NOON - number * HOUR_MS, account_id=account.id) for number in range(7)])
    monkeypatch.setattr(request_log_rows, "HOURS_LOOKED_MAX", 3)
    assert [len(log.page(of(account), 50).lines), len(walked(log, of(account), 50))] == [3, 7]


async def test_a_request_is_found_by_its_id_by_its_account_only(
    store: Store, log: RequestLog, desk: Desk, account: Account, eve: Account
) -> None:
    hold = await desk.held(account, 10)
    desk.age()
    assert await desk.commits.probe()
    assert isinstance(log.find(account.id, hold.exchange_id), Hold)
    line = await desk.close(hold, 4)
    assert log.find(account.id, hold.exchange_id) == line
    assert log.page(of(account)).lines == (line,)
    assert log.facts((line,)).currencies == {account.id: "USD"}
    with pytest.raises(NotThere, match="there is no request req_"):
        log.find(eve.id, hold.exchange_id)
    with pytest.raises(NotThere, match="to go on after"):
        log.page(of(eve, after=hold.exchange_id))
    for limit in (0, 201):
        with pytest.raises(CommandRefused):
            log.page(of(account), limit)


def used(account: Account, number: int, **other: Any) -> ExchangeLine:
    """Return a line of NOON's hour that took as many milliseconds as its number."""
    usage = Usage(input=60, cached_input=40, output=10)
    return line_at(NOON + number, took_ms=number, **{"account_id": account.id, "usage": usage, "base_nanos": 7} | other)


def test_a_summary_counts_failures_and_tells_its_slowest_hundredth(
    store: Store, url: str, insights: Insights, account: Account, eve: Account
) -> None:
    lines = [used(account, number) for number in range(1, 199)]
    lines += [used(account, number, outcome=Outcome.FAILED, status=502, base_nanos=0) for number in (199, 200)]
    record(store, url, [*lines, used(eve, 9_000)])
    who = UsageFilter(account_id=account.id)
    summary = insights.summary(who, insights.month("2026-01"))
    assert (summary.sums.requests, summary.sums.total_nanos, summary.currency) == (200, 198 * 7, "USD")
    assert (summary.average_latency_ms, summary.p99_latency_ms) == (100.5, 198)
    assert (summary.cache_hit_rate, summary.error_rate, summary.cut_ms) == (0.4, 0.01, None)
    part = insights.summary(who, Span(NOON + 199, NOON + HOUR_MS))
    assert (part.sums.requests, part.error_rate, part.p99_latency_ms) == (2, 1.0, 200)
    nothing = insights.summary(UsageFilter(account_id=account.id, model_routed="x"), ALL_TIME)
    assert (nothing.sums.requests, nothing.error_rate, nothing.p99_latency_ms) == (0, None, None)
    for nobody in (UsageFilter(account_id=7), UsageFilter()):
        with pytest.raises(NotThere):
            insights.summary(nobody, ALL_TIME)


def test_of_very_many_lines_the_newest_are_looked_at_and_the_answer_says_since_when(
    store: Store, url: str, insights: Insights, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, url, [used(account, number) for number in range(1, 21)])
    monkeypatch.setattr(timing_rows, "LINES_LOOKED_MAX", 20)
    whole = insights.summary(UsageFilter(account_id=account.id), ALL_TIME)
    assert (whole.p99_latency_ms, whole.average_latency_ms, whole.cut_ms) == (20, 10.5, None)
    monkeypatch.setattr(timing_rows, "LINES_LOOKED_MAX", 5)
    cut = insights.summary(UsageFilter(account_id=account.id), ALL_TIME)
    assert (cut.sums.requests, cut.cut_ms) == (20, NOON)
    assert cut.average_latency_ms is not None


def test_usage_is_divided_by_anything_the_dearest_first(
    store: Store, url: str, insights: Insights, account: Account, eve: Account
) -> None:
    by_tag = {"a": 5, "b": 90, "c": 5}
    lines = [
        used(account, n + 1, attribution=Attribution(tag=tag), base_nanos=nanos)
        for n, (tag, nanos) in enumerate(by_tag.items())
    ]
    lines += [used(account, 9, attribution=Attribution(tag="c", end_user="u", session="s"), base_nanos=0)]
    lines += [used(account, 9, base_nanos=1), used(eve, 4, attribution=Attribution(tag="theirs"), base_nanos=1_000)]
    record(store, url, lines)
    who = UsageFilter(account_id=account.id)
    rows, parts = insights.usage(Division.TAG, who, insights.month("2026-01"))
    assert [(row.tag, row.sums.requests, row.sums.total_nanos) for row in rows] == [
        ("b", 1, 90),
        ("c", 2, 5),
        ("a", 1, 5),
        ("", 1, 1),
    ]
    assert parts == 4
    assert insights.usage(Division.TAG, who, ALL_TIME, 1) == (rows[:1], 4)
    assert insights.usage(Division.TAG, who, insights.month("2025-12")) == ((), 0)
    assert [row.end_user for row in insights.usage(Division.END_USER, who, ALL_TIME).rows] == ["", "u"]
    assert [row.hour_ms for row in insights.series(Division.HOUR, who, ALL_TIME)] == [NOON]
    assert len(insights.series(Division.DAY, who, insights.period("2026-01-01", "2026-01-31"))) == 1
    with pytest.raises(CommandRefused, match="by hour or day"):
        insights.series(Division.TAG, who, ALL_TIME)
    with pytest.raises(CommandRefused):
        insights.usage(Division.TAG, who, ALL_TIME, 0)
    assert insights.money(account.id).spent_nanos == 101
    assert insights.money(account.id).balance_nanos == 10_000
    with pytest.raises(NotThere):
        insights.money(7)


def test_months_and_windows_are_those_of_the_deployments_calendar(store: Store) -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    insights = Insights(store, Reports(store, zone=shanghai), shanghai, now_ms=lambda: NOON + HOUR_MS + 5)
    january = insights.month()
    assert january == insights.month("2026-01")
    assert january.start_ms == NOON - 20 * HOUR_MS
    assert insights.window("24h") == Span(NOON - 23 * HOUR_MS, None)
    assert insights.window(" 30d ") == Span(NOON + HOUR_MS - 30 * DAY_MS, None)
    for wrong in ("2026-1", "2026-13", "2026-01-01", "", "january"):
        with pytest.raises(CommandRefused):
            insights.month(wrong)
    for wrong in ("", "0d", "367d", "9999d", "30", "d", "-1d", "1w"):
        with pytest.raises(CommandRefused):
            insights.window(wrong)


def test_the_health_of_providers_is_read_from_the_newest_requests_and_kept_a_while(
    store: Store, url: str, account: Account
) -> None:
    now_ms = clock.now_ms()
    times = iter([now_ms, now_ms + KEPT_MS - 1, now_ms + KEPT_MS, now_ms - 1])
    health = ProviderHealth(store, now_ms=lambda: next(times))
    write_lines(url, [line_at(now_ms - 9_000, account_id=account.id), line_at(now_ms - 2 * HOUR_MS, provider="old")])
    known = {"p": Health.OPERATIONAL, "old": Health.UNKNOWN}
    assert health.statuses(known) == known
    broken = [line_at(now_ms - number, outcome=Outcome.FAILED, status=502) for number in range(3)]
    write_lines(url, broken)
    assert health.statuses(["p"]) == {"p": Health.OPERATIONAL}
    assert health.statuses(["p"]) == {"p": Health.DOWN}
    assert health.statuses(["p"]) == {"p": Health.DOWN}
    assert store.provider_ends(0, 3) == (("p", Outcome.FAILED, 502, 3),)
