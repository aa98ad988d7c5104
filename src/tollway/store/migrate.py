"""Bringing a store to this program's schema, with Alembic. Knows no row."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from tollway.store.schema import require_current, schema_version
from tollway.store.sqlite import database_path, make_private, open_engine
from tollway.store.tables import SCHEMA_VERSION

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(url: str) -> tuple[str | None, str]:
    """Migrate the store at `url` to this program's schema, in one transaction; return the versions before and after.

    The version before is None for a new store. Raises SetupError when the store is newer, or not Tollway's.
    """
    path = database_path(url)
    make_private(path)
    engine = open_engine(path, durability="full")
    try:
        with engine.execution_options(writes=True).begin() as connection:
            before = schema_version(connection)
            if before is not None and before > SCHEMA_VERSION:
                require_current(before)
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return before, SCHEMA_VERSION
    finally:
        engine.dispose()
