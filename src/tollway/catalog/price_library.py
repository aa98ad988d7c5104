"""Prices that others keep up: reads the `genai-prices` package into unit prices. Knows no deployment.

The library takes 0.15 s and 31 MB to import, more than all the rest of Tollway, and a deployment whose models all have
configured prices never needs it: so it is imported when first asked for a price. This is the one late import.
"""

import importlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import Any, NamedTuple, cast

import msgspec

from tollway.catalog.records import Prices, PriceTier
from tollway.money import PPM, divide_up, render_amount
from tollway.settings.prices import PRICE_NANOS_MAX

PACKAGE = "genai_prices"
CURRENCY = "USD"
"""All its prices are in dollars."""

FIRST_DAY = date(1970, 1, 2)
"""As good as the first of all days, for a library that knows no older prices."""

Foreign = Any
"""A value of the library's own classes."""

UNITS: Mapping[str, tuple[str, ...]] = {
    "input": ("input_mtok",),
    "output": ("output_mtok", "output_image_mtok", "output_video_mtok"),
    "cached_input": ("cache_read_mtok",),
    "reasoning": ("output_reasoning_mtok",),
    "audio_input": ("input_audio_mtok",),
    "audio_output": ("output_audio_mtok",),
    "cache_write_5m": ("cache_write_mtok",),
    "cache_write_1h": ("cache_write_1h_mtok",),
}
"""Our units and the library's per million tokens, of which the dearest counts: pictures that are made are counted as
output. What else it prices (pictures that are sent, searches) is charged as the unit that it is counted in, or not."""

CALLS = "requests_kcount"
"""The library's price of a thousand requests."""

BATCHES = ({"service_tier": "flex"}, {"processing": "batch"})
"""In which circumstances the library knows a batch price."""


class Entry(NamedTuple):
    """What the library knows of one model."""

    prices: tuple[Prices, ...]
    """Each from its day on, in the order of time, past and announced ones too; empty when it knows none."""
    reason: str
    """Why there are none; empty when there are."""
    context_tokens: int | None = None


class PriceLibrary:
    """The price library as of one moment."""

    def __init__(self, at_ms: int) -> None:
        """Take the moment from which on prices are wanted; imports nothing yet."""
        self.at_ms = at_ms
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

        A price that depends on the hour is taken at its dearest, so that nobody is undercharged; what is finer than a
        nano-unit per million tokens is rounded up.
        """
        provider = self._providers.get(prices_id)
        known = None if provider is None else provider.find_model(model)
        if known is None:
            return Entry((), f"the price library does not know {model!r} at {prices_id}")
        found: list[Prices] = []
        reason = ""
        for day in _days(known):
            try:
                prices = _prices(known, day)
            except LookupError as error:
                if day > self._day:  # what nobody knows yet: until then the price stays
                    break
                found, reason = [], str(error)
                continue
            if not found or msgspec.structs.replace(prices, valid_from_ms=found[-1].valid_from_ms) != found[-1]:
                found.append(prices)
        return Entry(tuple(found), "" if found else reason, known.context_window)


def _conditional(model: Foreign) -> list[Any]:
    """Return everything of a model's prices that holds under a condition only."""
    prices: Any = model.prices
    return [*(prices if isinstance(prices, list) else ()), *(model.price_variants or ())]


def _days(model: Foreign) -> list[date]:
    """Return the days on which its prices may change, in order; the first of all days is one."""
    constraints = (each.constraint for each in _conditional(model))
    starts: set[date] = {each.start_date for each in constraints if hasattr(each, "start_date")}
    return [date.min, *sorted(starts)]


def _instants(model: Foreign, day: date) -> list[datetime]:
    """Return the instants of a day at which a price may change: midnight, and each bound of a time of day."""
    times = [time(tzinfo=UTC)]
    for conditional in _conditional(model):
        for bound in ("start_time", "end_time"):
            at: time | None = getattr(conditional.constraint, bound, None)
            if at is not None:
                times.append(at if at.tzinfo else at.replace(tzinfo=UTC))
    instants = [datetime.combine(day, at) for at in times]
    # A bound with an offset may fall on the neighbouring day in UTC: what counts there is its time of day.
    return [datetime.combine(day, at.astimezone(UTC).timetz()) + timedelta(seconds=1) for at in instants]


def _prices(model: Foreign, day: date) -> Prices:
    """Return the dearest prices of a day from its midnight (UTC) on; raises LookupError when they are no price."""
    # The first of all days has no day before it, in which bounds with an offset may fall.
    instants = _instants(model, max(day, FIRST_DAY))
    usual = [_stated(model.get_prices(at)) for at in instants]
    starts = sorted({tier.start for stated in usual for price in stated.values() for tier in _tiers(price)})
    base = _dearest(usual, above=0)
    tiers: list[PriceTier] = []
    for above in starts:
        tier = PriceTier(above_tokens=above, **_dearest(usual, above=above))
        below = tiers[-1] if tiers else PriceTier(above_tokens=0, **base)
        if msgspec.structs.replace(below, above_tokens=above) != tier:
            tiers.append(tier)
    batch = [_dearest([_stated(model.get_prices(at, context)) for at in instants], above=0) for context in BATCHES]
    return Prices(
        currency=CURRENCY,
        tiers=tuple(tiers),
        batch_ppm=max((ppm for each in batch if (ppm := _share_ppm(each, base)) < PPM), default=None),
        valid_from_ms=None if day == date.min else round(datetime.combine(day, time(tzinfo=UTC)).timestamp() * 1000),
        **base,
    )


def _dearest(candidates: list[dict[str, Any]], *, above: int) -> dict[str, int]:
    """Return the dearest of each unit for a request of more input than `above`; raises LookupError."""
    units: dict[str, int] = {}
    for unit, keys in UNITS.items():
        prices = [_nanos(_at(stated[key], above)) for stated in candidates for key in keys if key in stated]
        if prices:
            units[unit] = max(prices)
    if "input" not in units:
        raise LookupError("the price library has no price per input token for it")
    if calls := [_nanos(_at(stated[CALLS], above)) * 1000 for stated in candidates if CALLS in stated]:
        units["call"] = max(calls)
    dearest = max(price for unit, price in units.items() if unit != "call")
    if dearest > PRICE_NANOS_MAX:
        raise LookupError(f"the price library says {render_amount(dearest)} per million tokens, which cannot be true")
    # Embedding models have no output and no price for it. Should one answer with output after all, it is not free.
    units.setdefault("output", units["input"])
    return units


def _share_ppm(batch: dict[str, int], base: dict[str, int]) -> int:
    """Return what a batch costs of the usual price: the largest share of any unit, so that nobody is undercharged."""
    return max((divide_up(batch.get(unit, price) * PPM, price) for unit, price in base.items() if price), default=PPM)


def _stated(prices: Foreign) -> dict[str, Any]:
    fields = cast("dict[str, Any]", prices.__dict__)
    return {key: price for key, price in fields.items() if price is not None}


def _tiers(price: Foreign) -> list[Any]:
    return [] if isinstance(price, Decimal) else cast("list[Any]", price.tiers)


def _at(price: Foreign, above: int) -> Decimal:
    """Return the price for a request of more input than `above`: the library too means "more than" by a tier's start."""
    reached = [tier.price for tier in _tiers(price) if tier.start <= above]
    if reached:
        return reached[-1]
    return price if isinstance(price, Decimal) else price.base


def _nanos(price: Decimal) -> int:
    """Return whole nano-units of a price in units, rounded up."""
    return int(price.scaleb(9).to_integral_value(rounding=ROUND_CEILING))
