"""What every test shares: proxies are left alone, programs keep their bytecode, Hypothesis has a short and a long profile."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Server, install, reason_for_none
from tollway.store.store import Store

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"
# A suite starts thousands of commands, and compiling the same modules is a quarter of each where none may keep the result.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session", autouse=True)
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what a gateway leaves in the folder for running programs among the files of the tests."""
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="session")
def openai_1() -> Path:
    """Return the folder that holds the openai package in version 1; a program with it in PYTHONPATH imports that one."""
    return Path(sys.prefix, "compat", "openai-1")


@pytest.fixture(scope="session")
def anthropic_0() -> Path:
    """Return the folder that holds the anthropic package in a version before 1, in the same way."""
    return Path(sys.prefix, "compat", "anthropic-0")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Return a PostgreSQL server of this test session; each test makes a database of its own in it."""
    installed = install()
    if installed is None:
        pytest.skip(reason_for_none())
    server = Server(installed)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def empty_books(postgres: Server) -> str:
    """Return the name of a database with the schema and nothing in it, which others are copies of."""
    name = postgres.create()
    Store.open(postgres.url(name)).close()
    return name


@pytest.fixture
def postgres_url(postgres: Server, empty_books: str) -> Iterator[str]:
    """Return the URL of a store on PostgreSQL with nothing in it."""
    name = postgres.create(template=empty_books)
    yield postgres.url(name)
    postgres.drop(name)


# The short profile draws the same examples each time: one tree is either right or wrong. The long one looks for others.
settings.register_profile(
    "short", deadline=None, derandomize=True, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", parent=settings.get_profile("short"), derandomize=False, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
