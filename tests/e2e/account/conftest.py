"""What the accounts' API is tested on: one running gateway with every brand, its books open beside it, and two accounts."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.gateway.conftest import PROVIDER_KEY
from tests.e2e.gateway.deployment import Deployment, settings_for
from tests.e2e.gateway.provider import Provider
from tollway.access.managing import ManagementAccess
from tollway.billing.desk import Desk
from tollway.desks import open_books
from tollway.ids import KEY, render_id
from tollway.settings import SecretUse, brands_of
from tollway.settings.load import load_settings

BRANDS = {name: f"{name}.example.test" for name in ("aigateway", "gogpu", "gonkagate", "ingate")}
"""By preset: the host that each is asked at."""

CREDIT_NANOS = 50_000_000_000


class Owner:
    """An account and its keys: one that is free, one of a kind that is asked for."""

    def __init__(self, gateway: "Gateway", brand: str | None = None) -> None:
        self.gateway = gateway
        made = gateway.desk.accounts
        chosen = None if brand is None else gateway.brands.other(brand)
        self.account = made.create(f"owner {next(gateway.counter)}", "USD", CREDIT_NANOS, brand=chosen)
        self.id = self.account.id
        self.key_view, self.key = gateway.desk.keys.create(self.id, "free")
        self.host = BRANDS.get(brand or "")
        self.reading = self.manager(ManagementAccess.READ_ONLY)
        self.writing = self.manager(ManagementAccess.READ_WRITE)

    @property
    def key_id(self) -> str:
        """The id of the free key."""
        return render_id(KEY, self.key_view.id)

    def manager(self, access: ManagementAccess) -> str:
        """Make a management key; return its text."""
        return self.gateway.desk.management_keys.create(self.id, "manager", access)[1]

    def ask(self, method: str, path: str, secret: str | None = None, **more: Any) -> httpx.Response:
        """Ask with the free key, or another."""
        return self.gateway.ask(method, path, self.key if secret is None else secret, host=self.host, **more)

    def told(self, method: str, path: str, status: int = 200, *, secret: str | None = None, **more: Any) -> Any:
        """Ask, and return what an answer with this status says."""
        reply = self.ask(method, path, secret, **more)
        assert reply.status_code == status, reply.text
        return reply.json()

    def chat(self, secret: str | None = None, **headers: str) -> None:
        """Ask the model something that costs 0.0012."""
        words = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        reply = self.ask("POST", "/v1/chat/completions", secret, json=body, headers=words)
        assert reply.status_code == 200, reply.text


class Gateway:
    """A gateway that runs, and its books."""

    def __init__(self, deployment: Deployment, desk: Desk) -> None:
        self.deployment = deployment
        self.desk = desk
        self.brands = load_brands(deployment)
        self.client = deployment.client()
        self.counter = itertools.count(1)

    def ask(
        self, method: str, path: str, secret: str = "", *, host: str | None = None, headers: Any = None, **more: Any
    ) -> httpx.Response:
        """Ask with a key, or without one where it is empty."""
        words = dict(headers or {})
        if secret:
            words["authorization"] = f"Bearer {secret}"
        if host is not None:
            words["host"] = host
        return self.client.request(method, path, headers=words, **more)

    def fresh(self, method: str, path: str, secret: str) -> httpx.Response:
        """Ask on a connection of its own."""
        headers = {"authorization": f"Bearer {secret}"}
        return httpx.request(method, self.deployment.url + path, headers=headers, timeout=30, verify=False)

    def owner(self, brand: str | None = None) -> Owner:
        """Make an account with money and a key."""
        return Owner(self, brand)


def load_brands(deployment: Deployment) -> Any:
    """Return the brands of a deployment's settings."""
    return brands_of(load_settings(deployment.config, secrets=SecretUse.LEAVE))


@contextmanager
def open_gateway(folder: Path, *, store: str = "", server: str = "", more: str = "") -> Iterator[Gateway]:
    """Run a gateway with every brand, in front of a provider that answers well."""
    provider = Provider().start()
    brands = "".join(f'\n[[brands]]\npreset = "{name}"\nhosts = ["{host}"]\n' for name, host in BRANDS.items())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
        settings = settings_for(provider.port, more=more + brands, store=store, server=server)
        deployment = Deployment(folder, settings).start()
        try:
            with open_books(load_settings(deployment.config, secrets=SecretUse.LEAVE)) as desk:
                yield Gateway(deployment, desk)
                assert desk.statements.ledger_check().problems == ()
        finally:
            deployment.stop()
            provider.stop()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all modules here: each has accounts of its own."""
    with open_gateway(tmp_path_factory.mktemp("account")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def owner(gateway: Gateway) -> Owner:
    """An account for the tests of a module that leave it as they found it."""
    return gateway.owner()


@pytest.fixture(scope="module")
def stranger(gateway: Gateway) -> Owner:
    """Another account."""
    return gateway.owner()


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """Return the error object of a reply."""
    error = reply.json()["error"]
    assert set(error) >= {"message", "type", "code", "param", "metadata"}
    return dict(error)
