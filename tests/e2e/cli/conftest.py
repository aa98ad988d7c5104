"""The command line on a real store, in this process: what `python -m tollway` does, without its 0.3 s of start-up."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tollway.billing.desk import Desk
from tollway.catalog.loader import Deployment
from tollway.cli.office import Finding, Health, Welcome
from tollway.cli.program import run
from tollway.desks import open_desk
from tollway.settings import Settings
from tollway.store.migrate import migrate
from tollway.store.store import Store


class BackOffice:
    """An Office on a real store that serves nobody, and remembers what it was asked to serve."""

    def __init__(self) -> None:
        self.served: list[Deployment] = []
        self.findings: tuple[Finding, ...] = (Finding("store", Health.GOOD, "in order"),)

    @contextmanager
    def open_books(self, settings: Settings) -> Iterator[Desk]:
        store = Store.open(settings.store.url, durability="normal")
        try:
            yield open_desk(store, settings)
        finally:
            store.close()

    def migrate(self, settings: Settings) -> str:
        return migrate(settings.store.url)[1]

    def check(self, deployment: Deployment) -> tuple[Finding, ...]:
        return self.findings

    def check_providers(self, deployment: Deployment) -> tuple[Finding, ...]:
        return tuple(Finding(name, Health.GOOD, "answers") for name in deployment.catalog.providers)

    def serve(self, deployment: Deployment, announce: Callable[[str], None]) -> None:
        self.served.append(deployment)
        announce("http://127.0.0.1:1234")

    def serve_worker(self, deployment: Deployment, *, descriptor: int, ready: Callable[[], None]) -> None:
        assert descriptor >= 0
        self.served.append(deployment)
        ready()

    def up(self, deployment: Deployment, announce: Callable[[Welcome], None]) -> None:
        self.served.append(deployment)
        announce(
            Welcome(
                url="http://127.0.0.1:1234",
                api_key="tw-secret",
                admin_key="tw-admin-secret",
                console_url=None,
                model=next(iter(deployment.catalog.models), None),
                notes=("  A note.",),
            )
        )


class Said(NamedTuple):
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        assert self.status == 0, self.err
        return json.loads(self.out)


class Shell:
    """Runs commands in a folder."""

    def __init__(self, office: BackOffice, capfd: pytest.CaptureFixture[str]) -> None:
        self.office = office
        self._capfd = capfd

    def __call__(self, *words: str) -> Said:
        status = run(words, self.office)
        out, err = self._capfd.readouterr()
        return Said(status, out, err)

    def count(self, listing: str) -> int:
        """Return how many things a list command lists."""
        return len(self(listing, "list", "--json").document)

    def account(self, credit: str = "5.00") -> str:
        """Make an account and return its id."""
        return str(self("account", "create", "--name", "A", "--credit", credit, "--json").document["id"])


SETTINGS = """\
[store]
url = "sqlite:///books/tollway.db"

[[providers]]
name = "acme"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
api_key = "env:ACME_KEY_THAT_NOBODY_SET"

[[models]]
id = "fast"
targets = [{ provider = "acme", model = "acme-1" }]
price = { input = "0.15", output = "0.60" }

[[models]]
id = "free/*"
targets = [{ provider = "acme", model = "*" }]

[[models]]
id = "unpriced"
targets = [{ provider = "acme", model = "acme-2" }]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file, chosen by the environment, in a folder of its own that is the working directory."""
    path = tmp_path / "tollway.toml"
    path.write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOLLWAY_CONFIG", str(path))
    return path


@pytest.fixture
def shell(config: Path, capfd: pytest.CaptureFixture[str]) -> Shell:
    """The command line in that folder."""
    assert config.exists()
    return Shell(BackOffice(), capfd)
