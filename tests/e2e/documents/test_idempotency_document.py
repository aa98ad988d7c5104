"""docs/idempotency.md does what it says, against a gateway with the settings that it shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.documents.test_money_document import PROVIDER, broken, whereabouts
from tests.e2e.documents.transcript import Section, Transcript, sections
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider
from tests.tidy.tree import ROOT, fences
from tollway.ledger.answers import KEPT_MS
from tollway.relay.exchange import DRAIN_S, DRAINS_MAX
from tollway.relay.recording import ANSWER_BYTES_MAX, KEPT_BYTES_MAX

DOCUMENT = (ROOT / "docs" / "idempotency.md").read_text()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The gateway of the document, whose provider is where a free port was."""
    provider = Provider().start()
    provider.scripts["broken-1"] = broken
    shown = "\n".join(fences(DOCUMENT, "toml")).replace(PROVIDER, f"http://127.0.0.1:{provider.port}")
    assert str(provider.port) in shown, "the document names its provider's address"
    deployment = Deployment(tmp_path_factory.mktemp("once"), f"[server]\nport = 0\n{shown}").start()
    yield deployment
    deployment.stop()
    provider.stop()


@pytest.mark.parametrize("section", tuple(sections(DOCUMENT)), ids=lambda section: section.heading)
def test_the_example_does_what_it_says(
    section: Section, gateway: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOLLWAY_CONFIG", str(gateway.config))
    monkeypatch.chdir(tmp_path)
    transcript = Transcript("\n".join(fences(DOCUMENT, "sh")), dict, whereabouts(gateway))
    for step in section.steps:
        transcript.play(step)


def test_the_bounds_that_it_names_are_the_ones() -> None:
    mib = 1024 * 1024
    assert f"longer than {ANSWER_BYTES_MAX // mib} MiB, or than {KEPT_BYTES_MAX // mib} MiB compressed" in DOCUMENT
    assert f"Within {KEPT_MS // 3_600_000} hours" in DOCUMENT
    assert DRAIN_S == 60
    assert f"for a minute and for {DRAINS_MAX}\nsuch clients" in DOCUMENT
