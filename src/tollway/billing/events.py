"""Events: listed for people, and looked for where no request tells them. Knows no SQL and no surface."""

from collections.abc import Callable
from typing import Protocol

from tollway import clock
from tollway.billing.views import View, view_time
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, render_id
from tollway.ledger.events import Event, sentence_of

EVENTS_MAX = 1000
"""Of one listing: a page of memory, not the whole history."""

ZERO_COST_LOOKS_BACK_MS = 2 * 86_400_000
"""How far back usage without a cost is looked for: a day is told of even after a night without Tollway."""


class EventRows(Protocol):
    """What events want from the store."""

    def events(self, account_id: int | None, kind: str | None, limit: int) -> tuple[Event, ...]:
        """Read events, newest first."""
        ...

    def tell_zero_costs(self, since_ms: int, now_ms: int) -> int:
        """Write an event for each model that was used since then without any cost; return how many are new."""
        ...


class Events:
    """The use cases of events."""

    def __init__(self, store: EventRows, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Read from `store`, and write what is found there."""
        self._store = store
        self._now_ms = now_ms

    def list(self, account_id: int | None = None, kind: str | None = None, limit: int = 50) -> tuple[Event, ...]:
        """Return events, newest first: of one account or all, of one kind or all."""
        if not 0 < limit <= EVENTS_MAX:
            raise CommandRefused(f"a listing has 1 to {EVENTS_MAX} events")
        return self._store.events(account_id, kind, limit)

    def look_for_zero_costs(self) -> int:
        """Tell of models whose tokens cost nothing lately; return how many are new. To be called about once a minute."""
        now_ms = self._now_ms()
        return self._store.tell_zero_costs(now_ms - ZERO_COST_LOOKS_BACK_MS, now_ms)


def view_event(event: Event) -> View:
    """Show an event."""
    return {
        "id": f"evt_{event.id:016x}",
        "kind": event.kind,
        "account": None if event.account_id is None else render_id(ACCOUNT, event.account_id),
        "subject": event.subject,
        "message": sentence_of(event),
        "data": dict(event.data),
        "created": view_time(event.created_ms),
    }
