"""The books machine on both stores: over 10,000 steps, always the same ones; `make soak` takes others, and many more."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.postgres import Server
from tests.properties.ledger.machine import BooksMachine

SEEDED = "TOLLWAY_LEDGER_EXAMPLES" in os.environ
STEPS = 60
EXAMPLES = int(os.environ.get("TOLLWAY_LEDGER_EXAMPLES", "130"))
POSTGRES_EXAMPLES = int(os.environ.get("TOLLWAY_LEDGER_EXAMPLES", "50"))
"""Fewer: a step there takes several times as long, and the rules are the same."""


def chosen(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not SEEDED,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


class OnSqlite(BooksMachine):
    def open_place(self) -> str:
        self.folder = Path(tempfile.mkdtemp(prefix="books-"))
        return f"sqlite:///{self.folder / 'books.db'}"

    def close_place(self) -> None:
        shutil.rmtree(self.folder)


@pytest.mark.timeout(0 if SEEDED else 600)
def test_sqlite_agrees_with_the_book() -> None:
    run_state_machine_as_test(OnSqlite, settings=chosen(EXAMPLES))


@pytest.mark.timeout(0 if SEEDED else 600)
def test_postgresql_agrees_with_the_book(postgres: Server, empty_books: str) -> None:
    class OnPostgres(BooksMachine):
        def open_place(self) -> str:
            self.name = postgres.create(template=empty_books)
            return postgres.url(self.name)

        def close_place(self) -> None:
            postgres.drop(self.name)

    run_state_machine_as_test(OnPostgres, settings=chosen(POSTGRES_EXAMPLES))


def test_ci_takes_at_least_10_000_steps() -> None:
    assert SEEDED or (EXAMPLES + POSTGRES_EXAMPLES) * STEPS >= 10_000
