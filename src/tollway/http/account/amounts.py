"""Money as the services' clients write it: JSON numbers of units or of hundredths, read and written exactly. Pure."""

from decimal import Decimal
from typing import Annotated

import msgspec
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from tollway.money import AmountError, parse_amount, render_json_number

CENTS = 100
"""Hundredths in a unit, whatever the currency calls them."""


def units(nanos: int) -> msgspec.Raw:
    """Return an amount as a JSON number of units, such as ``0.0001925``."""
    return msgspec.Raw(render_json_number(nanos).encode("ascii"))


def cents(nanos: int) -> msgspec.Raw:
    """Return an amount as a JSON number of hundredths, such as ``0.01925``; exact, so it may have decimals."""
    return msgspec.Raw(render_json_number(nanos * CENTS).encode("ascii"))


def cents_or_null(nanos: int | None) -> msgspec.Raw | None:
    """Return an amount as a JSON number of hundredths; None stays None."""
    return None if nanos is None else cents(nanos)


def units_or_null(nanos: int | None) -> msgspec.Raw | None:
    """Return an amount as a JSON number of units; None stays None."""
    return None if nanos is None else units(nanos)


def _read_units(value: object) -> int | None:
    """Return the nano-units of a JSON number, or of a decimal text."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise PydanticCustomError("amount", "is not a number such as 25.00")
    try:
        nanos = parse_amount(value if isinstance(value, str) else str(value))
    except AmountError as error:
        raise PydanticCustomError("amount", "{why}", {"why": str(error)}) from None
    if nanos < 0:
        raise PydanticCustomError("amount", "is below zero: say zero or more, where zero is no limit")
    return nanos


def _read_cents(value: object) -> int | None:
    """Return the nano-units of a JSON number of hundredths."""
    nano_cents = _read_units(value)
    if nano_cents is None:
        return None
    nanos, finer = divmod(nano_cents, CENTS)
    if finer:
        raise PydanticCustomError("amount", "is finer than a nano-unit (seven decimals of a cent)")
    return nanos


UnitsNanos = Annotated[int | None, BeforeValidator(_read_units)]
"""A field of a body: an amount of zero or more units, kept in nano-units."""

CentsNanos = Annotated[int | None, BeforeValidator(_read_cents)]
"""A field of a body: an amount of zero or more hundredths, kept in nano-units."""
