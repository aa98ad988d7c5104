"""The page of exchanges that have just begun: what was noted is read when its worker is dead, and nothing else is."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tollway.ledger.lines import Attribution, Hold
from tollway.ledger.purses import CapWindow
from tollway.store import begun_page
from tollway.store.begun_page import SLOT_BYTES, SLOTS, BegunPage, read_begun

WORKER = 7
CAP = CapWindow(
    purse_id=5, cap_id=6, account_id=2, subject="tag", start_ms=0, end_ms=None, limit_nanos=9, alert_nanos=8
)


def begun(exchange_id: int, **other: object) -> Hold:
    """Return an exchange of the worker that has begun."""
    hold = Hold(
        exchange_id=exchange_id,
        account_id=2,
        key_id=3,
        worker_id=WORKER,
        payer_id=2,
        amount_nanos=2**62,
        model_asked="größtes",
        started_ms=1,
        expires_ms=2,
        caps=(CAP,),
        attribution=Attribution(sub_account_id=1, tag="t", end_user="u", session="s"),
    )
    return msgspec.structs.replace(hold, **other)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a page is to be."""
    return tmp_path / "3"


@pytest.fixture
def page(path: Path) -> Iterator[BegunPage]:
    """Return the page of a worker that lives."""
    page = BegunPage(path)
    yield page
    page.close()


def test_what_was_noted_is_read_as_it_was(path: Path, page: BegunPage) -> None:
    noted = (begun(1), begun(2, caps=(), attribution=Attribution()))
    assert all(page.note(hold) for hold in (*noted, noted[0]))
    assert set(read_begun(path, WORKER)) == set(noted)
    assert path.stat().st_size <= SLOTS * SLOT_BYTES
    assert path.stat().st_mode & 0o077 == 0


def test_a_page_begins_empty_whatever_another_worker_left(path: Path) -> None:
    assert read_begun(path, WORKER) == ()
    for worker_id in (WORKER, WORKER + 1):
        page = BegunPage(path)
        assert page.is_empty
        assert read_begun(path, WORKER) == ()
        page.note(begun(1, worker_id=worker_id))
        page.close()
    assert read_begun(path, WORKER) == ()
    assert [hold.worker_id for hold in read_begun(path, WORKER + 1)] == [WORKER + 1]


def test_a_place_is_another_s_when_its_exchange_has_a_row(path: Path, page: BegunPage) -> None:
    for exchange_id in range(SLOTS):
        assert page.note(begun(exchange_id))
    assert not page.note(begun(SLOTS))
    assert not page.is_empty
    page.forget(17)
    page.forget(17)
    page.forget(SLOTS)
    assert page.note(begun(SLOTS))
    assert not page.note(begun(SLOTS + 1))
    assert {hold.exchange_id for hold in read_begun(path, WORKER)} == {*range(SLOTS + 1)} - {17}
    for exchange_id in range(SLOTS + 1):
        page.forget(exchange_id)
    assert page.is_empty


def test_what_does_not_fit_is_not_noted(path: Path, page: BegunPage) -> None:
    room = SLOT_BYTES - 8 - len(msgspec.msgpack.encode(begun(1))) + len("größtes".encode())
    longest = next(size for size in range(room, 0, -1) if _fits(page, size))
    assert room - longest <= 3, "MessagePack tells the length of a longer text by up to two bytes more"
    assert [len(hold.model_asked) for hold in read_begun(path, WORKER)] == [longest]


def _fits(page: BegunPage, size: int) -> bool:
    return page.note(begun(1, model_asked="m" * size))


def test_a_full_disk_refuses_a_note(page: BegunPage, monkeypatch: pytest.MonkeyPatch) -> None:
    full = BegunPage(Path("/dev/full"))
    assert not full.note(begun(1))
    assert full.is_empty
    full.close()
    monkeypatch.setattr(begun_page.os, "pwrite", lambda fd, data, at: len(data) - 1)  # the last block of a disk
    assert not page.note(begun(1))
    assert page.is_empty


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 100])
def test_a_note_that_was_cut_short_is_none(path: Path, page: BegunPage, cut: int) -> None:
    page.note(begun(2))
    page.note(begun(1))
    content = path.read_bytes()
    last = SLOT_BYTES
    path.write_bytes(content[: last + cut])
    assert [hold.exchange_id for hold in read_begun(path, WORKER)] == [2]
    damaged = bytearray(content)
    damaged[last + cut] ^= 1
    path.write_bytes(damaged)
    assert [hold.exchange_id for hold in read_begun(path, WORKER)] == [2]
    os.truncate(path, 0)
    assert read_begun(path, WORKER) == ()


def test_a_note_of_another_version_is_none_and_keeps_nobody_from_starting(
    path: Path, page: BegunPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.note(begun(2))
    fields = [(name, object) for name in (*Hold.__struct_fields__, "wanted_now")]
    later = msgspec.defstruct("LaterHold", fields, frozen=True)
    monkeypatch.setattr(begun_page, "_DECODE", msgspec.msgpack.Decoder(later).decode)
    assert read_begun(path, WORKER) == ()


def test_nothing_is_noted_in_the_file_that_gets_the_number_of_a_closed_page(path: Path) -> None:
    closed = BegunPage(path)
    closed.close()
    other = path.with_name("other")
    with other.open("wb") as file:
        assert not closed.note(begun(1))
        file.flush()
    assert other.read_bytes() == b""
