"""What these tests share: the scripted provider of every dialect, one gateway in front of it, and its books."""

from collections.abc import Iterator

import pytest

from tests.e2e.dialects.gateway import deploy
from tests.e2e.dialects.provider import ManyTongued
from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment


@pytest.fixture(scope="module")
def provider() -> Iterator[ManyTongued]:
    """A provider that speaks everything."""
    provider = ManyTongued()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory, provider: ManyTongued) -> Iterator[Deployment]:
    """One gateway for a module."""
    deployment = deploy(tmp_path_factory.mktemp("dialects"), provider.port)
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def books(tollway: Deployment) -> Bookkeeper:
    """An operator at its admin API."""
    return Bookkeeper(tollway)


@pytest.fixture(scope="module")
def account(books: Bookkeeper) -> str:
    """An account with plenty of money."""
    return books.account("1000")


@pytest.fixture(scope="module")
def key(books: Bookkeeper, account: str) -> str:
    """A key of that account."""
    return str(books.key(account)["key"])
