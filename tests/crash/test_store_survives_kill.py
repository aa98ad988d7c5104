import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.catalog.records import PriceCard
from tollway.ledger.lines import ExchangeLine
from tollway.ledger.requests import EVERY_REQUEST
from tollway.store.store import Store

WORKER = Path(__file__).with_name("store_worker.py")
CREDIT = 2_000_000
KILLS = 4


def start(url: str, account_id: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(WORKER), url, str(account_id)], stdout=subprocess.PIPE)


def kill_at_random(worker: subprocess.Popen[bytes], dice: random.Random) -> list[bytes]:
    """Kill a worker at a random moment of its work; return what it had reported as durable."""
    assert worker.stdout is not None
    reported = [worker.stdout.readline()]
    timer = threading.Timer(dice.random() * 0.3, worker.kill)
    timer.start()
    reported += worker.stdout.readlines()
    worker.wait()
    timer.join()
    worker.stdout.close()
    return [line for line in reported if line.endswith(b"\n")]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_workers_killed_again_and_again_lose_no_charge_and_double_none(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    on_postgres = kind == "postgresql"
    url = request.getfixturevalue("postgres_url") if on_postgres else f"sqlite:///{tmp_path / 'books.db'}"
    dice = random.Random(20261120)
    store = Store.open(url)
    store.record_cards(
        [PriceCard(id=1, provider="p", model="m", currency="USD", input=1_000_000, output=0, source="test")], 1
    )
    accounts = Accounts(store, store.ids())
    account = accounts.create("Ada", credit_nanos=CREDIT)
    reported: dict[int, int] = {}
    survivor = start(url, account.id)
    for _ in range(KILLS):
        victim = survivor
        survivor = start(url, account.id)
        for line in kill_at_random(victim, dice):
            exchange_id, total = map(int, line.split())
            assert exchange_id not in reported
            reported[exchange_id] = total
    for line in kill_at_random(survivor, dice):
        exchange_id, total = map(int, line.split())
        reported[exchange_id] = total
    gone = store.reclaim_dead_workers(clock.now_ms())
    while (report := store.check()).counts["workers"]:  # a server takes a moment to notice who is gone
        gone += store.reclaim_dead_workers(clock.now_ms())
    assert gone

    assert report.problems == ()
    assert report.counts["holds"] == report.counts["leases"] == report.counts["workers"] == 0
    assert reported
    for exchange_id, total in reported.items():
        line = store.exchange(exchange_id)
        assert isinstance(line, ExchangeLine)
        assert line.total_nanos == total
    spent = sum(line.total_nanos for line in store.exchanges(EVERY_REQUEST, 1_000_000))
    balance = accounts.balance(account.id)
    assert (balance.balance_nanos, balance.held_nanos) == (CREDIT - spent, 0)
    assert balance.balance_nanos >= 0
    store.close()
