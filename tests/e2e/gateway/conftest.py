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


@pytest.fixture
def deploy(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploy]:
    """Start a Tollway in front of the provider, with further settings."""
    monkeypatch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
    started: list[Deployment] = []

    def start(**options: str) -> Deployment:
        deployment = Deployment(tmp_path, settings_for(provider.port, **options)).start()
        started.append(deployment)
        return deployment

    yield start
    for deployment in started:
        deployment.stop()


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Deployment]:
    """One Tollway for a whole module, in front of the provider."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
        deployment = Deployment(tmp_path_factory.mktemp("tollway"), settings_for(provider.port)).start()
        yield deployment
        deployment.stop()
