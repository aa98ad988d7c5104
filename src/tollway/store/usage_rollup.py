"""What was used in an hour, summed from lines and written in the transaction that writes them: equal to their sum always.

Knows no event loop. `hour_shift_ms` moves the hours of a timezone whose offset is no whole hour into their place.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import Insert

from tollway.ledger.lines import ExchangeLine
from tollway.store.tables import ROLLUP_KEY, usage_hours

HOUR_MS = 3_600_000

_SUMS = tuple(column.name for column in usage_hours.columns if column.name not in ROLLUP_KEY)

Row = tuple[int | str, ...]
"""A row of usage_hours, its columns in their order."""


def hour_of(at_ms: int, *, hour_shift_ms: int) -> int:
    """Return the start of the hour that a time falls into."""
    return at_ms - (at_ms - hour_shift_ms) % HOUR_MS


def summed(lines: Iterable[ExchangeLine], *, hour_shift_ms: int) -> list[Row]:
    """Return the rows that the lines add up to: one for each hour, key, model, provider and attribution."""
    sums: dict[Row, list[int]] = {}
    for line in lines:
        who = line.attribution
        usage = line.usage
        key = (
            hour_of(line.ended_ms, hour_shift_ms=hour_shift_ms),
            line.account_id,
            line.key_id,
            who.sub_account_id or 0,
            line.provider,
            line.model_routed,
            who.tag or "",
            who.end_user or "",
            who.session or "",
        )
        counts = (
            1,
            usage.input or 0,
            usage.cached_input or 0,
            (usage.cache_write_5m or 0) + (usage.cache_write_1h or 0),
            usage.output or 0,
            usage.reasoning or 0,
            (usage.audio_input or 0) + (usage.audio_output or 0),
            usage.images or 0,
            usage.calls or 0,
            line.base_nanos,
            line.fee_nanos,
            line.written_off_nanos,
            line.total_nanos if line.package_id is not None else 0,
            line.package_micros,
        )
        found = sums.get(key)
        if found is None:
            sums[key] = list(counts)
        else:
            sums[key] = [one + other for one, other in zip(found, counts, strict=True)]
    return [(*key, *counts) for key, counts in sorted(sums.items())]


def add_up(dialect: Dialect) -> Insert:
    """Return the statement that adds a row to what stands in usage_hours already."""
    insert = postgresql.insert(usage_hours) if dialect.name == "postgresql" else sqlite.insert(usage_hours)
    return insert.on_conflict_do_update(
        index_elements=list(ROLLUP_KEY),
        set_={name: usage_hours.c[name] + insert.excluded[name] for name in _SUMS},
    )


def add_usage(connection: Connection, lines: Iterable[ExchangeLine], *, hour_shift_ms: int) -> None:
    """Add the lines to their hours, in the transaction of `connection`, which writes the lines too."""
    names = usage_hours.columns.keys()
    rows = [dict(zip(names, row, strict=True)) for row in summed(lines, hour_shift_ms=hour_shift_ms)]
    if rows:
        connection.execute(add_up(connection.dialect), rows)
