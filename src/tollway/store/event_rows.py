"""Events in SQL: what people should know of, each told once. Runs in the caller's transaction."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from tollway.ledger.purses import ALERT_KINDS, EventKind, PurseKind
from tollway.store.tables import events
from tollway.store.upserts import inserting


def event_id(kind: str, subject: str) -> int:
    """Return the id of an event: a hash of what makes it one, so that the same one is never told twice."""
    digest = hashlib.blake2b(f"{kind}:{subject}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def event_values(
    kind: EventKind | str, subject: str, *, account_id: int | None, created_ms: int, data: dict[str, Any]
) -> tuple[int, int | None, str, str, str, int]:
    """Return the values of a row of `events`, in the order of its columns."""
    word = str(kind)
    return event_id(word, subject), account_id, word, subject, msgspec.json.encode(data).decode(), created_ms


def add_event(connection: Connection, values: tuple[Any, ...]) -> int:
    """Write an event, in the order of its columns, unless it was told before; return how many are new: one or none."""
    row = dict(zip(events.columns.keys(), values, strict=True))
    return connection.execute(inserting(events, connection.dialect).values(row).on_conflict_do_nothing()).rowcount


def purse_event_values(
    purse: Mapping[str, Any], kind: EventKind | None, subject: str, *, now_ms: int
) -> tuple[int, int | None, str, str, str, int]:
    """Return the values of an event about a purse, a row of `purses`: of the given kind, or that it fell to its alert.

    A cap's window is told of once, whatever the subject.
    """
    purse_kind = PurseKind(purse["kind"])
    data = {
        "purse": purse_kind.value,
        "left_nanos": purse["balance_nanos"],
        "alert_nanos": purse["alert_nanos"],
        "limit_nanos": purse["limit_nanos"],
        "cap_id": purse["cap_id"],
        "subject": purse["subject"],
        "window_start_ms": purse["window_start_ms"],
        "window_end_ms": purse["window_end_ms"],
    }
    return event_values(
        ALERT_KINDS[purse_kind] if kind is None else kind,
        str(purse["id"]) if purse_kind is PurseKind.CAP else subject,
        account_id=purse["account_id"],
        created_ms=now_ms,
        data={name: value for name, value in data.items() if value is not None},
    )
