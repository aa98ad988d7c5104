"""The proof of each charge: usage x card x terms, computed anew for every line, and what a line may not say at all.

The database looks through all lines at once and gives out those that are not plainly right: wrong, or too large for its
64 bits. Only those are read, and computed anew by the function that charged them. Runs in the caller's transaction.
"""

from collections.abc import Generator, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Numeric,
    String,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    or_,
    select,
)

from tollway.catalog.records import PriceCard
from tollway.ids import ACCOUNT, CARD, EXCHANGE, render_id
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.ledger.repricing import WrongCharge
from tollway.money import NANOS_PER_UNIT, PPM
from tollway.neutral.usage import Basis
from tollway.pricing.charge import Charge, PriceTerms, charge_for
from tollway.store.paging import paged
from tollway.store.price_bands import COUNT_COLUMNS, bands, has_band, is_small, micro, tokens_of
from tollway.store.rows import read_line
from tollway.store.tables import accounts, exchanges

FREE = frozenset({Outcome.FAILED, Outcome.INTERRUPTED, Outcome.EXPIRED})
"""Outcomes that must not have cost anything."""

AMOUNT_MAX = 2**60 - 1
"""More than any line can have (a base of 10^17 and a fee of ten times that): sums of such would not fit 64 bits."""

_BASE_MAX = 9 * 10**12
"""Of a base that is compared without a rate of exchange: times a million it fits 64 bits."""
_RATED_BASE_MAX = 9 * 10**9
"""Of one with a rate: times 10^9 it fits."""
_FEE_PPM_MAX = PPM
_PRICE_PPM_MAX = 10 * PPM
_RATIO_MAX = 2**30
_TOKENS_MAX = 2**32

_CHARGED = tuple(outcome.value for outcome in Outcome if outcome not in FREE)
_KNOWN = tuple(basis.value for basis in Basis if basis is not Basis.UNKNOWN)
SUMMED = frozenset(
    (
        *(column.name for column in COUNT_COLUMNS.values()),
        *("base_nanos", "fee_nanos", "written_off_nanos", "package_micros"),
    )
)
"""Columns whose sums show by their own kind whether every value is a whole number: they need not be looked at one by one."""
_AMOUNTS = ("base_nanos", "fee_nanos", "written_off_nanos", "package_micros", "hold_nanos")


def charge_problems(connection: Connection, cards: Mapping[int, PriceCard]) -> Generator[str, None, bool]:
    """Yield what is wrong with each line; return whether one holds what its columns cannot mean: then no sum means anything.

    `make_bands` was called before, in the same transaction.
    """
    senseless = False
    for wrong in wrong_charges(connection, cards):
        senseless = senseless or isinstance(wrong, SenselessCharge)
        yield from wrong.problems
    return senseless


def wrong_charges(connection: Connection, cards: Mapping[int, PriceCard]) -> Iterator[WrongCharge]:
    """Yield the lines with which something is wrong, in the order of their ids; as `charge_problems`."""
    currencies = {row.id: row.currency for row in connection.execute(select(accounts.c.id, accounts.c.currency))}
    one_currency = len({*currencies.values(), *(card.currency for card in cards.values())}) <= 1
    for row in suspicious_lines(connection, one_currency=one_currency):
        misfits = tuple(_misfits(row))
        if misfits:
            yield SenselessCharge(exchange_id=row.exchange_id, problems=misfits, base_nanos=0, fee_nanos=0)
            continue
        line = read_line(tuple(row))
        problems = tuple(line_problems(line, cards, currency=currencies.get(line.account_id)))
        if problems:
            due = _due(line, cards)
            yield WrongCharge(
                exchange_id=line.exchange_id,
                problems=problems,
                base_nanos=line.base_nanos,
                fee_nanos=line.fee_nanos,
                due_base_nanos=None if due is None else due.base_nanos,
                due_fee_nanos=None if due is None else due.fee_nanos,
            )


class SenselessCharge(WrongCharge, frozen=True, kw_only=True):
    """A line that holds what its columns cannot mean."""


def _due(line: ExchangeLine, cards: Mapping[int, PriceCard]) -> Charge | None:
    """Return what a line should have been charged; None where nobody knows."""
    if line.outcome in FREE or line.basis is Basis.UNKNOWN or line.ratio_ppm is not None:
        return Charge(base_nanos=0, fee_nanos=0, basis=line.basis)
    card = None if line.card_id is None else cards.get(line.card_id)
    if card is None:
        return None
    terms = PriceTerms(fee_ppm=line.fee_ppm, price_ppm=line.price_ppm, rate_nanos=line.rate_nanos)
    return charge_for(line.usage, card, terms=terms, basis=line.basis)


def suspicious_lines(connection: Connection, *, one_currency: bool) -> Iterator[Any]:
    """Yield the rows of exchanges that are not plainly right, in the order of their ids."""
    fine = _is_fine(connection.dialect.name, one_currency=one_currency)
    source = exchanges.outerjoin(bands, has_band())
    if not one_currency:
        source = source.outerjoin(accounts, accounts.c.id == exchanges.c.account_id)
    # As a condition to jump over, not as a value: a quarter less for each line.
    query = select(*exchanges.columns).select_from(source).where(case((fine, 0), else_=1) == 1)
    return paged(connection, query, exchanges.c.exchange_id)


def line_problems(line: ExchangeLine, cards: Mapping[int, PriceCard], *, currency: str | None) -> Iterator[str]:
    """Yield what is wrong with a line, its charge computed anew; `currency` is its account's, None when there is none."""
    name = f"exchange {render_id(EXCHANGE, line.exchange_id)}"
    amounts = (line.base_nanos, line.fee_nanos, line.written_off_nanos, line.package_micros, line.hold_nanos)
    if min(*amounts, line.total_nanos) < 0:
        yield f"{name} has a negative amount"
    cost = line.base_nanos + line.fee_nanos
    if line.outcome in FREE or line.basis is Basis.UNKNOWN:
        if cost or line.package_micros:
            yield f"{name} is {line.outcome} with basis {line.basis}, but was charged"
    elif line.ratio_ppm is not None:
        yield from _token_problems(name, line)
    elif line.package_micros:
        yield f"{name} took tokens of a package without a ratio"
    elif line.card_id is None:
        if cost:
            yield f"{name} was charged without a price card"
    elif line.card_id not in cards:
        yield f"{name} was charged by price card {render_id(CARD, line.card_id)}, which does not exist"
    else:
        yield from _card_problems(name, line, cards[line.card_id], currency)


def _token_problems(name: str, line: ExchangeLine) -> Iterator[str]:
    if line.package_id is None:
        yield f"{name} has a ratio of deduction, but no package"
    if line.base_nanos or line.fee_nanos or line.written_off_nanos:
        yield f"{name} was paid in tokens, but was charged money too"
    assert line.ratio_ppm is not None, "the caller has looked"
    due = line.usage.tokens * line.ratio_ppm
    # Less is what a package had left when it ran dry.
    if line.package_micros > due:
        yield f"{name} took {line.package_micros} micro-tokens of its package, its usage and ratio make {due}"


def _card_problems(name: str, line: ExchangeLine, card: PriceCard, currency: str | None) -> Iterator[str]:
    if (card.provider, card.model) != (line.provider, line.model_routed):
        yield f"{name} was charged by the price card of another model"
    if currency is not None and (currency == card.currency) != (line.rate_nanos is None):
        rate = "without a rate" if line.rate_nanos is None else "at a rate"
        account = render_id(ACCOUNT, line.account_id)
        yield f"{name} was charged {rate} of exchange: its card is in {card.currency}, {account} in {currency}"
    terms = PriceTerms(fee_ppm=line.fee_ppm, price_ppm=line.price_ppm, rate_nanos=line.rate_nanos)
    due = charge_for(line.usage, card, terms=terms, basis=line.basis)
    if due.base_nanos != line.base_nanos:
        yield f"{name} has a base of {line.base_nanos} nano-units, its usage and price card make {due.base_nanos}"
    elif due.fee_nanos != line.fee_nanos:
        yield f"{name} has a fee of {line.fee_nanos} nano-units, its base and rate make {due.fee_nanos}"


# -- what is plainly right, as the database sees it


@cache
def _is_fine(dialect: str, *, one_currency: bool) -> ColumnElement[bool]:
    """Return the condition of a line that is certainly right; for one that is not, it may be anything but true."""
    e = exchanges.c
    charged = and_(
        or_(e.outcome == Outcome.COMPLETED.value, e.outcome.in_(_CHARGED)),
        or_(e.basis == Basis.REPORTED.value, e.basis.in_(_KNOWN)),
    )
    nothing = and_(e.base_nanos == 0, e.fee_nanos == 0, e.written_off_nanos == 0, e.package_micros == 0)
    right = case(
        (e.ratio_ppm.is_not(None), _tokens_right()),
        (e.card_id.is_not(None), _charge_right(dialect, one_currency=one_currency)),
        else_=nothing,
    )
    known_words = and_(e.outcome.in_([*Outcome]), e.basis.in_([*Basis]))
    amounts = [e[name].between(0, AMOUNT_MAX) for name in _AMOUNTS]
    return and_(*amounts, *_kinds_right(dialect), case((charged, right), else_=and_(known_words, nothing)))


def _tokens_right() -> ColumnElement[bool]:
    e = exchanges.c
    tokens = tokens_of()
    small = and_(tokens.between(0, _TOKENS_MAX), e.ratio_ppm.between(0, _RATIO_MAX))
    paid = and_(e.package_id.is_not(None), e.base_nanos == 0, e.fee_nanos == 0, e.written_off_nanos == 0)
    return case((small, and_(paid, e.package_micros == tokens * e.ratio_ppm)), else_=false())


def _charge_right(dialect: str, *, one_currency: bool) -> ColumnElement[bool]:
    e = exchanges.c
    rates = e.rate_nanos.is_(None)
    if not one_currency:
        rates = rates == (accounts.c.currency == bands.c.currency)
    card_right = and_(
        bands.c.provider == e.provider,
        bands.c.model == e.model_routed,
        rates,
        e.package_micros == 0,
        e.written_off_nanos <= e.base_nanos + e.fee_nanos,
    )
    plain = and_(e.price_ppm == PPM, e.rate_nanos.is_(None))
    base_right = case(
        (plain, (e.base_nanos * PPM - micro()).between(0, PPM - 1)),
        (e.rate_nanos.is_(None), _scaled_right()),
        else_=_exchanged_right(dialect),
    )
    fee_right = (e.fee_nanos * PPM - e.base_nanos * e.fee_ppm).between(0, PPM - 1)
    small = and_(
        is_small(),
        e.base_nanos <= _BASE_MAX,
        e.fee_nanos <= _BASE_MAX,
        e.fee_ppm.between(0, _FEE_PPM_MAX),
        e.price_ppm.between(0, _PRICE_PPM_MAX),
    )
    return case((small, and_(card_right, fee_right, base_right)), else_=false())


def _scaled_right() -> ColumnElement[bool]:
    """Base = ceil(micro x price_ppm / 10^12), in steps that fit 64 bits; ceil(ceil(a / b) / c) is ceil(a / (b x c))."""
    e = exchanges.c
    # micro = q x 10^6 + r, so micro x p / 10^6 = q x p + r x p / 10^6.
    scaled = (micro() // PPM) * e.price_ppm + ((micro() % PPM) * e.price_ppm + (PPM - 1)) // PPM
    return (e.base_nanos * PPM - scaled).between(0, PPM - 1)


def _exchanged_right(dialect: str) -> ColumnElement[bool]:
    """Base = ceil(micro x price_ppm x rate / 10^21)."""
    e = exchanges.c
    if dialect == "postgresql":
        wide = Numeric(asdecimal=True)
        product = cast(micro(), wide) * cast(e.price_ppm, wide) * cast(e.rate_nanos, wide)
        # As texts: beyond 64 bits a number would be sent as a bigint, which it is not.
        unit, last = (
            cast(str(number), wide) for number in (PPM * PPM * NANOS_PER_UNIT, PPM * PPM * NANOS_PER_UNIT - 1)
        )
        return (cast(e.base_nanos, wide) * unit - product).between(0, last)
    # In limbs of a million: micro x p = (h x 10^6 + m) x 10^6 + l, each product below 64 bits; where one is not, SQLite
    # goes on with a float that is far beyond what a base of this size may be.
    whole = (micro() // PPM) * e.price_ppm + ((micro() % PPM) * e.price_ppm) // PPM
    low = ((micro() % PPM) * e.price_ppm) % PPM
    fraction = ((whole % PPM) * e.rate_nanos + (low * e.rate_nanos + (PPM - 1)) // PPM + (PPM - 1)) // PPM
    due = (whole // PPM) * e.rate_nanos + fraction
    small = and_(e.base_nanos <= _RATED_BASE_MAX, e.rate_nanos.between(1, 10**12))
    return and_(small, (e.base_nanos * NANOS_PER_UNIT - due).between(0, NANOS_PER_UNIT - 1))


# -- what a column cannot hold


def _kinds_right(dialect: str) -> tuple[ColumnElement[bool], ...]:
    """SQLite keeps any value in any column; PostgreSQL does not. Text and bytes are greater than every number there."""
    e = exchanges.c
    if dialect != "sqlite":
        return (or_(e.caps.is_(None), e.caps.regexp_match(r"^\[[0-9]+(,[0-9]+)*\]$")),)
    numbers = [column for column in e if _is_number(column) and column.name not in SUMMED]
    return (
        func.max(*(func.coalesce(number, 0) if number.nullable else number for number in numbers)) < literal(2**63 - 1),
        # A fraction is none any more once it went through an operation on bits.
        *(e[name].bitwise_or(0) == e[name] for name in ("fee_ppm", "price_ppm", "hold_nanos")),
        func.max(e.lane, e.model_asked, e.provider, e.model_routed) < literal(b"", LargeBinary),
        or_(e.caps.is_(None), func.json_valid(e.caps)),
    )


def _is_number(column: Column[Any]) -> bool:
    return isinstance(column.type, Integer)


def _misfits(row: Any) -> Iterator[str]:  # noqa: ANN401  a row of exchanges
    for column, value in zip(exchanges.columns, row, strict=True):
        if not _fits(column, value):
            yield f"row {row.exchange_id} of exchanges has no proper {column.name}"


def _fits(column: Column[Any], value: object) -> bool:
    if value is None:
        return bool(column.nullable)
    if column is exchanges.c.outcome:
        return value in [*Outcome]
    if column is exchanges.c.basis:
        return value in [*Basis]
    if column is exchanges.c.caps:
        return _is_caps(value)
    if column.name in _AMOUNTS:
        return isinstance(value, int) and value <= AMOUNT_MAX
    return isinstance(value, int if _is_number(column) else str if isinstance(column.type, String) else bytes)


def _is_caps(value: object) -> bool:
    try:
        msgspec.json.decode(value if isinstance(value, str) else b"", type=tuple[int, ...])
    except msgspec.DecodeError:
        return False
    return True
