"""What kind of key has a digest, in SQL: asked only of those that are no valid API key. Knows no connection."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, bindparam, select

from tollway.access.kinds import KeyKind
from tollway.store.principal_rows import Fetch, Query
from tollway.store.tables import admin_keys, keys, management_keys


def _query(column: Column[Any]) -> Query:
    among: BindParameter[Any] = bindparam("digests", value=[None], expanding=True)
    return Query(select(column).where(column.in_(among)), ("digests",))


QUERIES: Mapping[KeyKind, tuple[Query, ...]] = {
    # What a key was before it was given another text may still work.
    KeyKind.API: (_query(keys.c.digest), _query(keys.c.old_digest)),
    KeyKind.MANAGEMENT: (_query(management_keys.c.digest),),
    KeyKind.ADMIN: (_query(admin_keys.c.digest),),
}
STRANGE = (KeyKind.MANAGEMENT, KeyKind.ADMIN)
"""What cannot ask models."""


def read_kinds(fetch: Fetch, digests: Sequence[bytes], kinds: Iterable[KeyKind]) -> dict[bytes, KeyKind]:
    """Return the kinds of those digests that belong to keys of these kinds, valid or not."""
    return {bytes(digest): kind for kind in kinds for query in QUERIES[kind] for (digest,) in fetch(query, digests)}
