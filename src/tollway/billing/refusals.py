"""Which refused requests are kept, so that each can be found by its id: a bounded number, and for some days. Knows no SQL.

Whoever is refused is often refused again at once: what is kept must not grow with how hard somebody tries.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from tollway import clock
from tollway.ledger.requests import RefusedRequest

OF_ONE_KEY = 5
"""Kept at most of one key in each second, by each worker."""

AT_ONCE = 50
"""Kept at most in each second, by each worker."""

KEPT_MS = 7 * 86_400_000

MESSAGE_CHARS_MAX = 500

QUOTING = frozenset(("invalid_request", "not_supported", "upstream_error", "internal_error"))
"""Codes whose messages may quote what was asked or answered, of which nothing is kept."""


class RefusalRows(Protocol):
    """What keeps refused requests."""

    def add_refusals(self, refused: Sequence[RefusedRequest]) -> None:
        """Write those that have no line."""
        ...

    def sweep_refusals(self, before_ms: int) -> int:
        """Delete some that came before a time; return how many, to be called until none."""
        ...


class Refusals:
    """The refused requests of one worker, on their way to the store."""

    def __init__(self, store: RefusalRows, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Start with none. `note` and `take` belong to one thread; the others wait for the disk, in any."""
        self._store = store
        self._now_ms = now_ms
        self._waiting: list[RefusedRequest] = []
        self._of_key: Counter[int] = Counter()

    def note(self, refused: RefusedRequest) -> None:
        """Keep one, unless there were too many since the last `take`."""
        if len(self._waiting) < AT_ONCE and self._of_key[refused.key_id] < OF_ONE_KEY:
            self._of_key[refused.key_id] += 1
            self._waiting.append(_kept(refused))

    def take(self) -> list[RefusedRequest]:
        """Return those that wait, to be handed to `keep`. To be called once a second."""
        taken, self._waiting = self._waiting, []
        self._of_key.clear()
        return taken

    def keep(self, taken: Sequence[RefusedRequest]) -> None:
        """Write them."""
        self._store.add_refusals(taken)

    def sweep(self) -> None:
        """Delete those that are kept no longer."""
        while self._store.sweep_refusals(self._now_ms() - KEPT_MS):
            pass


def _kept(refused: RefusedRequest) -> RefusedRequest:
    """Return what is kept of one: no words that may quote a request."""
    message = None if refused.code in QUOTING else (refused.message or "")[:MESSAGE_CHARS_MAX]
    return msgspec.structs.replace(refused, message=message)
