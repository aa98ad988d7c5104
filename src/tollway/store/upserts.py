"""Inserts that say what happens to a row that is there already, in the words of either database. Knows no table."""

import importlib
from typing import cast

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import sqlite


def inserting(table: Table, dialect: Dialect) -> sqlite.Insert:
    """Return an insert into a table, for a dialect: `sqlite` or `postgresql`, whose conflicts are written alike."""
    if dialect.name == "postgresql":
        # SQLAlchemy's words for PostgreSQL take 0.03 s to import, which is for those to pay who keep their books there.
        return cast(sqlite.Insert, importlib.import_module("sqlalchemy.dialects.postgresql").insert(table))
    return sqlite.insert(table)
