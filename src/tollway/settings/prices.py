"""What an operator may say about prices: the kinds of values, the records, and what no value can say alone.

Values only; knows no provider and no card. Prices are of a million tokens, pictures of one: there is one unit for each.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, cast

import msgspec

from tollway.money import CURRENCIES, NANOS_PER_UNIT, PPM, AmountError, parse_amount, render_amount
from tollway.settings.fields import FieldError, PositiveInt, Rule, read_amount_text, read_percentage, show
from tollway.settings.mistakes import Mistakes

PRICE_NANOS_MAX = 10_000 * NANOS_PER_UNIT
"""Of a million tokens. The dearest that is known costs 600 USD, 4,320 CNY (output of o1-pro, genai-prices 2026): what
is twice beyond that is a slip of the pen, or the price of another unit."""

PRICE_NANOS_MIN = NANOS_PER_UNIT // 10_000
"""Of a million tokens, unless it is zero. The cheapest that is known costs 0.0011 USD (a cached token): what is a tenth
of that is the price of one token."""

PIECE_NANOS_MAX = 100 * NANOS_PER_UNIT
"""Of one picture or call. Pictures cost cents, and deep research a few units."""

RATE_NANOS_MAX = 1_000_000 * NANOS_PER_UNIT
"""No unit of a currency buys a million of another that is in use for such things."""

MARKUP_PPM_MAX = 9 * PPM
"""Ten times the price: more is a slip of the pen."""

YEARS = range(2000, 3000)
"""When prices may begin: a year of two digits is none of them."""


def _amount_nanos(value: object, *, of: str) -> int:
    try:
        nanos = parse_amount(read_amount_text(value))
    except AmountError as error:
        raise FieldError(f"{error}; write the price of {of}") from None
    if nanos < 0:
        raise FieldError("must not be negative")
    return nanos


def _read_price(value: object) -> int:
    nanos = _amount_nanos(value, of="a million tokens")
    if nanos > PRICE_NANOS_MAX:
        raise FieldError(
            f"must be at most {PRICE_NANOS_MAX // NANOS_PER_UNIT} per million tokens: "
            "nothing known costs half of that, so it is probably the price of something else"
        )
    if 0 < nanos < PRICE_NANOS_MIN:
        raise FieldError(
            f"must be 0 or at least {render_amount(PRICE_NANOS_MIN)} per million tokens: "
            "this looks like the price of one token"
        )
    return nanos


def _read_piece_price(value: object) -> int:
    nanos = _amount_nanos(value, of="one piece")
    if nanos > PIECE_NANOS_MAX:
        raise FieldError(f"must be at most {PIECE_NANOS_MAX // NANOS_PER_UNIT} for one piece")
    return nanos * PPM


def _read_currency(value: object) -> str:
    if value not in CURRENCIES:
        raise FieldError(f"must be one of {', '.join(CURRENCIES)}, not {show(value)}")
    return str(value)


def _read_rates(value: object) -> Mapping[str, int]:
    if not isinstance(value, dict):
        raise FieldError(f'must be a table such as {{ USD = "7.2" }}, not {show(value)}')
    return {_read_currency(name): _read_rate(name, said) for name, said in cast("dict[str, object]", value).items()}


def _read_rate(currency: str, value: object) -> int:
    try:
        nanos = parse_amount(read_amount_text(value))
    except (AmountError, FieldError) as error:
        raise FieldError(f"{currency}: {error}") from None
    if not 0 < nanos <= RATE_NANOS_MAX:
        raise FieldError(f"{currency}: must be above 0 and at most {RATE_NANOS_MAX // NANOS_PER_UNIT}")
    return nanos


def _read_share(value: object) -> int:
    return read_percentage(value, PPM)


def _read_markup(value: object) -> int:
    return read_percentage(value, MARKUP_PPM_MAX)


def _read_start(value: object) -> datetime:
    wanted = 'must be a date such as "2026-12-01", or a date and time'
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise FieldError(f"{wanted}, not {show(value)}") from None
    if not isinstance(moment, date):
        raise FieldError(f"{wanted}, not {show(value)}")
    if moment.year not in YEARS:
        raise FieldError(f"{wanted}; the year {moment.year} is none that prices begin in")
    return moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  its zone is the deployment's


Currency = Annotated[str, Rule(_read_currency)]
"""One of those that Tollway keeps books in."""
Rates = Annotated[Mapping[str, int], Rule(_read_rates)]
"""What one unit of each currency costs in the deployment's, in nano-units."""
Price = Annotated[int, Rule(_read_price)]
"""Whole nano-units of currency per million tokens."""
PiecePrice = Annotated[int, Rule(_read_piece_price)]
"""Written for one piece; whole nano-units of currency per million pieces."""
Share = Annotated[int, Rule(_read_share)]
"""A part of a whole, in parts per million."""
Markup = Annotated[int, Rule(_read_markup)]
"""Parts per million."""
Start = Annotated[datetime, Rule(_read_start)]
"""Without an offset where the operator wrote none: then it is in the deployment's timezone."""


class TierSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One of the `tiers` of a price: what holds for the whole of a request with much input. None is as below the tier."""

    above: PositiveInt
    """Tokens of input, cached ones included."""
    input: Price | None = None
    output: Price | None = None
    cached_input: Price | None = None
    cache_write_5m: Price | None = None
    cache_write_1h: Price | None = None
    reasoning: Price | None = None
    audio_input: Price | None = None
    audio_output: Price | None = None


class PriceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One of the prices of a model, in nano-units per million tokens; written as exact decimals of the currency."""

    input: Price
    output: Price
    cached_input: Price | None = None
    cache_write_5m: Price | None = None
    cache_write_1h: Price | None = None
    reasoning: Price | None = None
    audio_input: Price | None = None
    audio_output: Price | None = None
    image: PiecePrice | None = None
    call: PiecePrice | None = None
    tiers: tuple[TierSettings, ...] = ()
    batch_ppm: Share | None = msgspec.field(default=None, name="batch")
    """The share of the price that answers of a batch or flex tier cost."""
    currency: Currency | None = None
    """None is the deployment's."""
    start: Start | None = msgspec.field(default=None, name="from")
    """None is since ever."""


def check_rates(rates: Mapping[str, int], *, currency: str, mistakes: Mistakes) -> None:
    """Note a rate that would have no effect."""
    if currency in rates:
        mistakes.add("[billing]: rates", f"{currency} is the deployment's own currency: one costs one; leave it out")


def check_prices(prices: tuple[PriceSettings, ...], place: str, mistakes: Mistakes) -> None:
    """Note prices of a model that contradict each other."""
    several = len(prices) > 1
    starts: dict[datetime | None, int] = {}
    for number, price in enumerate(prices, 1):
        there = f"{place}: price {number}" if several else f"{place}: price"
        first = starts.setdefault(price.start, number)
        if first != number and price.start is None:
            mistakes.add(
                f"{there}: from", f"is missing: price {first} holds since ever already, so say when this begins"
            )
        elif first != number:
            mistakes.add(f"{there}: from", f"is also when price {first} begins; each needs its own")
        _check_tiers(price.tiers, there, mistakes)


def _check_tiers(tiers: tuple[TierSettings, ...], place: str, mistakes: Mistakes) -> None:
    above = 0
    for number, tier in enumerate(tiers, 1):
        there = f"{place}: tiers {number}"
        if tier.above and tier.above <= above:
            mistakes.add(f"{there}: above", f"must be more than the {above} of the tier before it")
        above = max(above, tier.above)
        if all(value is None for name, value in msgspec.structs.asdict(tier).items() if name != "above"):
            mistakes.add(f"{there}: input", "is missing: a tier without any price changes nothing")
