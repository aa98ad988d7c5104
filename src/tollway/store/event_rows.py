"""Events in SQL: what people should know of, each told once. Runs in the caller's transaction."""

import hashlib
from typing import Any

import msgspec

from tollway.ledger.purses import EventKind


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
