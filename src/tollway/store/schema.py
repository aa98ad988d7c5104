"""Which schema a store has, and what to do about it. Knows the version's number, not how to migrate."""

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, cast, insert, inspect, select, update

from tollway.errors import SetupError
from tollway.store.tables import SCHEMA_VERSION, meta, metadata

PROBE_KEY = "probe"
"""What is written to see whether the ledger can be written."""
ACCESS_VERSION_KEY = "access_version"
versions = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's own table, in its own form."""

FIRST_FACTS = {PROBE_KEY: "0", ACCESS_VERSION_KEY: "0"}
"""What `meta` holds from the start."""


def schema_version(connection: Connection) -> str | None:
    """Return the version of the store's schema; None for an empty database; raises SetupError for a stranger's."""
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    if versions.name in tables:
        version = connection.scalar(select(versions.c.version_num))
        if version is not None:
            return str(version)
    raise SetupError(("[store] url: this database holds tables, but not Tollway's; name another file",))


def create(connection: Connection) -> None:
    """Make all tables in an empty database, as the newest migration leaves them."""
    metadata.create_all(connection)
    connection.execute(insert(meta), [{"key": key, "value": value} for key, value in FIRST_FACTS.items()])
    versions.create(connection)
    connection.execute(insert(versions).values(version_num=SCHEMA_VERSION))


def move_access_version(connection: Connection) -> None:
    """Note that keys, or what they may spend, changed; whoever polls the version reads them anew."""
    raised = cast(cast(meta.c.value, Integer) + 1, String)
    connection.execute(update(meta).where(meta.c.key == ACCESS_VERSION_KEY).values(value=raised))


def require_current(version: str) -> None:
    """Raise SetupError unless the store has this program's schema."""
    if version < SCHEMA_VERSION:
        mistake = f"the store has schema {version}, this Tollway needs {SCHEMA_VERSION}"
        raise SetupError((f"[store] url: {mistake}; run: tollway migrate --config FILE",))
    if version > SCHEMA_VERSION:
        mistake = f"the store has schema {version}, newer than this Tollway knows ({SCHEMA_VERSION})"
        raise SetupError((f"[store] url: {mistake}; upgrade Tollway",))
