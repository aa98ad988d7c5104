"""Ids grow whatever the clock does: a process that starts after it was set back repeats none of an earlier one's."""

from typing import Any

from sqlalchemy import Table

from tollway.money import AMOUNT_NANOS_MAX
from tollway.store.store import Store
from tollway.store.tables import metadata
from tollway.store.workers import last_id

MADE_ELSEWHERE = {"purses", "events", "price_cards"}
"""Their ids are another row's, or a hash."""


def id_of(table: Table) -> str | None:
    """Return the column of the ids that are made for the rows of a table, if any are."""
    if table.name in MADE_ELSEWHERE or len(table.primary_key.columns) != 1:
        return None
    column = table.primary_key.columns[0]
    return column.name if column.name in {"id", "exchange_id"} and column.type.python_type is int else None


def some_row(table: Table) -> dict[str, Any]:
    needed = [column for column in table.columns if not column.nullable and column.server_default is None]
    return {column.name: b"" if column.type.python_type is bytes else column.type.python_type(1) for column in needed}


def test_a_new_process_makes_ids_above_those_of_every_kind_of_row(store: Store) -> None:
    made = [(table, column) for table in metadata.sorted_tables if (column := id_of(table)) is not None]
    assert len(made) == 18
    for table, column in made:
        with store._writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            else:
                connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            connection.execute(table.insert().values(some_row(table) | {column: AMOUNT_NANOS_MAX}))
            assert last_id(connection) == AMOUNT_NANOS_MAX, table.name
            connection.rollback()
