"""What the database finds suspicious of charges: everything that is wrong, whatever prices, counts and terms are."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, event, insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import StaticPool

from tollway.catalog.records import PriceCard, PriceTier
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.money import PPM
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import PriceTerms, charge_for
from tollway.store.check_charges import charge_problems, suspicious_lines
from tollway.store.price_bands import make_bands
from tollway.store.rows import line_values
from tollway.store.scratch import scratch
from tollway.store.tables import accounts, exchanges, metadata

PRICES = st.integers(0, 10**11) | st.sampled_from([0, 1, 150_000_000, 2_500_000_000, 999_999])
OPTIONAL = st.none() | PRICES
COUNTS = st.none() | st.integers(0, 200_000) | st.integers(0, 10**12)
EVERYDAY_COUNTS = st.none() | st.integers(0, 60_000)
EVERYDAY_PRICES = st.integers(0, 2 * 10**10)
UNITS = Usage.__struct_fields__
PRICED = (
    "cached_input",
    "reasoning",
    "audio_input",
    "audio_output",
    "cache_write_5m",
    "cache_write_1h",
    "image",
    "call",
)
TERMS = st.builds(
    PriceTerms,
    fee_ppm=st.sampled_from([0, 1, 50_000, 100_000, PPM, 3 * PPM]),
    price_ppm=st.just(PPM) | st.integers(0, 2 * PPM),
    rate_nanos=st.none() | st.sampled_from([1, 140_000_000, 7_100_000_000]) | st.integers(1, 10**13),
)
TIERS = st.lists(
    st.builds(PriceTier, above_tokens=st.integers(0, 10**6), input=PRICES, output=PRICES, cached_input=OPTIONAL),
    max_size=2,
    unique_by=lambda tier: tier.above_tokens,
).map(lambda tiers: tuple(sorted(tiers, key=lambda tier: tier.above_tokens)))
CARDS = st.builds(
    PriceCard,
    id=st.just(1),
    provider=st.just("p"),
    model=st.just("m"),
    currency=st.just("USD"),
    input=PRICES,
    output=PRICES,
    tiers=TIERS,
    source=st.just("t"),
    **dict.fromkeys(PRICED, OPTIONAL),
)
USAGES = st.builds(Usage, **dict.fromkeys(UNITS, COUNTS))
ERRORS = st.sampled_from([-(10**6), -1, 0, 1, 10**6])

engine = create_engine("sqlite://", poolclass=StaticPool)


@event.listens_for(engine, "connect")
def no_implicit_transactions(connection: DBAPIConnection, _: object) -> None:
    connection.isolation_level = None


@event.listens_for(engine, "begin")
def explicit_ones(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


metadata.create_all(engine)


@contextmanager
def books(lines: list[ExchangeLine], *, currency: str) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin() as transaction:
        values = {"id": 1, "name": "A", "currency": currency, "state": "active", "created_ms": 0}
        connection.execute(insert(accounts).values(values))
        names = exchanges.columns.keys()
        connection.execute(insert(exchanges), [dict(zip(names, line_values(line), strict=True)) for line in lines])
        yield connection
        transaction.rollback()


def line_of(number: int, usage: Usage, card: PriceCard, terms: PriceTerms) -> ExchangeLine:
    charge = charge_for(usage, card, terms=terms, basis=Basis.REPORTED)
    return ExchangeLine(
        exchange_id=number,
        account_id=1,
        key_id=1,
        worker_id=1,
        outcome=Outcome.COMPLETED,
        status=200,
        started_ms=0,
        ended_ms=0,
        streamed=False,
        lane="verbatim",
        model_asked="m",
        provider=card.provider,
        model_routed=card.model,
        usage=usage,
        basis=Basis.REPORTED,
        card_id=card.id,
        fee_ppm=terms.fee_ppm,
        hold_nanos=1,
        base_nanos=charge.base_nanos,
        fee_nanos=charge.fee_nanos,
        price_ppm=terms.price_ppm,
        rate_nanos=terms.rate_nanos,
    )


def currency_of(terms: PriceTerms) -> str:
    return "USD" if terms.rate_nanos is None else "CNY"


@settings(max_examples=200)
@given(usages=st.lists(USAGES, min_size=1, max_size=4), card=CARDS, terms=TERMS)
def test_no_right_charge_is_a_problem(usages: list[Usage], card: PriceCard, terms: PriceTerms) -> None:
    lines = [line_of(number, usage, card, terms) for number, usage in enumerate(usages, start=1)]
    with books(lines, currency=currency_of(terms)) as connection, scratch(connection):
        make_bands(connection, [card])
        assert list(charge_problems(connection, {1: card})) == []


@settings(max_examples=200)
@given(usage=USAGES, card=CARDS, terms=TERMS, base=ERRORS, fee=ERRORS)
def test_every_wrong_charge_is_suspicious(
    usage: Usage, card: PriceCard, terms: PriceTerms, base: int, fee: int
) -> None:
    right = line_of(1, usage, card, terms)
    wrong = msgspec.structs.replace(right, base_nanos=right.base_nanos + base, fee_nanos=right.fee_nanos + fee)
    with books([wrong], currency=currency_of(terms)) as connection, scratch(connection):
        make_bands(connection, [card])
        found = list(charge_problems(connection, {1: card}))
        assert bool(found) == bool(base or fee)


@given(
    usage=st.builds(Usage, **dict.fromkeys(UNITS, EVERYDAY_COUNTS)),
    card=st.builds(
        PriceCard,
        id=st.just(1),
        provider=st.just("p"),
        model=st.just("m"),
        currency=st.just("USD"),
        input=EVERYDAY_PRICES,
        output=EVERYDAY_PRICES,
        cached_input=st.none() | EVERYDAY_PRICES,
        reasoning=st.none() | EVERYDAY_PRICES,
        source=st.just("t"),
    ),
    price_ppm=st.sampled_from([PPM, 900_000, 1_300_000]),
    rate_nanos=st.none() | st.sampled_from([140_000_000, 7_100_000_000]),
)
def test_an_everyday_charge_is_proven_by_the_database_alone(
    usage: Usage, card: PriceCard, price_ppm: int, rate_nanos: int | None
) -> None:
    terms = PriceTerms(fee_ppm=100_000, price_ppm=price_ppm, rate_nanos=rate_nanos)
    line = line_of(1, usage, card, terms)
    with books([line], currency=currency_of(terms)) as connection, scratch(connection):
        make_bands(connection, [card])
        dear = line.base_nanos > 9 * 10**9 and rate_nanos is not None
        assert dear or list(suspicious_lines(connection, one_currency=rate_nanos is None)) == []
