"""Bringing a store to this program's schema, with Alembic. Knows no row."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from tollway.errors import SetupError
from tollway.store.backend import Backend
from tollway.store.schema import require_current, schema_version
from tollway.store.store import mended, open_backend
from tollway.store.tables import SCHEMA_VERSION, metadata
from tollway.store.workers import registered_numbers

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(url: str) -> tuple[str | None, str]:
    """Migrate the store at `url` to this program's schema, in one transaction; return the versions before and after.

    The version before is None for a new store. Raises SetupError when the database cannot be used, when the store is
    newer or not Tollway's, when a worker serves from it, and when its tables are not what they should be afterwards:
    then nothing is changed.
    """
    backend = open_backend(url, "full")
    try:
        with mended(backend), backend.preparing() as connection:
            before = schema_version(connection)
            if before is not None and before > SCHEMA_VERSION:
                require_current(before)
            if before is not None and before < SCHEMA_VERSION:
                require_nobody(backend, connection)
            upgrade(connection, "head")
            require_tables(connection)
            return before, SCHEMA_VERSION
    finally:
        backend.close()


def require_nobody(backend: Backend, connection: Connection) -> None:
    """Raise SetupError while a worker serves from the store: it could not write its charges into another schema."""
    backend.join()
    alive = set(registered_numbers(connection)).difference(backend.dead_numbers(connection))
    if alive:
        mistake = f"{len(alive)} of its workers are serving, and what they charge would be lost: stop them first"
        raise SetupError((f"[store] url: {backend.place} cannot be migrated: {mistake}",))


def upgrade(connection: Connection, version: str) -> None:
    """Run the migrations up to a version, in the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def require_tables(connection: Connection) -> None:
    """Raise SetupError unless the database has the tables, columns, types and indexes that this program knows."""
    options = {"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
    differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    if differences:
        mistake = f"the tables of schema {SCHEMA_VERSION} are not as they should be, and nothing was migrated"
        raise SetupError((f"[store] url: {mistake}: {differences}",))
