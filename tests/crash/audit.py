"""Compares what clients received with what the books say. Pure but for `read_books`; knows no process.

The rule behind all of it: whoever has a whole answer has paid for it, once, what it said; whoever got a byte of one has
a line; nobody else has paid, but for answers whose charge was durable when the kill cut off their last bytes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from tests.crash.ask import REPEATED, Ask, Reply, Way
from tollway.ids import EXCHANGE, render_id
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.store.rows import read_line
from tollway.store.store import Store
from tollway.store.tables import exchanges, idempotency, purses, usage_hours

FREE = frozenset((Outcome.FAILED, Outcome.INTERRUPTED, Outcome.EXPIRED))
SUMS: Mapping[str, Callable[[ExchangeLine], int]] = {
    "requests": lambda line: 1,
    "input_tokens": lambda line: line.usage.input or 0,
    "cached_input_tokens": lambda line: line.usage.cached_input or 0,
    "output_tokens": lambda line: line.usage.output or 0,
    "base_nanos": lambda line: line.base_nanos,
    "fee_nanos": lambda line: line.fee_nanos,
    "written_off_nanos": lambda line: line.written_off_nanos,
    "package_micros": lambda line: line.package_micros,
}
"""What the rollup must say of each line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A row of purses."""

    id: int
    kind: str
    balance: int
    leased: int
    limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the store says when all is over."""

    lines: Sequence[ExchangeLine]
    purses: Sequence[Purse]
    sums: Mapping[str, int]
    """Of the rollup."""
    leftovers: Mapping[str, int]
    """Rows that must be gone: holds, leases, workers, requests that count as running."""
    problems: Sequence[str]
    """What `ledger check` says."""


def read_books(url: str) -> Books:
    """Read the whole store."""
    store = Store.open(url)
    try:
        report = store.check()
        with store._reading() as connection:
            lines = [read_line(tuple(row)) for row in connection.execute(select(exchanges))]
            rows = connection.execute(select(purses)).all()
            sums = connection.execute(select(*(func.coalesce(func.sum(usage_hours.c[name]), 0) for name in SUMS))).one()
            running = connection.scalar(
                select(func.count()).select_from(idempotency).where(idempotency.c.state == "running")
            )
    finally:
        store.close()
    return Books(
        lines=lines,
        purses=[
            Purse(id=row.id, kind=row.kind, balance=row.balance_nanos, leased=row.leased_nanos, limit=row.limit_nanos)
            for row in rows
        ],
        sums={name: int(value) for name, value in zip(SUMS, sums, strict=True)},
        leftovers={name: report.counts[name] for name in ("holds", "leases", "workers")} | {"running": running or 0},
        problems=report.problems,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an audit found."""

    figures: Mapping[str, int]
    mismatches: Sequence[str]
    """Where replies and books disagree."""
    leftovers: Sequence[str]
    """What should be gone and is not."""
    overspent_nanos: int


def audit(asks: Iterable[Ask], books: Books, *, funded: Mapping[int, int]) -> Findings:
    """Compare; `funded` is what was put into each account and package, by the id of its purse."""
    by_ask: defaultdict[str, list[ExchangeLine]] = defaultdict(list)
    for line in books.lines:
        by_ask[line.attribution.session or ""].append(line)
    figures: Counter[str] = Counter()
    mismatches = list(books.problems)
    for ask in asks:
        lines = by_ask.pop(ask.name, [])
        mismatches += [f"{ask.name} ({ask.way}, {ask.buyer.wallet}): {wrong}" for wrong in judge(ask, lines)]
        figures.update(count(ask, lines))
    mismatches += [f"nobody asked for what {len(lines)} lines of {name!r} say" for name, lines in by_ask.items()]
    for name, value_of in SUMS.items():
        due = sum(map(value_of, books.lines))
        if books.sums[name] != due:
            mismatches.append(f"usage_hours has {books.sums[name]} {name}, the lines have {due}")
    mismatches += purse_mismatches(books, funded)
    return Findings(
        figures=figures,
        mismatches=mismatches,
        leftovers=[*(f"{number} {name}" for name, number in books.leftovers.items() if number), *lent(books)],
        overspent_nanos=overspent(books, funded),
    )


def judge(ask: Ask, lines: Sequence[ExchangeLine]) -> Iterator[str]:
    """Yield what is wrong between the replies of one ask and its lines."""
    by_id = {render_id(EXCHANGE, line.exchange_id): line for line in lines}
    for reply in ask.replies:
        line = None if reply.request_id is None else by_id.get(reply.request_id)
        yield from judge_reply(ask, reply, line)
    charged = [line for line in lines if line.paid]
    allowed = 1 if ask.way in REPEATED else len(ask.replies)
    if len(charged) > allowed:
        yield f"charged {len(charged)} times"
    if len(lines) > len(ask.replies):
        yield f"{len(lines)} lines for {len(ask.replies)} requests"
    bodies = {reply.kept for reply in ask.replies if reply.kept}
    if len(bodies) > 1:
        yield "its answer came in two versions"
    if ask.way in REPEATED and bodies and len(charged) != 1:
        yield f"it was answered, and charged {len(charged)} times"
    for line in lines:
        if line.outcome is Outcome.COMPLETED:
            written = line.usage.output or 0
            due = ask.cost_nanos(written), ask.package_micros(written)
            if written not in ask.served or (line.total_nanos, line.package_micros) != due:
                yield f"its line says {line.total_nanos} nanos and {line.package_micros} micro-tokens"
        if line.outcome in FREE and line.paid:
            yield f"it is {line.outcome}, and was charged"


def judge_reply(ask: Ask, reply: Reply, line: ExchangeLine | None) -> Iterator[str]:
    """Yield what is wrong between one reply and the line of its request id."""
    name = reply.request_id
    if reply.ended and reply.status == 200 and not reply.replay:
        yield from judge_answer(reply, line)
        return
    if reply.broke and reply.kills_before == reply.kills_after:
        yield f"{name} broke off though nobody was killed"
    if reply.status == 500 or reply.code == "internal_error":
        yield f"{name} met a defect"
    if not reply.ended:
        if reply.content and line is None:
            yield f"{name} reached its client and has no line"
        return
    if reply.status != 200:
        if line is not None and line.paid:
            yield f"{name} was refused with {reply.status} and charged"
        return
    if line is not None and line.paid and len(ask.replies) == 1:
        yield f"{name} is called a replay, but nothing was asked before"


def judge_answer(reply: Reply, line: ExchangeLine | None) -> Iterator[str]:
    """Yield what is wrong between an answer that came to its end and its line."""
    name = reply.request_id
    if line is None:
        yield f"{name} was answered and has no line"
        return
    if reply.cost_nanos != line.total_nanos:
        yield f"{name} says {reply.cost_nanos} nanos, its line {line.total_nanos}"
    if reply.package_micros != line.package_micros:
        yield f"{name} says {reply.package_micros} micro-tokens, its line {line.package_micros}"
    if reply.code is None and line.outcome is not Outcome.COMPLETED:
        yield f"{name} came to its end, its line says {line.outcome}"
    if reply.code is not None and line.outcome in {Outcome.COMPLETED, Outcome.INTERRUPTED}:
        yield f"{name} ended with {reply.code}, its line says {line.outcome}"


def count(ask: Ask, lines: Sequence[ExchangeLine]) -> Iterator[str]:
    """Yield the name of each figure that this ask adds one to."""
    answered = [reply for reply in ask.replies if reply.ended and reply.status == 200 and reply.code is None]
    yield from ["requests"] * len(ask.replies)
    yield from ["answered"] * (1 if answered else 0)
    yield from ["streams answered"] * (1 if answered and ask.streamed else 0)
    yield from ["replays"] * sum(reply.replay for reply in answered)
    completed = [line for line in lines if line.outcome is Outcome.COMPLETED]
    yield from ["charges of answers"] * (len(completed) if answered else 0)
    left = ask.way is Way.LEAVE and any(reply.left for reply in ask.replies)
    yield from ["charged, end cut off"] * (len(completed) if not answered and not left else 0)
    yield from ["left by client"] * left
    yield from ["refused for money"] * sum(reply.status == 429 for reply in ask.replies)
    yield from ["cut off by a kill"] * sum(reply.broke for reply in ask.replies)
    for line in lines:
        yield f"line {line.outcome}"


def purse_mismatches(books: Books, funded: Mapping[int, int]) -> Iterator[str]:
    """Yield each purse whose balance is not what was put in less what was paid."""
    paid = paid_by_purse(books)
    for purse in books.purses:
        start = purse.limit if purse.limit is not None else funded.get(purse.id, 0)
        due = start - paid[purse.id]
        if purse.balance != due:
            yield f"{purse.kind} {purse.id:016x} has {purse.balance}, by its lines {due}"


def overspent(books: Books, funded: Mapping[int, int]) -> int:
    """Return by how much purses were overspent, all together: what was paid beyond what was there."""
    paid = paid_by_purse(books)
    below = sum(max(0, -purse.balance) for purse in books.purses)
    starts = {purse.id: purse.limit if purse.limit is not None else funded.get(purse.id, 0) for purse in books.purses}
    return below + sum(max(0, spent - starts.get(purse_id, 0)) for purse_id, spent in paid.items())


def lent(books: Books) -> Iterator[str]:
    """Yield each purse that still counts something as lent."""
    for purse in books.purses:
        if purse.leased:
            yield f"{purse.leased} nanos lent of {purse.kind} {purse.id:016x}"


def paid_by_purse(books: Books) -> defaultdict[int, int]:
    """Return what the lines took from each purse."""
    paid: defaultdict[int, int] = defaultdict(int)
    for line in books.lines:
        for purse_id in (line.payer_id, *line.caps):
            paid[purse_id] += line.paid
    return paid
