"""docs/guide does what it says: every block of every page is run against a gateway with all brands."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.documents.guide import RUNS, Page, blocks
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.services import node
from tests.e2e.services.scripted import Scripted
from tests.tidy.tree import ROOT
from tollway.access.managing import ManagementAccess
from tollway.desks import open_books
from tollway.settings import SecretUse
from tollway.settings.load import load_settings

GUIDE = ROOT / "docs" / "guide"
MORE = [ROOT / "docs" / name for name in ("routing.md", "account-api.md")]
PAGES = [*sorted(GUIDE.glob("*.md")), *(page for page in MORE if page.exists())]
CANARY = "sk-canary-99887766"

SETTINGS = Path(__file__).with_name("guide.toml").read_text()
"""The settings of the gateway: `PORT` is where its provider listens."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Scripted]:
    """The provider behind the guide: it answers every dialect that it is asked in."""
    provider = Scripted()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: Scripted) -> Iterator[Deployment]:
    """The gateway of the guide."""
    folder = tmp_path_factory.mktemp("guide")
    gateway = Deployment(folder, SETTINGS.replace("PORT", str(provider.port)))
    gateway.start({"TEST_PROVIDER_KEY": CANARY})
    yield gateway
    gateway.stop()


@pytest.fixture
def environment(gateway: Deployment) -> dict[str, str]:
    """What a reader has exported: an account of their own with 5 USD, and keys of every kind."""
    with open_books(load_settings(gateway.config, secrets=SecretUse.LEAVE)) as desk:
        account = desk.accounts.create("reader", "USD", 5_000_000_000)
        _, key = desk.keys.create(account.id, "reader")
        _, admin_key = desk.admin_keys.create("reader")
        _, management_key = desk.management_keys.create(account.id, "reader", ManagementAccess.READ_WRITE)
    return {
        "TOLLWAY_CONFIG": str(gateway.config),
        "TOLLWAY_URL": gateway.url,
        "TOLLWAY_API_KEY": key,
        "TOLLWAY_KEY": key,
        "TOLLWAY_ADMIN_KEY": admin_key,
        "TOLLWAY_MANAGEMENT_KEY": management_key,
        "GONKAGATE_API_KEY": key,
        "AIG_KEY": key,
        "AIGATEWAY_API_KEY": key,
    }


def run_typescript(folder: Path) -> Callable[[str], str]:
    """Return what runs a program in `folder`."""

    def run(code: str) -> str:
        own = Path(tempfile.mkdtemp(dir=folder))
        return node.run_typescript(code, name="program.ts", modules=node.packages("openai-7"), folder=own)

    return run


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_block_of_a_page_does_what_the_page_says(
    path: Path, gateway: Deployment, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Of its own: what a page exports stays with it.
    monkeypatch.setattr(os, "environ", os.environ.copy() | environment)
    page = Page(
        path=path, url=gateway.url, environment=environment, run_typescript=run_typescript(tmp_path), folder=tmp_path
    )
    page.run()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_block_of_a_page_is_of_a_kind_that_is_run(path: Path) -> None:
    shown = list(blocks(path.read_text()))
    assert shown, "a page of the guide shows something"
    assert {block.language for block in shown} <= set(RUNS)
