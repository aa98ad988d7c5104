"""Usage is the sum of the lines, whatever is written by whom, and however it is divided, cut and filtered."""

import asyncio
import tempfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.store.conftest import CARD, Desk
from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.billing.reports import FIELDS, Reports
from tollway.billing.statements import Statements
from tollway.ids import EPOCH_MS, SHIFT
from tollway.ledger.lines import Attribution, ExchangeLine, Hold, Outcome
from tollway.ledger.records import Account
from tollway.ledger.requests import EVERY_REQUEST, RequestQuery
from tollway.ledger.usage import Division, Span, UsageFilter, UsageSums
from tollway.limits.windows import DAY, window_at
from tollway.neutral.usage import Basis, Usage
from tollway.store.store import Store

HOUR_MS = 3_600_000
MIDDLE_MS = 1_775_314_800_000
"""When the clocks of Lord Howe go back by thirty minutes, in April 2026."""
REACH_MS = 40 * HOUR_MS
TIMES = st.integers(MIDDLE_MS - REACH_MS, MIDDLE_MS + REACH_MS)
CUTS = TIMES | st.sampled_from([MIDDLE_MS, MIDDLE_MS + HOUR_MS, MIDDLE_MS - HOUR_MS // 2])
ZONES = st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"])
COUNTS = st.none() | st.integers(0, 50)
TEXTS = st.none() | st.sampled_from(["a", "b"])
FATES = st.sampled_from(["charged", "charged", "charged", "failed", "left"])


class Drawn(msgspec.Struct, frozen=True):
    """An exchange as it shall be."""

    rich: bool
    key_id: int
    begun_ms: int
    lasts_ms: int
    fate: str
    who: Attribution
    usage: Usage


EXCHANGES = st.lists(
    st.builds(
        Drawn,
        rich=st.booleans(),
        key_id=st.integers(1, 3),
        begun_ms=TIMES,
        lasts_ms=st.integers(0, 2 * HOUR_MS),
        fate=FATES,
        who=st.builds(Attribution, sub_account_id=st.none(), tag=TEXTS, end_user=TEXTS, session=TEXTS),
        usage=st.builds(
            Usage, input=st.integers(0, 50), **dict.fromkeys(("output", "reasoning", "images", "calls"), COUNTS)
        ),
    ),
    max_size=12,
)
SPANS = st.builds(Span, st.none() | CUTS, st.none()) | st.lists(CUTS, min_size=2, max_size=2, unique=True).map(
    lambda cuts: Span(*sorted(cuts))
)
DIVISIONS = st.lists(st.sampled_from([each for each in Division if each is not Division.SUB_ACCOUNT]), max_size=3)


class World:
    """A store with two accounts, and exchanges in it."""

    def __init__(self, folder: str) -> None:
        self.store = Store.open(f"sqlite:///{Path(folder) / 'books.db'}", durability="normal")
        self.store.record_cards([CARD], clock.now_ms())
        accounts = Accounts(self.store, self.store.ids())
        self.accounts = (
            accounts.create("Ada", credit_nanos=10**6),
            accounts.create("Bo", currency="CNY", credit_nanos=10**6),
        )

    async def live(self, drawn: Iterable[Drawn]) -> None:
        """Write exchanges by a worker that goes on, and by one that dies and leaves its own open."""
        desk, mortal = Desk(self.store), Desk(self.store)
        for number, each in enumerate(drawn):
            at = mortal if each.fate == "left" else desk
            hold = await self.taken(at, number, each)
            if each.fate == "left":
                at.books.announce(hold.exchange_id)
            else:
                at.books.close(self.line(at, hold, each))
            at.commits.step()
        for worker in (mortal, desk):
            self.store.retire(worker.worker)
            worker.drop()

    async def taken(self, at: Desk, number: int, each: Drawn) -> Hold:
        account: Account = self.accounts[each.rich]
        hold = msgspec.structs.replace(
            at.hold(account, 50),
            exchange_id=((each.begun_ms - EPOCH_MS) << SHIFT) + number,
            key_id=each.key_id,
            started_ms=each.begun_ms,
            attribution=each.who,
        )
        task = asyncio.create_task(at.books.hold(hold))
        while not task.done():
            await asyncio.sleep(0)
            at.commits.step()
        await task
        return hold

    def line(self, at: Desk, hold: Hold, each: Drawn) -> ExchangeLine:
        line = msgspec.structs.replace(
            at.line(hold, each.usage.input or 0),
            usage=each.usage,
            attribution=each.who,
            ended_ms=each.begun_ms + each.lasts_ms,
            rate_nanos=10**9 if each.rich else None,
        )
        if each.fate == "failed":
            nothing = {"base_nanos": 0, "usage": Usage(), "provider": "", "model_routed": "", "card_id": None}
            line = msgspec.structs.replace(line, outcome=Outcome.FAILED, basis=Basis.UNKNOWN, **nothing)
        return line

    def lines(self) -> tuple[ExchangeLine, ...]:
        return self.store.exchanges(EVERY_REQUEST, 1000)


def ended_in(line: ExchangeLine, span: Span) -> bool:
    after = span.start_ms is None or line.ended_ms >= span.start_ms
    return after and (span.end_ms is None or line.ended_ms < span.end_ms)


def key_of(line: ExchangeLine, zone: ZoneInfo) -> dict[Division, Any]:
    return {
        Division.DAY: window_at(DAY, zone, line.ended_ms).start_ms,
        Division.HOUR: line.ended_ms - line.ended_ms % HOUR_MS,
        Division.ACCOUNT: line.account_id,
        Division.KEY: line.key_id,
        Division.PROVIDER: line.provider,
        Division.MODEL: line.model_routed,
        Division.TAG: line.attribution.tag or "",
        Division.END_USER: line.attribution.end_user or "",
        Division.SESSION: line.attribution.session or "",
    }


def sums_of(lines: Iterable[ExchangeLine]) -> UsageSums:
    total = dict.fromkeys(UsageSums.__struct_fields__, 0)
    for line in lines:
        total["requests"] += 1
        total["input_tokens"] += line.usage.input or 0
        total["output_tokens"] += line.usage.output or 0
        total["reasoning_tokens"] += line.usage.reasoning or 0
        total["images"] += line.usage.images or 0
        total["calls"] += line.usage.calls or 0
        total["base_nanos"] += line.base_nanos
    return UsageSums(**total)


@settings(max_examples=40)
@given(drawn=EXCHANGES, by=DIVISIONS, span=SPANS, zone=ZONES, tag=st.sampled_from([None, "", "a"]), mine=st.booleans())
def test_a_report_is_the_sum_of_the_lines_of_its_time(
    drawn: list[Drawn], by: list[Division], span: Span, zone: str, tag: str | None, mine: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder)
        asyncio.run(world.live(drawn))
        lines, place = world.lines(), ZoneInfo(zone)
        assert len(lines) == len(drawn)
        assert world.store.check().problems == ()
        account = world.accounts[0]
        who = UsageFilter(tag=tag, account_id=account.id if mine else None)
        wanted = [
            line
            for line in lines
            if ended_in(line, span)
            and tag in {None, line.attribution.tag or ""}
            and (not mine or line.account_id == account.id)
        ]
        parts: dict[tuple[object, ...], list[ExchangeLine]] = {}
        for line in wanted:
            currency = "USD" if line.account_id == account.id else "CNY"
            key = (*(key_of(line, place)[division] for division in dict.fromkeys(by)), currency)
            parts.setdefault(key, []).append(line)
        found = Reports(world.store, zone=place).usage(by, who, span)
        fields = [FIELDS[division] for division in dict.fromkeys(by)]
        assert {(*(getattr(row, field) for field in fields), row.currency): row.sums for row in found} == {
            key: sums_of(some) for key, some in parts.items()
        }
        statements = Statements(world.store)
        listed = statements.requests(RequestQuery(who=who, span=span), 1000)
        assert {line.exchange_id for line in listed} == {line.exchange_id for line in wanted}
        world.store.close()


@settings(max_examples=40)
@given(drawn=EXCHANGES, cuts=st.lists(CUTS, min_size=1, max_size=3, unique=True))
def test_statements_of_periods_that_meet_chain_and_the_last_closes_with_the_balance(
    drawn: list[Drawn], cuts: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder)
        asyncio.run(world.live(drawn))
        statements = Statements(world.store)
        ends = [None, *sorted(cuts), None]
        for account in world.accounts:
            chain = [statements.statement(account.id, Span(start, end)) for start, end in pairwise(ends)]
            assert chain[0].opening_nanos == 0
            for earlier, later in pairwise(chain):
                assert earlier.closing_nanos == later.opening_nanos
                assert earlier.tokens.closing == later.tokens.opening
            balance = world.store.balance(account.id)
            assert balance is not None
            assert chain[-1].closing_nanos == balance.balance_nanos
            used = sum(group.count for each in chain for group in each.groups if group.group == "usage")
            assert used == sum(line.account_id == account.id for line in world.lines())
        world.store.close()
