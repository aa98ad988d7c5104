"""Reading events, and finding those that no request tells: usage that cost nothing. Knows no sentence."""

from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, func, select

from tollway.ledger.events import ZERO_COST, Event
from tollway.store.event_rows import add_event, event_values
from tollway.store.tables import events, usage_hours
from tollway.store.transactions import Rows

DAY_MS = 86_400_000
_TOKENS = (
    usage_hours.c.input_tokens
    + usage_hours.c.cached_input_tokens
    + usage_hours.c.cache_write_tokens
    + usage_hours.c.output_tokens
    + usage_hours.c.reasoning_tokens
    + usage_hours.c.audio_tokens
)


class EventRows(Rows):
    """The rows of events; every call is one transaction."""

    def events(self, account_id: int | None, kind: str | None, limit: int) -> tuple[Event, ...]:
        """Read events, newest first: of one account or all, of one kind or all."""
        query = select(events).order_by(events.c.created_ms.desc(), events.c.id).limit(limit)
        if account_id is not None:
            query = query.where(events.c.account_id == account_id)
        if kind is not None:
            query = query.where(events.c.kind == kind)
        with self._reading() as connection:
            return tuple(
                Event(
                    id=row.id,
                    account_id=row.account_id,
                    kind=row.kind,
                    subject=row.subject,
                    data=msgspec.json.decode(row.data),
                    created_ms=row.created_ms,
                )
                for row in connection.execute(query)
            )

    def tell_zero_costs(self, since_ms: int, now_ms: int) -> int:
        """Write an event for each model that was used since then without any cost; return how many are new.

        Tokens that a package paid for have no cost in money, and are none of them.
        """
        with self._reading() as connection:
            found = _free_of_charge(connection, since_ms)
        told = 0
        for provider, model, day_ms, requests, tokens in found:
            day = _day(day_ms)
            subject = f"{provider}:{model}:{day}"
            data = {"provider": provider, "model": model, "day": day, "requests": requests, "tokens": tokens}
            with self._writing() as connection:
                values = event_values(ZERO_COST, subject, account_id=None, created_ms=now_ms, data=data)
                told += add_event(connection, values)
        return told


def _free_of_charge(connection: Connection, since_ms: int) -> list[tuple[str, str, int, int, int]]:
    # By the name of its column: PostgreSQL takes two expressions with parameters for two different ones.
    day = (usage_hours.c.hour_ms - usage_hours.c.hour_ms % DAY_MS).label("day_ms")
    query = (
        select(
            usage_hours.c.provider,
            usage_hours.c.model_routed,
            day,
            func.sum(usage_hours.c.requests),
            func.sum(_TOKENS),
        )
        .where(usage_hours.c.hour_ms >= since_ms, usage_hours.c.base_nanos == 0, usage_hours.c.package_micros == 0)
        .where(_TOKENS > 0)
        .group_by(usage_hours.c.provider, usage_hours.c.model_routed, "day_ms")
    )
    return [(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in connection.execute(query)]


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).date().isoformat()
