"""docs/provider-bills.md does what it says, against a gateway with the settings that it shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.documents.test_money_document import PROVIDER, usage, whereabouts
from tests.e2e.documents.transcript import Section, Transcript, sections
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen, answer
from tests.tidy.tree import ROOT, fences
from tollway.billing.bill_files import BILL_BYTES_MAX, BILL_DAYS_MAX, BILL_LINES_MAX, MISTAKES_MAX, BillColumns
from tollway.billing.costs import REPORT_DAYS, REPORT_DAYS_MAX

DOCUMENT = (ROOT / "docs" / "provider-bills.md").read_text()


async def told(seen: Seen, to: Line) -> None:
    """Say what it cost."""
    del seen
    await to.whole(answer("told-1", usage=usage(1000, 100) | {"cost": 0.0003}))


async def billed(seen: Seen, to: Line) -> None:
    """Say nothing of it."""
    del seen
    await to.whole(answer("billed-1", usage=usage(1000, 100)))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The gateway of the document, whose provider is where a free port was."""
    provider = Provider().start()
    provider.scripts |= {"told-1": told, "billed-1": billed}
    shown = next(fences(DOCUMENT, "toml")).replace(PROVIDER, f"http://127.0.0.1:{provider.port}")
    deployment = Deployment(tmp_path_factory.mktemp("bills"), f"[server]\nport = 0\n{shown}").start()
    yield deployment
    deployment.stop()
    provider.stop()


@pytest.mark.parametrize("section", tuple(sections(DOCUMENT)), ids=lambda section: section.heading)
def test_the_example_does_what_it_says(
    section: Section, gateway: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOLLWAY_CONFIG", str(gateway.config))
    monkeypatch.chdir(tmp_path)
    transcript = Transcript(next(fences(DOCUMENT, "sh")), dict, whereabouts(gateway))
    for step in section.steps:
        transcript.play(step)


def test_the_bounds_and_names_that_it_says_are_the_ones() -> None:
    assert (
        f"most {BILL_BYTES_MAX // 1024**2} MiB, {BILL_LINES_MAX:,} days and models, and {BILL_DAYS_MAX} days"
        in DOCUMENT
    )
    assert f"(the first {MISTAKES_MAX})" in DOCUMENT
    assert f"{REPORT_DAYS_MAX} days at\n  most, the last {REPORT_DAYS} when left out" in DOCUMENT
    columns = BillColumns()
    assert f"(`{columns.day}`, `{columns.model}` and `{columns.amount}` when left out)" in DOCUMENT
