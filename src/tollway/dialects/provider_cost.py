"""What a provider says that an answer cost it: read from its usage object, compared with our charge, never our charge.

None is "it did not say", which is never the same as zero.
"""

from decimal import ROUND_CEILING, Decimal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.money import AMOUNT_NANOS_MAX, NANOS_PER_UNIT

COST_UNITS_MAX = AMOUNT_NANOS_MAX // NANOS_PER_UNIT
"""What the books can hold; more is junk."""

TICK_DIGITS = 10
"""xAI's unit: 10^10 ticks are one dollar."""

_NUMBER_STARTS = frozenset(b"-0123456789")


class _Costs(Struct, gc=False):
    cost: Raw | UnsetType = UNSET
    """A number of dollars (OpenRouter), or an object that divides it (Perplexity)."""
    cost_in_usd_ticks: Raw | UnsetType = UNSET


class _Divided(Struct, gc=False):
    total_cost: Raw
    currency: str | None = None


_COSTS = msgspec.json.Decoder(_Costs)
_DIVIDED = msgspec.json.Decoder(_Divided)


def read_provider_cost(found: bytes | None) -> int | None:
    """Return the cost in nano-dollars, rounded up, that a usage value states; None when it states none, or junk."""
    if found is None or b'"cost' not in found:  # nearly all: no decode for them
        return None
    try:
        dollars = _dollars(_COSTS.decode(found))
        if dollars is None or not 0 <= dollars <= COST_UNITS_MAX:
            return None
        return int(dollars.scaleb(9).to_integral_value(ROUND_CEILING))
    # The last: an exponent beyond all numbers.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError):
        return None


def _dollars(costs: _Costs) -> Decimal | None:
    if costs.cost_in_usd_ticks is not UNSET:
        ticks = _number(costs.cost_in_usd_ticks)
        return None if ticks is None else ticks.scaleb(-TICK_DIGITS)
    if costs.cost is UNSET:
        return None
    if bytes(costs.cost)[:1] != b"{":
        return _number(costs.cost)
    divided = _DIVIDED.decode(costs.cost)
    return _number(divided.total_cost) if divided.currency in {None, "USD"} else None


def _number(value: Raw) -> Decimal | None:
    """Return a JSON number; None for anything else."""
    text = bytes(value)
    return Decimal(text.decode()) if text[0] in _NUMBER_STARTS else None
