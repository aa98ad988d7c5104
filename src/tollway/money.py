"""Amounts of money as whole nano-units: reading, writing, rounding. Knows no rate of exchange, no price and no account."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, InvalidOperation

NANOS_PER_UNIT = 1_000_000_000
"""Nano-units in one unit of a currency: 1 USD = 10^9 nano-dollars."""

AMOUNT_NANOS_MAX = 2**63 - 1
"""What a signed 64-bit column holds: about 9.2 thousand million units."""

CURRENCIES = ("USD", "CNY")
"""What accounts and prices may be in. Both have units of a size for which nano-units are fine enough and 64 bits wide
enough; one more is one more word here."""

PPM = 1_000_000
"""Parts in one whole: rates (fees) are whole parts per million, prices are per million tokens."""


class AmountError(ValueError):
    """A text is not an amount of money that can be kept exactly."""


def parse_amount(text: str) -> int:
    """Return the nano-units of a decimal text such as ``"5"``, ``"0.000123"`` or ``"-1.50"``.

    Raises AmountError for anything that is not a plain finite decimal, is finer than a nano-unit, or does not
    fit 64 bits: an amount is never rounded in silence.
    """
    # As many digits as the text has: the default context rounds to 28 of them, and raises beyond its own exponents.
    exact = Context(prec=max(1, len(text)), Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
    try:
        nanos = Decimal(text.strip()).scaleb(9, exact)
    except InvalidOperation:
        raise AmountError(f"{text!r} is not a decimal amount such as 5.00") from None
    if not nanos.is_finite() or nanos.copy_abs() > AMOUNT_NANOS_MAX:
        raise AmountError(f"{text!r} is too large to be kept exactly")
    whole = int(nanos)
    if whole != nanos:
        raise AmountError(f"{text!r} is finer than a nano-unit (nine decimals)")
    return whole


def parse_rate(text: str) -> int:
    """Return the parts per million of a rate such as ``"10%"`` or ``"0.5%"``; raises AmountError."""
    number = text.strip().removesuffix("%")
    if number == text.strip():
        raise AmountError(f"{text!r} is not a rate such as 10%")
    nanos = parse_amount(number)
    ppm, finer = divmod(nanos, NANOS_PER_UNIT // 10_000)
    if finer or ppm < 0:
        raise AmountError(f"{text!r} must be zero or more, with at most four decimals")
    return ppm


def render_rate(ppm: int) -> str:
    """Return the exact text of parts per million: ``"10%"``, ``"0.5%"``."""
    whole, fraction = divmod(ppm, PPM // 100)
    return f"{whole}.{f'{fraction:04d}'.rstrip('0')}%" if fraction else f"{whole}%"


def render_amount(nanos: int) -> str:
    """Return the exact decimal text of an amount, with at least two decimals: ``"5.00"``, ``"0.000012345"``."""
    sign = "-" if nanos < 0 else ""
    units, fraction = divmod(abs(nanos), NANOS_PER_UNIT)
    return f"{sign}{units}.{f'{fraction:09d}'.rstrip('0'):0<2}"


def render_json_number(nanos: int) -> str:
    """Return the exact decimal of an amount as a JSON number without exponent: ``0.0001925``, ``0``."""
    units, fraction = divmod(abs(nanos), NANOS_PER_UNIT)
    sign = "-" if nanos < 0 else ""
    return f"{sign}{units}.{f'{fraction:09d}'.rstrip('0')}" if fraction else f"{sign}{units}"


def divide_up(dividend: int, divisor: int) -> int:
    """Return the quotient rounded towards plus infinity: the one direction in which Tollway rounds."""
    return -(-dividend // divisor)
