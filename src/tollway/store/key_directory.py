"""Keys by their digest, for the data plane: a cache that is right at every instant, and the reading behind it.

Knows no request and no secret. Belongs to one thread; what it reads with may wait, and then in a thread of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tollway.access.kinds import KeyKind, cannot_ask
from tollway.access.principal import Principal
from tollway.access.terms import AccountTerms
from tollway.errors import Refusal

LOOKUP_WAIT_S = 3.0
"""How long a request waits for its key to be read: longer than any healthy database, shorter than a client's patience."""
LOOKUPS_MAX = 10_000
"""Keys that wait to be read: beyond, a flood of strangers' keys would grow without end (a kilobyte each)."""
LOOKUPS_AT_ONCE = 100
"""Keys of one question."""
LET_GO_AT_ONCE = 500
"""Keys that are let go of in one turn of the event loop, 0.1 ms: 100,000 at once kept it for 16 ms, at each change of a key."""


class KeyReader(Protocol):
    """What reads keys from the store."""

    def find(self, digests: Sequence[bytes], terms: Mapping[int, AccountTerms]) -> dict[bytes, Principal]:
        """Read the principals of those digests that belong to a key which is not revoked.

        `terms` are those of accounts read before: all keys of an account share one object.
        """
        ...

    def kinds(self, digests: Sequence[bytes]) -> dict[bytes, KeyKind]:
        """Read the kinds of those digests that belong to keys which cannot ask models, valid or not."""
        ...

    def version(self) -> str:
        """Read what moves whenever keys or accounts change."""
        ...


class Counter(Protocol):
    """What moves in memory when keys or accounts change."""

    def read(self) -> int:
        """Return the counter, with no I/O."""
        ...


class KeyDirectory:
    """Who is behind a key. Expiry is left to the caller, who knows the time."""

    def __init__(self, reader: KeyReader, signal: Counter, *, entries_max: int, embedded: bool) -> None:
        """Read with `reader`; forget everything when `signal` moves; remember `entries_max` keys at most.

        `embedded` says that the reader is as quick as memory, so that `find` need not be awaited.
        """
        self._reader = reader
        self._signal = signal
        self._entries_max = entries_max
        self._entries: dict[bytes, Principal] = {}
        self._terms: dict[int, AccountTerms] = {}
        self.embedded = embedded
        self._seen = signal.read()
        self._version = reader.version()
        self._waiting: dict[bytes, asyncio.Future[Principal | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keys")

    def known(self, digest: bytes) -> Principal | None:
        """Return the principal of a key read before, if nothing has changed since; no I/O."""
        self._look()
        return self._entries.get(digest)

    def find(self, digest: bytes) -> Principal | None:
        """Read the principal of a key that is not revoked, and remember it; None when there is none.

        For an embedded store; the event loop may wait for no other. Raises Refusal `not_ready`, and `invalid_api_key`
        for a key of another kind.
        """
        moved, terms = self._look(), self._terms
        found = self._reader.find((digest,), terms)
        self._remember(found, moved, terms)
        principal = found.get(digest)
        refusal = None if principal is not None else cannot_ask(self._reader.kinds((digest,)).get(digest))
        if refusal is not None:
            raise refusal
        return principal

    async def look_up(self, digest: bytes) -> Principal | None:
        """Do as `find` does without stopping the event loop, in one question with all who ask at the same time.

        Raises Refusal `not_ready` when the answer does not come in time, or too many wait for one, and `invalid_api_key`
        for a key of another kind.
        """
        answer = self._waiting.get(digest)
        if answer is None:
            if len(self._waiting) >= LOOKUPS_MAX:
                raise _unread()
            answer = self._waiting[digest] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait((answer,), timeout=LOOKUP_WAIT_S)
        if not done:
            raise _unread()
        return answer.result()

    async def poll(self) -> None:
        """Compare the version in the store, once a second: for a change whose announcement died with its process."""
        if self.embedded:
            version = self._reader.version()
        else:
            version = await asyncio.get_running_loop().run_in_executor(self._thread, self._reader.version)
        if version != self._version:
            self._version = version
            self._forget()

    def close(self) -> None:
        """Ask no more; what was asked ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _ask(self) -> None:
        """Ask until nobody waits. Who comes while a question is under way is in the next one: it might come too late."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            digests = tuple(self._waiting)[:LOOKUPS_AT_ONCE]
            answers = {digest: self._waiting.pop(digest) for digest in digests}
            moved, terms = self._look(), self._terms
            asked = loop.run_in_executor(self._thread, self._read, digests, terms)
            await asyncio.wait((asked,))
            failure = asked.exception()
            if failure is None:
                self._remember(asked.result()[0], moved, terms)
            for digest, answer in answers.items():
                refusal = failure or cannot_ask(asked.result()[1].get(digest))
                if refusal is None:
                    answer.set_result(asked.result()[0].get(digest))
                else:
                    answer.set_exception(refusal)
                    # Marked as seen: whoever asked may have left.
                    answer.exception()
        self._asking = None

    def _read(
        self, digests: Sequence[bytes], terms: Mapping[int, AccountTerms]
    ) -> tuple[dict[bytes, Principal], dict[bytes, KeyKind]]:
        """Read who is behind digests, and of the others, which are keys of another kind."""
        found = self._reader.find(digests, terms)
        unknown = tuple(digest for digest in digests if digest not in found)
        return found, self._reader.kinds(unknown) if unknown else {}

    def _look(self) -> int:
        """Forget everything if anything has changed; return the counter, which a change while reading will move."""
        moved = self._signal.read()
        if moved != self._seen:
            self._seen = moved
            self._forget()
        return moved

    def _forget(self) -> None:
        # Not cleared: what is large is freed bit by bit, and a question under way may be reading the old terms.
        entries, self._entries, self._terms = self._entries, {}, {}
        _let_go(entries)

    def _remember(self, found: dict[bytes, Principal], moved: int, terms: dict[int, AccountTerms]) -> None:
        """Keep what was read beside `terms` while the counter stood at `moved`, unless all was forgotten since, or is to be."""
        if moved != self._signal.read() or terms is not self._terms:
            return
        entries = self._entries
        for digest, principal in found.items():
            if len(entries) >= self._entries_max:
                del entries[next(iter(entries))]
            entries[digest] = principal
            self._terms[principal.account_id] = principal.terms


def _let_go(entries: dict[bytes, Principal]) -> None:
    """Free what nobody looks at any more, a part in each turn of the event loop."""
    for _ in range(min(LET_GO_AT_ONCE, len(entries))):
        entries.popitem()
    if entries:
        asyncio.get_running_loop().call_soon(_let_go, entries)


def _unread() -> Refusal:
    return Refusal("not_ready", "API keys cannot be read at the moment. Try again soon.", retry_after_s=1)
