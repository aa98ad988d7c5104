"""What kind of key has a digest, in SQL: asked only of those that are no valid API key. Knows no connection."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Table, bindparam, select

from tollway.access.kinds import KeyKind
from tollway.store.principal_rows import Fetch, Query
from tollway.store.tables import admin_keys, keys, management_keys


def _query(table: Table) -> Query:
    among: BindParameter[Any] = bindparam("digests", value=[None], expanding=True)
    return Query(select(table.c.digest).where(table.c.digest.in_(among)), ("digests",))


QUERIES = {
    KeyKind.API: _query(keys),
    KeyKind.MANAGEMENT: _query(management_keys),
    KeyKind.ADMIN: _query(admin_keys),
}
STRANGE = (KeyKind.MANAGEMENT, KeyKind.ADMIN)
"""What cannot ask models."""


def read_kinds(fetch: Fetch, digests: Sequence[bytes], kinds: Iterable[KeyKind]) -> dict[bytes, KeyKind]:
    """Return the kinds of those digests that belong to keys of these kinds, valid or not."""
    return {bytes(digest): kind for kind in kinds for (digest,) in fetch(QUERIES[kind], digests)}
