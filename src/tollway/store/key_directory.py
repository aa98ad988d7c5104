"""Keys by their digest, for the data plane: a cache that is right at every instant, and the reading behind it.

Knows no request and no secret. Belongs to one thread.
"""

import sqlite3

from sqlalchemy import bindparam, select

from tollway.access.principal import Principal
from tollway.ledger.records import AccountState
from tollway.store.change_signal import ChangeSignal
from tollway.store.schema import ACCESS_VERSION_KEY
from tollway.store.sqlite import compiled
from tollway.store.tables import accounts, keys, meta

_FIND = compiled(
    select(keys.c.id, keys.c.account_id, keys.c.models, keys.c.expires_ms, accounts.c.state, accounts.c.currency)
    .select_from(keys.join(accounts, accounts.c.id == keys.c.account_id))
    .where(keys.c.digest == bindparam("digest"), keys.c.revoked_ms.is_(None))
)
_VERSION = compiled(select(meta.c.value).where(meta.c.key == bindparam("key")))


class KeyDirectory:
    """Who is behind a key. Expiry is left to the caller, who knows the time."""

    def __init__(self, connection: sqlite3.Connection, signal: ChangeSignal, *, entries_max: int) -> None:
        """Read on `connection`; forget everything when `signal` moves; remember `entries_max` keys at most."""
        self._connection = connection
        self._signal = signal
        self._entries_max = entries_max
        self._entries: dict[bytes, Principal] = {}
        self._seen = signal.read()
        self._version = self._read_version()

    def known(self, digest: bytes) -> Principal | None:
        """Return the principal of a key read before, if nothing has changed since; no I/O."""
        moved = self._signal.read()
        if moved != self._seen:
            self._entries.clear()
            self._seen = moved
            return None
        return self._entries.get(digest)

    def find(self, digest: bytes) -> Principal | None:
        """Read the principal of a key that is not revoked, and remember it; None when there is none."""
        # The counter first: a change while reading then shows at the next `known`.
        moved = self._signal.read()
        if moved != self._seen:
            self._entries.clear()
            self._seen = moved
        row = self._connection.execute(_FIND, (digest,)).fetchone()
        if row is None:
            return None
        key_id, account_id, models, expires_ms, state, currency = row
        principal = Principal(
            key_id=key_id,
            account_id=account_id,
            models=tuple(models.split(",")) if models else (),
            expires_ms=expires_ms,
            account_suspended=state == AccountState.SUSPENDED,
            currency=currency,
        )
        if len(self._entries) >= self._entries_max:
            del self._entries[next(iter(self._entries))]
        self._entries[digest] = principal
        return principal

    def poll(self) -> None:
        """Compare the version in the store, once a second: for a change whose announcement died with its process."""
        version = self._read_version()
        if version != self._version:
            self._version = version
            self._entries.clear()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _read_version(self) -> str:
        return self._connection.execute(_VERSION, (ACCESS_VERSION_KEY,)).fetchone()[0]
