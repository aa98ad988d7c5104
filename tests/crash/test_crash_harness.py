"""The crash harness in short: a dozen kills. `make crash` runs it at length."""

from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from tests.crash.campaign import Campaign, Outcome, play
from tests.crash.run import complaints


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Outcome]:
    """Run a short campaign in a folder of this test."""

    def run(url: str | None = None, *, workers: int, kills: int) -> Outcome:
        campaign = Campaign(
            store=url or f"sqlite:///{tmp_path / 'books.db'}",
            workers=workers,
            kills=kills,
            clients=16,
            seed=20261120 + workers,
        )
        return uvloop.run(play(campaign, tmp_path, say=lambda words: None))

    return run


@pytest.mark.parametrize("workers", [1, 2])
def test_kills_under_mixed_load_lose_no_charge_double_none_and_leave_nothing_held(
    run: Callable[..., Outcome], workers: int
) -> None:
    outcome = run(workers=workers, kills=5)
    assert complaints(outcome) == []
    figures = outcome.findings.figures
    assert figures["answered"] == figures["charges of answers"] > 0
    assert figures["cut off by a kill"] > 0, "the kills came while requests ran"
