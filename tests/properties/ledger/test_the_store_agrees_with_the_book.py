"""The books machine on SQLite: at least 10,000 steps, always the same ones; `make soak` takes others, and many more."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.properties.ledger.machine import BooksMachine

EXAMPLES = int(os.environ.get("TOLLWAY_LEDGER_EXAMPLES", "170"))
"""Of 60 steps each."""
SEEDED = "TOLLWAY_LEDGER_EXAMPLES" in os.environ


class OnSqlite(BooksMachine):
    def open_place(self) -> str:
        self.folder = Path(tempfile.mkdtemp(prefix="books-"))
        return f"sqlite:///{self.folder / 'books.db'}"

    def close_place(self) -> None:
        shutil.rmtree(self.folder)


TestTheStoreAgreesWithTheBook = OnSqlite.TestCase
TestTheStoreAgreesWithTheBook.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=60,
    deadline=None,
    derandomize=not SEEDED,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
