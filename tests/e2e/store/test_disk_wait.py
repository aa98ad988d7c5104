"""Which commits wait for the disk: a charge does, and the line of an exchange that begins does not."""

import sqlite3
from pathlib import Path

import pytest

from tests.e2e.store.conftest import Desk, on_sqlite
from tollway.ledger.records import Account
from tollway.store.batch import Batch
from tollway.store.disk_wait import DiskWait
from tollway.store.durability import Durability
from tollway.store.sqlite import connect
from tollway.store.store import Store

NORMAL, FULL = 1, 2


def level(connection: sqlite3.Connection) -> int:
    """Return how far the connection's commits wait."""
    return connection.execute("PRAGMA synchronous").fetchone()[0]


@on_sqlite
async def test_a_beginning_waits_for_the_system_and_a_charge_for_the_disk(store: Store, account: Account) -> None:
    desk = Desk(store)
    first = await desk.stepped(account, 10)
    connection: sqlite3.Connection = desk.commits._writer._connection  # type: ignore[attr-defined]
    assert level(connection) == FULL, "money was borrowed"
    desk.age()
    desk.commits.step()
    assert level(connection) == NORMAL
    await desk.stepped(account, 10)
    desk.age()
    desk.books.close(desk.line(first, 5))
    desk.commits.step()
    assert level(connection) == FULL


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_an_empty_batch_such_as_a_sign_of_life_waits_as_the_deployment_chose(
    tmp_path: Path, durability: Durability
) -> None:
    connection = connect(tmp_path / "db", durability=durability)
    chosen = level(connection)
    DiskWait(connection).suit(Batch())
    assert level(connection) == chosen == (FULL if durability == "full" else NORMAL)
    connection.close()
