"""Counters as the gateway uses them: of one worker, and of all workers of a host."""

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tollway.errors import Refusal, SetupError
from tollway.limits.rates import Measure, Membership, Verdict
from tollway.numbered_locks import NumberedLocks
from tollway.shared.counters import Counters, HostCounters
from tollway.shared.table import ENTRIES_AT, HEADER_BYTES, TABLE_BYTES

HAMMER = Path(__file__).with_name("hammer.py")


class Limit(NamedTuple):
    rpm: int | None = None
    burst: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.ms = 1_000_000_000

    def __call__(self) -> int:
        return self.ms


class Process:
    """A hammer at work."""

    def __init__(self, path: Path, count: int, **limit: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HAMMER), str(path), str(count), json.dumps(limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books.rates1"


@pytest.fixture(params=["memory", "file"])
def counters(request: pytest.FixtureRequest, path: Path) -> Iterator[Counters]:
    clock = Clock()
    made = Counters.in_memory(now_ms=clock) if request.param == "memory" else HostCounters(path, now_ms=clock)
    yield made
    made.close()


async def test_a_request_is_counted_under_its_names(counters: Counters) -> None:
    both = ((b"key", Limit(rpm=2)), (b"account", Limit(rpm=3)))
    for _ in range(2):
        assert (await counters.take(both, tokens=0)).refused is None
    refused = (await counters.take(both, tokens=0)).refused
    assert refused is not None
    assert refused.place == 0
    other = ((b"another key", Limit(rpm=2)), both[1])
    assert (await counters.take(other, tokens=0)).refused is None
    refused = (await counters.take(other, tokens=0)).refused
    assert refused is not None
    assert refused.place == 1


async def test_what_ends_runs_no_longer_and_gives_tokens_back(counters: Counters) -> None:
    rules = ((b"key", Limit(concurrency=1, tpm=100)), (b"account", Limit(rpm=10)))
    first = await counters.take(rules, tokens=70)
    assert first.tokens is not None
    assert first.tokens.remaining == 30
    refused = (await counters.take(rules, tokens=10)).refused
    assert refused is not None
    assert refused.measure is Measure.CONCURRENCY
    counters.finish(rules, reserved=70, used=20, taken_ms=first.at_ms)
    again = await counters.take(rules, tokens=10)
    assert again.refused is None
    assert again.tokens is not None
    assert again.tokens.remaining == 70
    assert again.requests is not None
    assert again.requests.remaining == 8


async def test_who_comes_is_counted_with_the_request_or_not_at_all(counters: Counters) -> None:
    rules = ((b"key", Limit(rpm=3, concurrency=3)),)

    async def come(*members: bytes) -> Verdict:
        memberships = [Membership(b"of %d" % number, member, 2) for number, member in enumerate(members)]
        return await counters.take(rules, tokens=0, memberships=memberships)

    for members in ((b"a", b"x"), (b"b", b"x")):
        assert (await come(*members)).refused is None
    refused = (await come(b"a", b"y")).refused
    assert refused is None, "two of each have come"
    refused = (await come(b"a", b"z")).refused
    assert refused is not None
    assert (refused.place, refused.measure, refused.limit) == (1, Measure.MEMBERS, 2)
    assert 59 * 60_000 < refused.wait_ms <= 61 * 60_000
    refused = (await come(b"c")).refused
    assert refused is not None
    assert refused.measure is Measure.MEMBERS
    refused = (await counters.take(rules, tokens=0)).refused
    assert refused is not None
    assert refused.measure is Measure.REQUESTS


async def test_who_is_refused_for_something_else_has_not_come(counters: Counters) -> None:
    rules = ((b"key", Limit(rpm=1)),)
    await counters.take(rules, tokens=0, memberships=[Membership(b"of", b"a", 2)])
    assert (await counters.take(rules, tokens=0, memberships=[Membership(b"of", b"b", 2)])).refused is not None
    assert (await counters.take((), tokens=0, memberships=[Membership(b"of", b"c", 2)])).refused is None


async def test_the_end_of_what_has_only_tokens_counted_is_told_too(counters: Counters) -> None:
    rules = ((b"key", Limit(tpm=100)),)
    first = await counters.take(rules, tokens=70)
    counters.finish(rules, reserved=70, used=0, taken_ms=first.at_ms)
    assert (await counters.take(rules, tokens=100)).refused is None


async def test_the_end_of_what_is_no_longer_counted_is_nothing(counters: Counters) -> None:
    rules = ((b"key", Limit(concurrency=1, tpm=100)),)
    counters.finish(rules, reserved=70, used=20, taken_ms=0)
    assert (await counters.take(rules, tokens=100)).refused is None
    assert counters.reclaim() == 0


async def test_what_ends_after_the_counters_are_closed_ends_in_peace(path: Path) -> None:
    rules = ((b"key", Limit(concurrency=1)),)
    counters = HostCounters(path)
    taken = await counters.take(rules, tokens=0)
    counters.close()
    counters.finish(rules, reserved=0, used=0, taken_ms=taken.at_ms)


async def test_what_was_counted_outlives_a_restart_and_what_ran_does_not(path: Path) -> None:
    rules = ((b"key", Limit(rpm=2, concurrency=1)),)
    clock = Clock()
    counters = HostCounters(path, now_ms=clock)
    await counters.take(rules, tokens=0)
    counters.close()
    counters = HostCounters(path, now_ms=clock)
    assert (await counters.take(rules, tokens=0)).refused is None
    counters.finish(rules, reserved=0, used=0, taken_ms=clock.ms)
    refused = (await counters.take(rules, tokens=0)).refused
    assert refused is not None
    assert refused.measure is Measure.REQUESTS
    counters.close()


@pytest.mark.parametrize("limit", [{"rpm": 1000}, {"burst": 777}, {"tpm": 1500}, {"concurrency": 501}])
def test_processes_together_are_admitted_exactly_up_to_the_limit(path: Path, limit: dict[str, int]) -> None:
    processes = [Process(path, 600, **limit) for _ in range(3)]
    try:
        assert [process.read() for process in processes] == ["ready"] * 3
        for process in processes:
            process.tell()
        admitted = [int(process.read()) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert sum(admitted) == {"rpm": 1000, "burst": 777, "tpm": 500, "concurrency": 501}[next(iter(limit))]


async def test_what_a_killed_process_ran_is_taken_back(path: Path) -> None:
    killed = Process(path, 5, concurrency=5)
    assert killed.read() == "ready"
    killed.tell()
    assert killed.read() == "5"
    counters = HostCounters(path)
    rules = ((b"all", Limit(concurrency=5)),)
    assert counters.reclaim() == 0
    assert (await counters.take(rules, tokens=0)).refused is not None
    killed.kill()
    assert (await counters.take(rules, tokens=0)).refused is not None
    assert counters.reclaim() == 1
    assert (await counters.take(rules, tokens=0)).refused is None
    assert counters.reclaim() == 0
    counters.close()


async def test_who_takes_the_seat_of_a_killed_process_begins_with_nothing_running(path: Path) -> None:
    killed = Process(path, 5, concurrency=5)
    assert killed.read() == "ready"
    killed.tell()
    assert killed.read() == "5"
    killed.kill()
    counters = HostCounters(path)
    assert (await counters.take(((b"all", Limit(concurrency=5)),), tokens=0)).refused is None
    counters.close()


async def test_a_process_killed_in_an_operation_locks_nobody_out(path: Path) -> None:
    rules = ((b"all", Limit(rpm=10**6)),)
    counters = HostCounters(path)
    for _ in range(3):
        killed = Process(path, 10**7, rpm=10**6)
        assert killed.read() == "ready"
        killed.tell()
        before = (await counters.take(rules, tokens=0)).requests
        assert before is not None
        while True:
            now = (await counters.take(rules, tokens=0)).requests
            assert now is not None
            if now.remaining < before.remaining - 1000:
                break
        killed.kill()
        assert (await counters.take(rules, tokens=0)).refused is None
    counters.close()


def test_a_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot be made, in which workers count requests: No such file"):
        HostCounters(tmp_path / "nowhere" / "books.rates1")
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(SetupError, match=r"cannot be made"):
        HostCounters(tmp_path / "link")


def test_the_file_takes_room_as_it_is_used_and_is_private(path: Path) -> None:
    counters = HostCounters(path)
    found = path.stat()
    assert found.st_size == TABLE_BYTES
    assert ENTRIES_AT <= found.st_blocks * 512 < 2 * ENTRIES_AT
    assert found.st_mode & 0o077 == 0

    async def ask() -> None:
        for number in range(100):
            await counters.take(((b"%d" % number, Limit(rpm=1)),), tokens=0)

    asyncio.run(ask())
    assert path.stat().st_blocks > found.st_blocks
    counters.close()


async def test_where_there_is_no_room_a_request_is_refused(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    counters = HostCounters(path)
    known, new = ((b"known", Limit(rpm=5)),), ((b"new", Limit(rpm=5)),)
    await counters.take(known, tokens=0)

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(Refusal, match="The disk is full") as caught:
        await counters.take(new, tokens=0)
    assert caught.value.code == "not_ready"
    assert (await counters.take(known, tokens=0)).refused is None
    counters.close()


def test_more_workers_than_seats_are_refused(tmp_path: Path) -> None:
    seats = NumberedLocks(tmp_path / "seats", count=2, of="places of workers that count together")
    first, second = seats.claim(), seats.claim()
    assert (first.number, second.number) == (0, 1)
    with pytest.raises(SetupError, match="all 2 places of workers that count together are in use"):
        seats.claim()
    first.release()
    assert seats.claim().number == 0


@pytest.mark.parametrize("length", [100, HEADER_BYTES, TABLE_BYTES, TABLE_BYTES + 1])
@pytest.mark.parametrize("byte", [b"\xff", b"\x01", b"\x7f"])
def test_a_file_that_holds_no_table_is_made_anew(tmp_path: Path, length: int, byte: bytes) -> None:
    path = tmp_path / "x.rates"
    path.write_bytes(byte * length)
    counters = HostCounters(path)
    rules = [(b"a", Limit(rpm=3, concurrency=1))]
    for _ in range(3):
        assert asyncio.run(counters.take(rules, tokens=0)).refused is None
        counters.finish(rules, reserved=0, used=0, taken_ms=0)
    refused = asyncio.run(counters.take(rules, tokens=0)).refused
    assert refused is not None
    assert refused.measure is Measure.REQUESTS
    counters.close()
