"""Rows to values and back, for the tables whose rows are values. Knows no statement."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from tollway.ledger.lines import NOBODY, Attribution, ExchangeLine, Hold, Outcome
from tollway.money import PPM
from tollway.neutral.usage import Basis, Usage
from tollway.store.tables import exchanges

Values = tuple[Any, ...]

hold_values = attrgetter(
    "exchange_id",
    "account_id",
    "key_id",
    "worker_id",
    "payer_id",
    "amount_nanos",
    "model_asked",
    "started_ms",
    "expires_ms",
    "attribution.sub_account_id",
    "attribution.tag",
    "attribution.end_user",
    "attribution.session",
)
"""Return a hold as the values of a row of `holds`."""

# One call into C for all columns; spelling them out in Python costs a microsecond more a line.
_line_attributes = attrgetter(
    "exchange_id",
    "account_id",
    "key_id",
    "worker_id",
    "outcome._value_",
    "status",
    "started_ms",
    "ended_ms",
    "first_byte_ms",
    "streamed",
    "lane",
    "model_asked",
    "provider",
    "model_routed",
    "model_answered",
    "attempts",
    "usage.input",
    "usage.cached_input",
    "usage.output",
    "usage.reasoning",
    "usage.audio_input",
    "usage.audio_output",
    "basis._value_",
    "card_id",
    "fee_ppm",
    "hold_nanos",
    "base_nanos",
    "fee_nanos",
    "written_off_nanos",
)
PLAIN_COLUMNS = 29
"""How many they are: the first of the table. The rest are what few lines have, and cost as much as half of these."""
_line_who = attrgetter(
    "attribution.sub_account_id",
    "attribution.tag",
    "attribution.end_user",
    "attribution.session",
    "package_id",
    "package_micros",
    "ratio_ppm",
)
_line_more = attrgetter(
    "attribution",
    "package_id",
    "caps",
    "price_ppm",
    "rate_nanos",
    "provider_cost_nanos",
    "usage.cache_write_5m",
    "usage.cache_write_1h",
    "usage.images",
    "usage.calls",
)
_NOTHING_MORE = (NOBODY, None, (), PPM, None, None, None, None, None, None)
_line_rest = attrgetter(
    "price_ppm",
    "rate_nanos",
    "provider_cost_nanos",
    "usage.cache_write_5m",
    "usage.cache_write_1h",
    "usage.images",
    "usage.calls",
)


def line_values(line: ExchangeLine) -> Values:
    """Return a line as the values of a row of `exchanges`."""
    return (*_line_attributes(line), *_line_who(line), caps_text(line.caps), *_line_rest(line))


def is_plain(line: ExchangeLine) -> bool:
    """Tell whether the columns after the first PLAIN_COLUMNS have nothing but what they have by themselves."""
    return _line_more(line) == _NOTHING_MORE


plain_values = _line_attributes
"""Return the first PLAIN_COLUMNS values of the row of a plain line."""


def line_fields(line: ExchangeLine) -> dict[str, Any]:
    """Return a line as a row of `exchanges` by the names of its columns, as every driver takes them."""
    fields = dict(zip(exchanges.columns.keys(), line_values(line), strict=True))
    return fields | {"streamed": int(line.streamed)}


def caps_text(caps: tuple[int, ...]) -> str | None:
    """Return the cap windows of a line as their column holds them: a JSON list, NULL for none."""
    return f"[{','.join(map(str, caps))}]" if caps else None


ATTRIBUTION = Attribution.__struct_fields__


def fields_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row's values by the names of its columns."""
    return {str(name): value for name, value in row.items()}


def read_hold(row: Mapping[Any, Any]) -> Hold:
    """Return the hold of a row of `holds`."""
    fields = fields_of(row)
    attribution = Attribution(**{name: fields.pop(name) for name in ATTRIBUTION})
    return Hold(**fields, attribution=NOBODY if attribution == NOBODY else attribution)


_USAGE_COLUMNS = {
    "input": "input_tokens",
    "cached_input": "cached_input_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
    "audio_input": "audio_input_tokens",
    "audio_output": "audio_output_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "images": "images",
    "calls": "calls",
}
"""The column of each unit of usage."""
_LINE_COLUMNS = tuple(exchanges.columns.keys())


def read_line(row: Sequence[Any]) -> ExchangeLine:
    """Return the line of a row of `exchanges`, its columns in their order."""
    fields = dict(zip(_LINE_COLUMNS, row, strict=True))
    usage = Usage(**{unit: fields.pop(column) for unit, column in _USAGE_COLUMNS.items()})
    attribution = Attribution(**{name: fields.pop(name) for name in ATTRIBUTION})
    counted = fields.pop("caps")
    return ExchangeLine(
        outcome=Outcome(fields.pop("outcome")),
        streamed=bool(fields.pop("streamed")),
        basis=Basis(fields.pop("basis")),
        usage=usage,
        attribution=NOBODY if attribution == NOBODY else attribution,
        caps=() if counted is None else tuple(msgspec.json.decode(counted)),
        **fields,
    )
