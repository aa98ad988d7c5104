import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.e2e.store.conftest import on_sqlite
from tollway.errors import SetupError
from tollway.store.migrate import SCRIPTS, migrate
from tollway.store.numbers import worker_numbers
from tollway.store.postgres.address import is_postgres
from tollway.store.sqlite import database_path
from tollway.store.store import Store, open_backend
from tollway.store.tables import SCHEMA_VERSION


def run(url: str, sql: str) -> list[tuple[object, ...]]:
    """Run a statement in a transaction of its own; return its rows."""
    backend = open_backend(url, "full")
    with backend.writing() as connection:
        done = connection.exec_driver_sql(sql)
        rows = [tuple(row) for row in done] if done.returns_rows else []
    backend.close()
    return rows


ON_POSTGRES = (
    """SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
       WHERE table_schema = 'public' ORDER BY 1, 2""",
    """SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
)


def schema_of(url: str) -> dict[str, list[object]]:
    """Return all that a database knows of its tables."""
    if is_postgres(url):
        return {query: [row for row in run(url, query) if row[0] != "alembic_version"] for query in ON_POSTGRES}
    with closing(sqlite3.connect(database_path(url))) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: [
                *connection.execute(f"PRAGMA table_info({table})"),
                # in any order: the numbers that come first say only when each was made
                sorted(row[1:] for row in connection.execute(f"PRAGMA index_list({table})")),
                sorted(row[2:] for row in connection.execute(f"PRAGMA foreign_key_list({table})")),
                *connection.execute("SELECT ncol, wr FROM pragma_table_list WHERE name = ?", (table,)),
            ]
            for table in tables
            if table != "alembic_version"
        }


def facts_of(url: str) -> list[tuple[object, ...]]:
    return run(url, "SELECT key, value FROM meta ORDER BY key")


def set_version(url: str, version: str) -> None:
    run(url, f"UPDATE alembic_version SET version_num = '{version}'")


def test_a_new_store_is_what_the_migrations_make(empty: Callable[[], str]) -> None:
    made, migrated = empty(), empty()
    Store.open(made).close()
    assert migrate(migrated) == (None, SCHEMA_VERSION)
    assert schema_of(made) == schema_of(migrated)
    assert facts_of(made) == facts_of(migrated)
    Store.open(migrated).close()
    assert migrate(made) == (SCHEMA_VERSION, SCHEMA_VERSION)


def test_the_version_this_program_needs_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_VERSION


def test_an_older_store_says_which_command_mends_it(url: str) -> None:
    Store.open(url).close()
    set_version(url, "0000")
    with pytest.raises(SetupError, match="run: tollway migrate --config FILE"):
        Store.open(url)


def test_a_newer_store_asks_for_a_newer_tollway(url: str) -> None:
    Store.open(url).close()
    set_version(url, "9999")
    for opening in (Store.open, migrate):
        with pytest.raises(SetupError, match="upgrade Tollway"):
            opening(url)


def test_a_database_of_something_else_is_left_alone(empty: Callable[[], str]) -> None:
    url = empty()
    run(url, "CREATE TABLE theirs (x integer)")
    for opening in (Store.open, migrate):
        with pytest.raises(SetupError, match="not Tollway's"):
            opening(url)
    assert run(url, "SELECT * FROM theirs") == []


def test_a_migration_that_ends_with_other_tables_than_expected_changes_nothing(empty: Callable[[], str]) -> None:
    url = empty()
    migrate(url)
    run(url, "DROP INDEX keys_account")
    run(url, "ALTER TABLE vouchers DROP COLUMN hint")
    with pytest.raises(SetupError, match="not as they should be") as refused:
        migrate(url)
    assert "keys_account" in str(refused.value)
    assert "hint" in str(refused.value)


def test_of_many_processes_that_open_an_empty_database_at_once_one_makes_it(empty: Callable[[], str]) -> None:
    url = empty()
    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(Store.open, [url] * 8))
    assert [store.accounts() for store in stores] == [()] * 8
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "is not a URL"),
        ("mysql://host/books", "not mysql://"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("sqlite:////dev/null/books.db", "cannot be opened"),
    ],
)
def test_a_url_that_names_no_store_is_refused(url: str, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        Store.open(url)


@pytest.mark.parametrize("folder", ["we?rd", "per%20cent", "a b", "hash#x", "at@x:y", "ümlaut"])
def test_the_books_are_where_the_path_says_whatever_is_in_it(tmp_path: Path, folder: str) -> None:
    url = f"sqlite:///{tmp_path / folder / 'books.db'}"
    assert migrate(url)[0] is None
    store = Store.open(url)
    directory = store.key_directory()
    assert directory.find(b"nobody") is None
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == [folder]
    assert (tmp_path / folder / "books.db").stat().st_size > 0


@on_sqlite
@pytest.mark.parametrize("make", [lambda url: Store.open(url).close(), migrate])
def test_the_books_are_for_their_owner_only_in_a_folder_that_others_can_read_too(
    tmp_path: Path, url: str, make: Callable[[str], object]
) -> None:
    tmp_path.chmod(0o755)
    make(url)
    store = Store.open(url)
    store.ids()
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    assert {"books.db", "books.db-wal", "books.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0}
    store.close()


@on_sqlite
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, url: str) -> None:
    (tmp_path / "books.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(SetupError, match="cannot be opened"):
        Store.open(url)


def test_a_number_belongs_to_one_until_it_is_released(tmp_path: Path) -> None:
    numbers = worker_numbers(tmp_path / "locks")
    first, second = numbers.claim(), numbers.claim()
    assert (first.number, second.number) == (0, 1)
    assert numbers.try_claim(0) is None
    first.release()
    first.release()
    again = numbers.claim()
    assert again.number == 0
    again.release()
    second.release()


def test_when_all_numbers_are_taken_a_worker_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollway.store.numbers.WORKER_NUMBER_MAX", 1)
    numbers = worker_numbers(tmp_path / "locks")
    claims = [numbers.claim(), numbers.claim()]
    with pytest.raises(SetupError, match="in use"):
        numbers.claim()
    for claim in claims:
        claim.release()
