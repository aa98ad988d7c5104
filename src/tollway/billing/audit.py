"""The audit trail: what use cases note of their changes, and how it is read. Knows no SQL and no surface."""

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import NamedTuple, Protocol

from tollway import clock
from tollway.access.audit import Actor, ActorKind, AuditEntry, AuditQuery
from tollway.billing.periods import parse_span
from tollway.billing.views import View, view_time
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, AUDIT, KEY, MANAGEMENT_KEY, IdError, parse_id, render_id

ENTRIES_MAX = 200
"""Of one page."""

OFFSET_MAX = 1_000_000
"""A database counts its way there; who looks further back says until when."""

ACTOR_PREFIXES = {ActorKind.ADMIN_KEY: KEY, ActorKind.MANAGEMENT_KEY: MANAGEMENT_KEY, ActorKind.KEY: KEY}
"""How the ids of those who act begin."""

NO_DETAILS: Mapping[str, object] = {}


class Notary:
    """Makes the entries that use cases hand to the store with their changes, which are written together or not at all."""

    def __init__(self, next_id: Callable[[], int], now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Take ids from `next_id`, which threads may share."""
        self._next_id = next_id
        self._now_ms = now_ms

    def note(
        self, by: Actor, action: str, account_id: int, resource_id: str, metadata: Mapping[str, object] = NO_DETAILS
    ) -> AuditEntry:
        """Return the entry of an action such as `key.create`, whose first word is the type of what it is done to.

        `resource_id` as people see it; `metadata` is what was set, as JSON has it, and without any secret.
        """
        return AuditEntry(
            id=self._next_id(),
            account_id=account_id,
            actor=by,
            action=action,
            resource_type=action.partition(".")[0],
            resource_id=resource_id,
            metadata=metadata,
            created_ms=self._now_ms(),
        )


class AuditPage(NamedTuple):
    """A part of the audit trail."""

    entries: tuple[AuditEntry, ...]
    """Newest first."""
    total: int
    """How many there are in all that were asked for."""


class AuditRows(Protocol):
    """What the audit trail is read from."""

    def audit_entries(self, query: AuditQuery, *, limit: int, offset: int) -> tuple[tuple[AuditEntry, ...], int]:
        """Read some entries, newest first, and how many there are in all."""
        ...


class Audit:
    """Reading the audit trail. Errors are CommandRefused with a sentence."""

    def __init__(self, store: AuditRows, *, zone: tzinfo = UTC) -> None:
        """Read from `store`; days are those of the calendar of `zone`."""
        self._store = store
        self._zone = zone

    def list(self, query: AuditQuery, limit: int = 50, offset: int = 0) -> AuditPage:
        """Return up to 200 entries, newest first, after leaving out `offset` of them, and how many there are in all."""
        if not 0 < limit <= ENTRIES_MAX:
            raise CommandRefused(f"a page of the audit trail has 1 to {ENTRIES_MAX} entries")
        if not 0 <= offset <= OFFSET_MAX:
            raise CommandRefused(f"a page of the audit trail begins at 0 to {OFFSET_MAX}: say until when instead")
        entries, total = self._store.audit_entries(query, limit=limit, offset=offset)
        return AuditPage(entries, total)

    def period(self, since: str | None, until: str | None) -> tuple[int | None, int | None]:
        """Return since and until when, in milliseconds, from words such as `2026-01-31`; a day or month with all of it."""
        span = parse_span(since, until, self._zone)
        return span.start_ms, span.end_ms


def parse_actor(text: str | None) -> tuple[ActorKind | None, int | None]:
    """Return who is meant by the word of a kind, such as `operator`, or by a key's id; raises CommandRefused."""
    if text is None:
        return None, None
    if text in tuple(ActorKind):
        return ActorKind(text), None
    for prefix in dict.fromkeys(ACTOR_PREFIXES.values()):
        if text.startswith(prefix):
            try:
                return None, parse_id(prefix, text)
            except IdError as error:
                raise CommandRefused(str(error)) from None
    kinds = ", ".join(ActorKind)
    raise CommandRefused(f"{text!r} is nobody who acts: say one of {kinds}, or a key's id")


def actor_name(actor: Actor) -> str | None:
    """Return the id of the key that acted, as people see it; None for the operator."""
    return None if actor.id is None else render_id(ACTOR_PREFIXES[actor.kind], actor.id)


def view_entry(entry: AuditEntry) -> View:
    """Show an entry of the audit trail."""
    return {
        "id": render_id(AUDIT, entry.id),
        "account": render_id(ACCOUNT, entry.account_id),
        "actor": entry.actor.kind.value,
        "actor_id": actor_name(entry.actor),
        "ip_address": entry.actor.ip,
        "action": entry.action,
        "resource_type": entry.resource_type,
        "resource_id": entry.resource_id,
        "metadata": dict(entry.metadata),
        "created": view_time(entry.created_ms),
    }
