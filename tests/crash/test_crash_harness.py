"""The crash harness in short: a dozen kills. `make crash` runs it at length."""

from contextlib import closing
from pathlib import Path

import pytest
import uvloop

from tests.crash.audit import read_books
from tests.crash.campaign import Campaign, play, reclaim_unstarted
from tests.crash.run import STORES, complaints
from tests.postgres import Server
from tollway import clock
from tollway.store.store import Store

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


def test_the_row_of_a_worker_that_had_not_begun_is_settled(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    with closing(Store.open(url)) as store:
        store.register_worker(clock.now_ms())
    assert read_books(url).leftovers["workers"] == 1
    reclaim_unstarted(url)
    assert read_books(url).leftovers["workers"] == 0
