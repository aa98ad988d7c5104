"""Rows to values and back, for the tables whose rows are values. Knows no statement."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.neutral.usage import Basis, Usage

Values = tuple[Any, ...]

hold_values = msgspec.structs.astuple
"""Return a hold as the values of a row of `holds`."""

# One call into C for all 29 columns; spelling them out in Python costs a microsecond more a line.
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


def line_values(line: ExchangeLine) -> Values:
    """Return a line as the values of a row of `exchanges`."""
    return _line_attributes(line)


def fields_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row's values by the names of its columns."""
    return {str(name): value for name, value in row.items()}


def read_hold(row: Mapping[Any, Any]) -> Hold:
    """Return the hold of a row of `holds`."""
    return Hold(**fields_of(row))


def read_line(row: Sequence[Any]) -> ExchangeLine:
    """Return the line of a row of `exchanges`, its columns in their order."""
    (
        exchange_id,
        account_id,
        key_id,
        worker_id,
        outcome,
        status,
        started_ms,
        ended_ms,
        first_byte_ms,
        streamed,
        lane,
        model_asked,
        provider,
        model_routed,
        model_answered,
        attempts,
        *counts,
        basis,
        card_id,
        fee_ppm,
        hold_nanos,
        base_nanos,
        fee_nanos,
        written_off_nanos,
    ) = row
    return ExchangeLine(
        exchange_id=exchange_id,
        account_id=account_id,
        key_id=key_id,
        worker_id=worker_id,
        outcome=Outcome(outcome),
        status=status,
        started_ms=started_ms,
        ended_ms=ended_ms,
        first_byte_ms=first_byte_ms,
        streamed=bool(streamed),
        lane=lane,
        model_asked=model_asked,
        provider=provider,
        model_routed=model_routed,
        model_answered=model_answered,
        attempts=attempts,
        usage=read_usage(counts),
        basis=Basis(basis),
        card_id=card_id,
        fee_ppm=fee_ppm,
        hold_nanos=hold_nanos,
        base_nanos=base_nanos,
        fee_nanos=fee_nanos,
        written_off_nanos=written_off_nanos,
    )


def read_usage(counts: Sequence[int | None]) -> Usage:
    """Return the usage of the six count columns, in their order."""
    fresh, cached, output, reasoning, audio_in, audio_out = counts
    return Usage(
        input=fresh,
        cached_input=cached,
        output=output,
        reasoning=reasoning,
        audio_input=audio_in,
        audio_output=audio_out,
    )
