"""What lines add up to in SQL, as usage_hours has it; and where in the table the lines of a time are. Knows no report."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, case, cast, func, literal_column

from tollway.ids import EPOCH_MS, SHIFT
from tollway.store.tables import exchanges
from tollway.store.usage_rollup import HOUR_MS

LONGEST_MS = 24 * HOUR_MS
"""How long before its end an exchange may have begun, and how far a clock that was set back leaves ids behind: an id says
when an exchange began. Nothing that has a cost runs for a day."""

_FIRST, _LAST = 0, 2**63 - 1

_e = exchanges.c
# As they stand in the text: PostgreSQL does not see that two parameters are the same, and would not group by them.
_HOUR_MS = literal_column(str(HOUR_MS), BigInteger)
_NONE, _NOBODY = literal_column("0", BigInteger), literal_column("''", String)
LINE_HOUR = _e.ended_ms - _e.ended_ms % _HOUR_MS
"""The hour that a line belongs to: that of its end."""

LINE_TOTAL = _e.base_nanos + _e.fee_nanos - _e.written_off_nanos


def whole(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the sum of a column, zero for none; PostgreSQL alone would make a decimal of it."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


LINE_KEYS: dict[str, ColumnElement[Any]] = {
    "hour_ms": LINE_HOUR,
    "account_id": _e.account_id,
    "key_id": _e.key_id,
    "sub_account_id": func.coalesce(_e.sub_account_id, _NONE),
    "provider": _e.provider,
    "model_routed": _e.model_routed,
    "tag": func.coalesce(_e.tag, _NOBODY),
    "end_user": func.coalesce(_e.end_user, _NOBODY),
    "session": func.coalesce(_e.session, _NOBODY),
}
"""The key of usage_hours, from the columns of a line."""

LINE_SUMS: dict[str, ColumnElement[Any]] = {
    "requests": func.count(),
    "input_tokens": whole(_e.input_tokens),
    "cached_input_tokens": whole(_e.cached_input_tokens),
    "cache_write_tokens": whole(_e.cache_write_5m_tokens) + whole(_e.cache_write_1h_tokens),
    "output_tokens": whole(_e.output_tokens),
    "reasoning_tokens": whole(_e.reasoning_tokens),
    "audio_tokens": whole(_e.audio_input_tokens) + whole(_e.audio_output_tokens),
    "images": whole(_e.images),
    "calls": whole(_e.calls),
    "base_nanos": whole(_e.base_nanos),
    "fee_nanos": whole(_e.fee_nanos),
    "written_off_nanos": whole(_e.written_off_nanos),
    "package_paid_nanos": whole(case((_e.package_id.is_not(None), LINE_TOTAL), else_=0)),
    "package_micros": whole(_e.package_micros),
}
"""The sums of usage_hours, from the lines of a group."""


def begun_around(start_ms: int, end_ms: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the ids that lines which ended from a time on and before another mostly have.

    One whose end nobody saw, and which was found long afterwards, is elsewhere.
    """
    return _e.exchange_id >= first_id(start_ms - LONGEST_MS), _e.exchange_id < first_id(end_ms + LONGEST_MS)


def first_id(at_ms: int) -> int:
    """Return the lowest id of an exchange that begins at a time."""
    return min(max(_FIRST, (at_ms - EPOCH_MS) << SHIFT), _LAST)
