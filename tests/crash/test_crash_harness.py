"""The crash harness in short: a dozen kills. `make crash` runs it at length."""

from pathlib import Path

import pytest
import uvloop

from tests.crash.campaign import Campaign, play
from tests.crash.run import STORES, complaints
from tests.postgres import Server

KILLS = 4
"""Of each kind of store and number of workers: a minute in all."""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("store", STORES)
def test_kills_under_mixed_load_lose_no_charge_double_none_and_leave_nothing_held(
    tmp_path: Path, request: pytest.FixtureRequest, store: str, workers: int
) -> None:
    if store == "sqlite":
        url = f"sqlite:///{tmp_path / 'books.db'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        url = server.url(server.create())
    campaign = Campaign(store=url, workers=workers, kills=KILLS, clients=16, seed=20261120 + workers)
    outcome = uvloop.run(play(campaign, tmp_path, say=lambda words: None))
    assert complaints(outcome) == []
    figures = outcome.findings.figures
    assert figures["answered"] == figures["charges of answers"] > 0
    assert figures["cut off by a kill"] > 0, "the kills came while requests ran"
