"""What was used in an hour, summed from lines and written in the transaction that writes them: equal to their sum always.

Knows no event loop and no timezone: hours are those of UTC, and whoever sums days of another takes the ends from the lines.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql import Insert

from tollway.ledger.lines import Attribution, ExchangeLine
from tollway.store.rows import is_plain
from tollway.store.tables import ROLLUP_KEY, usage_hours
from tollway.store.upserts import inserting

HOUR_MS = 3_600_000

_SUMS = tuple(column.name for column in usage_hours.columns if column.name not in ROLLUP_KEY)

Key = tuple[int, int, int, str, str, Attribution]
Row = tuple[int | str, ...]
"""A row of usage_hours, its columns in their order."""


def hour_of(at_ms: int) -> int:
    """Return the start of the hour that a time falls into."""
    return at_ms - at_ms % HOUR_MS


def summed(lines: Iterable[ExchangeLine]) -> list[Row]:
    """Return the rows that the lines add up to: one for each hour, key, model, provider and attribution.

    Once a line, so spelled out: adding up tuples took three times as long.
    """
    sums: dict[Key, list[int]] = {}
    hour_ms = ends_ms = 0
    for line in lines:
        ended_ms = line.ended_ms
        if not hour_ms <= ended_ms < ends_ms:
            hour_ms = hour_of(ended_ms)
            ends_ms = hour_ms + HOUR_MS
        key = (hour_ms, line.account_id, line.key_id, line.provider, line.model_routed, line.attribution)
        row = sums.get(key)
        if row is None:
            row = sums[key] = [0] * len(_SUMS)
        row[0] += 1
        usage = line.usage
        row[1] += usage.input or 0
        row[2] += usage.cached_input or 0
        row[4] += usage.output or 0
        row[5] += usage.reasoning or 0
        row[9] += line.base_nanos
        row[10] += line.fee_nanos
        if not is_plain(line) or usage.audio_input or usage.audio_output or line.written_off_nanos:
            _add_rare(row, line)
    return sorted((*_key_columns(key), *row) for key, row in sums.items())


def _add_rare(row: list[int], line: ExchangeLine) -> None:
    usage = line.usage
    row[3] += (usage.cache_write_5m or 0) + (usage.cache_write_1h or 0)
    row[6] += (usage.audio_input or 0) + (usage.audio_output or 0)
    row[7] += usage.images or 0
    row[8] += usage.calls or 0
    row[11] += line.written_off_nanos
    row[12] += line.total_nanos if line.package_id is not None else 0
    row[13] += line.package_micros


def _key_columns(key: Key) -> Row:
    hour_ms, account_id, key_id, provider, model_routed, who = key
    names = (provider, model_routed, who.tag or "", who.end_user or "", who.session or "")
    return hour_ms, account_id, key_id, who.sub_account_id or 0, *names


def add_up(dialect: Dialect) -> Insert:
    """Return the statement that adds a row to what stands in usage_hours already."""
    insert = inserting(usage_hours, dialect)
    return insert.on_conflict_do_update(
        index_elements=list(ROLLUP_KEY),
        set_={name: usage_hours.c[name] + insert.excluded[name] for name in _SUMS},
    )


def add_usage(connection: Connection, lines: Iterable[ExchangeLine]) -> None:
    """Add the lines to their hours, in the transaction of `connection`, which writes the lines too."""
    names = usage_hours.columns.keys()
    rows = [dict(zip(names, row, strict=True)) for row in summed(lines)]
    if rows:
        connection.execute(add_up(connection.dialect), rows)
