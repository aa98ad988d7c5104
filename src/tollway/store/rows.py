"""Rows to values and back, for the tables whose rows are values. Knows no statement."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from tollway.ledger.lines import NOBODY, Attribution, ExchangeLine, Hold, Outcome
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
    "attribution.sub_account_id",
    "attribution.tag",
    "attribution.end_user",
    "attribution.session",
    "package_id",
    "package_micros",
    "ratio_ppm",
)
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
    return (*_line_attributes(line), caps_text(line.caps), *_line_rest(line))


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
        fresh,
        cached,
        output,
        reasoning,
        audio_input,
        audio_output,
        basis,
        card_id,
        fee_ppm,
        hold_nanos,
        base_nanos,
        fee_nanos,
        written_off_nanos,
        sub_account_id,
        tag,
        end_user,
        session,
        package_id,
        package_micros,
        ratio_ppm,
        caps,
        price_ppm,
        rate_nanos,
        provider_cost_nanos,
        cache_write_5m,
        cache_write_1h,
        images,
        calls,
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
        usage=Usage(
            input=fresh,
            cached_input=cached,
            output=output,
            reasoning=reasoning,
            audio_input=audio_input,
            audio_output=audio_output,
            cache_write_5m=cache_write_5m,
            cache_write_1h=cache_write_1h,
            images=images,
            calls=calls,
        ),
        basis=Basis(basis),
        card_id=card_id,
        fee_ppm=fee_ppm,
        hold_nanos=hold_nanos,
        base_nanos=base_nanos,
        fee_nanos=fee_nanos,
        written_off_nanos=written_off_nanos,
        attribution=Attribution(sub_account_id=sub_account_id, tag=tag, end_user=end_user, session=session),
        package_id=package_id,
        package_micros=package_micros,
        ratio_ppm=ratio_ppm,
        caps=() if caps is None else tuple(msgspec.json.decode(caps)),
        price_ppm=price_ppm,
        rate_nanos=rate_nanos,
        provider_cost_nanos=provider_cost_nanos,
    )
