"""Stopping while something is in the way: a client that does not read, a worker that has just died, an operator in a hurry."""

import os
import signal
import subprocess

import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider
from tests.e2e.gateway.test_http import connect
from tests.e2e.gateway.test_stalled_readers import ask_for, flood

STOP_S = 20


def workers_of(tollway: Deployment) -> list[int]:
    """Return the process ids of a fleet's workers."""
    assert tollway.process is not None
    found = subprocess.run(
        ["pgrep", "--parent", str(tollway.process.pid)], capture_output=True, text=True, check=True, timeout=10
    )
    return [int(number) for number in found.stdout.split()]


def signal_to(tollway: Deployment, number: signal.Signals) -> None:
    """Send a signal."""
    assert tollway.process is not None
    tollway.process.send_signal(number)


def listens(tollway: Deployment) -> bool:
    """Tell whether it takes connections."""
    try:
        connect(tollway).close()
    except ConnectionError:
        return False
    return True


def assert_stops(tollway: Deployment) -> None:
    """Assert that it ends soon, and by itself."""
    assert tollway.process is not None
    try:
        assert tollway.process.wait(STOP_S) == 0
    finally:
        tollway.process.kill()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_grace_and_every_line_is_written(
    deploy: Deploy, provider: Provider, workers: int, number: signal.Signals
) -> None:
    provider.scripts["flood"] = flood
    tollway = deploy(server=f"workers = {workers}\nshutdown_grace_s = 3600")
    account = tollway.account("5.00")
    with ask_for(tollway, tollway.key(account), "flood") as sock:
        assert sock.recv(1)
        signal_to(tollway, number)
        while listens(tollway):  # until the first signal has been heard
            pass
        signal_to(tollway, number)
        assert_stops(tollway)
    line = tollway.requests()[0]
    assert line["outcome"] == "shut_down"
    assert float(line["total_cost"]) > 0
    assert tollway.balance(account)[1] == 0
    tollway.check()


def test_a_fleet_stops_while_a_dead_worker_is_being_replaced(deploy: Deploy) -> None:
    tollway = deploy(server="workers = 2")
    os.kill(workers_of(tollway)[0], signal.SIGKILL)
    with tollway.log.open() as log:
        while "a worker died" not in log.read():
            pass
    signal_to(tollway, signal.SIGTERM)
    assert_stops(tollway)
