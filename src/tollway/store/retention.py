"""The end of rows that are not kept for ever: deletes by time, so many in a transaction, in SQL. Runs in the caller's transaction.

Charges, transfers and what proves them are kept: a cap's ended window too, which is smaller than the charges it counted.
"""

from sqlalchemy import Connection, delete, select

from tollway.store.tables import events

DELETED_AT_ONCE = 1000
"""Rows of one transaction: a few milliseconds, in which SQLite writes no charge."""


def sweep_events(connection: Connection, before_ms: int) -> int:
    """Delete up to DELETED_AT_ONCE events that were told before a time, the oldest first; return how many."""
    oldest = (
        select(events.c.id)
        .where(events.c.created_ms < before_ms)
        .order_by(events.c.created_ms)
        .limit(DELETED_AT_ONCE)
        .with_for_update(skip_locked=True)  # every worker sweeps: none waits for another
    )
    return connection.execute(delete(events).where(events.c.id.in_(oldest))).rowcount
