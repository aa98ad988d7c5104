"""Prices that others keep up: reads the `genai-prices` package into unit prices. Knows no deployment.

The library takes 0.15 s and 31 MB to import, more than all the rest of Tollway, and a deployment whose models all have
configured prices never needs it: so it is imported when first asked for a price. This is the one late import.
"""

import importlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import Any, NamedTuple, cast

from tollway.catalog.cards import UnitPrices

PACKAGE = "genai_prices"
CURRENCY = "USD"
"""All its prices are in dollars."""

Foreign = Any
"""A value of the library's own classes."""

UNITS: Mapping[str, str] = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
}
"""Our units and the library's. What it prices beside these (cache writes, images) is charged as the unit that it is
counted in, which is input or output."""

ALWAYS_CHARGED = ("requests_kcount",)
"""Prices that every request incurs and that are not per token: with one of these, the token prices are not the price."""


class Entry(NamedTuple):
    """What the library knows of one model."""

    prices: UnitPrices | None
    reason: str
    """Why there are no prices; empty when there are."""
    context_tokens: int | None = None


class PriceLibrary:
    """The price library as of one day."""

    def __init__(self, at_ms: int) -> None:
        """Read prices as of the day (UTC) of `at_ms`; imports nothing yet."""
        self._day = datetime.fromtimestamp(at_ms / 1000, tz=UTC).date()

    @cached_property
    def source(self) -> str:
        """The library and its version, as price cards name it."""
        return f"genai-prices {importlib.import_module(PACKAGE).__version__}"

    @cached_property
    def _providers(self) -> Mapping[str, Any]:
        data = importlib.import_module(f"{PACKAGE}.data")
        return {provider.id: provider for provider in cast("Iterable[Any]", data.providers)}

    def load(self) -> None:
        """Import the library now, so that the first request for one of its prices need not wait."""
        assert self.source
        assert self._providers

    def names(self, prices_id: str) -> tuple[str, ...]:
        """Return the models it knows at a provider."""
        provider = self._providers.get(prices_id)
        return () if provider is None else tuple(str(model.id) for model in provider.models)

    def entry(self, prices_id: str, model: str) -> Entry:
        """Return what it knows of `model` (by any name that the provider accepts) at a provider.

        A price that depends on the size of a prompt or on the hour is taken at its dearest, so that nobody is
        undercharged; what is finer than a nano-unit per million tokens is rounded up.
        """
        provider = self._providers.get(prices_id)
        known = None if provider is None else provider.find_model(model)
        if known is None:
            return Entry(None, f"the price library does not know {model!r} at {prices_id}")
        prices, reason = _unit_prices([known.get_prices(at) for at in self._instants(known.prices)])
        return Entry(prices, reason, known.context_window)

    def _instants(self, prices: Foreign) -> list[datetime]:
        """Return the instants of the day at which a price may change: midnight, and each bound of a time of day."""
        times = [time(tzinfo=UTC)]
        for conditional in cast("list[Any]", prices) if isinstance(prices, list) else ():
            for bound in ("start_time", "end_time"):
                at: time | None = getattr(conditional.constraint, bound, None)
                if at is not None:
                    times.append(at if at.tzinfo else at.replace(tzinfo=UTC))
        instants = [datetime.combine(self._day, at) for at in times]
        # A bound with an offset may fall on the neighbouring day in UTC: what counts there is its time of day.
        return [datetime.combine(self._day, at.astimezone(UTC).timetz()) + timedelta(seconds=1) for at in instants]


def _unit_prices(candidates: list[Any]) -> tuple[UnitPrices | None, str]:
    stated = [_stated(prices) for prices in candidates]
    keys = {key for prices in stated for key in prices}
    if charged := sorted(keys.intersection(ALWAYS_CHARGED)):
        return None, f"it also has a price that is not per token ({', '.join(charged)})"
    if UNITS["input"] not in keys:
        return None, "the price library has no price per input token for it"
    units = {
        unit: max(_nanos(prices[key]) for prices in stated if key in prices)
        for unit, key in UNITS.items()
        if key in keys
    }
    # Embedding models have no output and no price for it. Should one answer with output after all, it is not free.
    units.setdefault("output", units["input"])
    return UnitPrices(**units), ""


def _stated(prices: Foreign) -> dict[str, Any]:
    fields = cast("dict[str, Any]", prices.__dict__)
    return {key: price for key, price in fields.items() if price is not None}


def _nanos(price: Foreign) -> int:
    """Return whole nano-units per million tokens of a price that is a Decimal or has tiers: then of the dearest."""
    if isinstance(price, Decimal):
        return int(price.scaleb(9).to_integral_value(rounding=ROUND_CEILING))
    return max(_nanos(price.base), *(_nanos(tier.price) for tier in price.tiers))
