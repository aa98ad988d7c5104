"""Money in the services' bodies: read and written exactly."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tollway.http.account.amounts import CentsNanos, UnitsNanos, cents, cents_or_null, units, units_or_null


class Money(BaseModel):
    """A body with both kinds."""

    units: UnitsNanos = None
    cents: CentsNanos = None


@pytest.mark.parametrize(
    ("said", "nanos"),
    [
        (None, None),
        (0, 0),
        (25, 25_000_000_000),
        (Decimal("0.000000001"), 1),
        (Decimal("1e2"), 100_000_000_000),
        ("12.50", 12_500_000_000),
    ],
)
def test_units_are_read_exactly(said: Any, nanos: int | None) -> None:
    assert Money(units=said).units == nanos


@pytest.mark.parametrize(
    ("said", "nanos"), [(None, None), (2500, 25_000_000_000), (Decimal("0.0000001"), 1), (Decimal("0.5"), 5_000_000)]
)
def test_hundredths_are_read_exactly(said: Any, nanos: int | None) -> None:
    assert Money(cents=said).cents == nanos


@pytest.mark.parametrize("said", [True, 0.5, [], {}, "x", -1, Decimal("1e-10"), Decimal("1e400"), 10**20, "NaN"])
def test_what_is_no_amount_is_refused(said: Any) -> None:
    with pytest.raises(ValidationError):
        Money(units=said)
    with pytest.raises(ValidationError):
        Money(cents=said)


def test_a_hundredth_is_not_rounded() -> None:
    with pytest.raises(ValidationError, match="seven decimals"):
        Money.model_validate({"cents": Decimal("0.00000001")})


def test_amounts_are_written_as_exact_numbers() -> None:
    assert (bytes(units(192_500)), bytes(cents(192_500)), bytes(cents(1))) == (b"0.0001925", b"0.01925", b"0.0000001")
    assert bytes(cents(25_000_000_000)) == b"2500"
    assert (units_or_null(None), cents_or_null(None)) == (None, None)
    assert units_or_null(10**9) == units(10**9)
    assert cents_or_null(10**9) == cents(10**9)
