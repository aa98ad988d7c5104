from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import Server
from tests.waiting import until
from tollway.errors import SetupError
from tollway.store.postgres import connections
from tollway.store.postgres import presence as presence_module
from tollway.store.postgres.address import parse_address
from tollway.store.postgres.presence import Channel, Presence
from tollway.store.postgres.trouble import StoreTrouble

SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'tollway presence'"


def heard_by(presence: Presence) -> int:
    return presence._channels["news"].read()


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    name = postgres.create()
    postgres.run("CREATE TABLE workers (number smallint)", name)
    yield name
    postgres.drop(name)


@pytest.fixture
def meet(postgres: Server, database: str) -> Iterator[Callable[[], Presence]]:
    """Return presences as of several processes."""
    met: list[Presence] = []

    def one() -> Presence:
        met.append(Presence(parse_address(postgres.url(database)), "full", [Channel("news")]))
        return met[-1]

    yield one
    for presence in met:
        presence.close()


def test_a_number_belongs_to_one_process_until_it_is_released(meet: Callable[[], Presence]) -> None:
    mine, theirs = meet(), meet()
    claim = mine.claim()
    assert theirs.try_claim(claim.number) is None
    assert mine.try_claim(claim.number) is None
    claim.release()
    claim.release()
    again = theirs.try_claim(claim.number)
    assert again is not None
    assert mine.try_claim(claim.number) is None


def test_a_number_is_free_once_its_process_is_gone(meet: Callable[[], Presence]) -> None:
    mine, theirs = meet(), meet()
    number = mine.claim().number
    mine.close()
    mine.close()
    assert theirs.try_claim(number) is not None
    with pytest.raises(StoreTrouble, match="closed"):
        mine.claim()


def test_a_number_that_a_worker_is_registered_with_is_taken_last(
    meet: Callable[[], Presence], postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "WORKER_NUMBER_MAX", 3)
    postgres.run("INSERT INTO workers VALUES (0), (1), (3)", database)
    presence = meet()
    assert presence.claim().number == 2
    assert {presence.claim().number for _ in range(3)} == {0, 1, 3}
    with pytest.raises(SetupError, match="all 4 worker numbers are in use"):
        presence.claim()


def test_a_lost_connection_is_made_again_and_the_number_kept(
    meet: Callable[[], Presence], postgres: Server, database: str
) -> None:
    mine, theirs = meet(), meet()
    number = mine.claim().number
    heard = heard_by(mine)
    postgres.run(f"SELECT pg_terminate_backend(pid) FROM ({SESSIONS} AND datname = '{database}') AS s")
    # Until it is back, changes may have been missed: the counter says so.
    until(lambda: heard_by(mine) != heard)
    assert theirs.try_claim(number) is None


def test_a_number_that_another_took_meanwhile_is_taken_again_when_it_is_free(
    meet: Callable[[], Presence], postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "HEARTBEAT_S", 0.02)
    mine, theirs = meet(), meet()
    number = mine.claim().number
    theirs.listen()
    heard = heard_by(mine)
    postgres.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    (mine_pid,) = postgres.run(f"{SESSIONS} AND pid IN (SELECT pid FROM pg_locks WHERE objid = {number})")
    postgres.run(f"SELECT pg_terminate_backend({mine_pid[0]}, 10000)")
    taken = theirs.try_claim(number)
    assert taken is not None
    with pytest.raises(StoreTrouble, match="not currently accepting connections"):
        mine.claim()
    postgres.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
    until(lambda: heard_by(mine) != heard)
    taken.release()
    until(lambda: mine.try_claim(number) is None and theirs.try_claim(number) is None)


def test_a_change_is_heard_of_by_every_process(meet: Callable[[], Presence], postgres: Server, database: str) -> None:
    mine, theirs = meet(), meet()
    for presence in (mine, theirs):
        presence.listen()
    before = heard_by(mine), heard_by(theirs)
    mine._channels["news"].bump()
    assert heard_by(mine) != before[0]
    postgres.run("NOTIFY news", database)
    until(lambda: heard_by(theirs) != before[1])


def test_a_paused_database_is_noticed_and_nobody_waits_for_ever(
    meet: Callable[[], Presence], postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HEARTBEAT_S", "HEARTBEAT_WAIT_S", "CONNECT_S"):
        monkeypatch.setattr(presence_module, name, 0.05)
    monkeypatch.setattr(connections, "CONNECT_S", 0.05)
    presence = meet()
    number = presence.claim().number
    heard = heard_by(presence)
    with postgres.paused():
        until(lambda: presence._connection is None)
        with pytest.raises(StoreTrouble, match="did not answer in time"):
            presence.try_claim(number + 1)
        presence.release(number)
    until(lambda: heard_by(presence) != heard)


def test_a_database_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    presence = Presence(parse_address(f"postgresql://nobody@/books?host={tmp_path}"), "full", [])
    with pytest.raises(StoreTrouble, match="No such file"):
        presence.claim()
    presence.close()
