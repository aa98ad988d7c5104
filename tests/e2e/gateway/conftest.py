"""What the gateway's tests share: a scripted provider and a real Tollway in front of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.gateway.deployment import Deployment, settings_for
from tests.e2e.gateway.provider import Provider

PROVIDER_KEY = "sk-canary-0123456789"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider that answers well unless a script says otherwise."""
    provider = Provider().start()
    yield provider
    provider.stop()


Deploy = Callable[..., Deployment]

on_both_stores = pytest.mark.parametrize("store_kind", ["sqlite", "postgresql"], indirect=True, scope="module")
"""For modules whose tests are of money: each runs with its books in a file, and in PostgreSQL."""


@pytest.fixture(scope="module")
def store_kind(request: pytest.FixtureRequest) -> str:
    """Return where the books of a module's deployments are."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def deploy(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch, store_kind: str, request: pytest.FixtureRequest
) -> Iterator[Deploy]:
    """Start a Tollway in front of the provider, with further settings."""
    monkeypatch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
    started: list[Deployment] = []

    def start(**options: str) -> Deployment:
        if store_kind == "postgresql":
            options.setdefault("store", request.getfixturevalue("postgres_url"))
        deployment = Deployment(tmp_path, settings_for(provider.port, **options)).start()
        started.append(deployment)
        return deployment

    yield start
    for deployment in started:
        deployment.stop()


@pytest.fixture(scope="module")
def tollway(
    tmp_path_factory: pytest.TempPathFactory, provider: Provider, store_kind: str, request: pytest.FixtureRequest
) -> Iterator[Deployment]:
    """One Tollway for a whole module, in front of the provider."""
    store = request.getfixturevalue("postgres").empty_url() if store_kind == "postgresql" else ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
        folder = tmp_path_factory.mktemp("tollway")
        deployment = Deployment(folder, settings_for(provider.port, store=store)).start()
        yield deployment
        deployment.stop()
