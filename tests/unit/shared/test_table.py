"""The table of counters: what is found, what makes room, and what is left of who died."""

import mmap
from itertools import count

import pytest

from tollway.limits.rates import REQUESTS, SECOND
from tollway.shared.table import PLACES, SETS, SHARE_MAX, TABLE_BYTES, WAYS, Table


@pytest.fixture
def table() -> Table:
    return Table(mmap.mmap(-1, TABLE_BYTES))


def digest(number: int, *, in_set: int = 7) -> bytes:
    """Return a digest of a certain set; none is only zeroes."""
    return in_set.to_bytes(4, "little") + (number + 1).to_bytes(12, "big")


def make(table: Table, number: int, *, second: int, beside: tuple[int, ...] = ()) -> int:
    place = table.find_or_make(digest(number), second=second, beside=beside)
    table.cells(place)[SECOND] = second
    return place


def test_what_was_made_is_found(table: Table) -> None:
    assert table.find(digest(1)) is None
    place = make(table, 1, second=5)
    assert table.find(digest(1)) == place
    assert make(table, 1, second=6) == place
    assert table.find(digest(1, in_set=8)) is None


def test_digests_that_end_in_zeroes_have_places_of_their_own(table: Table) -> None:
    digests = [bytes([7, 0, 0, 0, number + 1]) + bytes(11) for number in range(WAYS)]
    places = [table.find_or_make(each, second=1, beside=()) for each in digests]
    assert len(set(places)) == WAYS
    assert [table.find(each) for each in digests] == places


def test_every_set_has_room(table: Table) -> None:
    places = {table.find_or_make(digest(1, in_set=each), second=1, beside=()) for each in range(SETS)}
    assert len(places) == SETS
    assert max(places) < PLACES


def test_the_stalest_makes_room_with_all_it_counted(table: Table) -> None:
    places = [make(table, number, second=100 + number) for number in range(WAYS)]
    table.cells(places[0])[REQUESTS] = 77
    table.cells(places[0])[SECOND] = 500
    made = make(table, WAYS, second=600)
    assert made == places[1]
    assert list(table.cells(made))[REQUESTS:] == [0] * (len(table.cells(made)) - REQUESTS)
    assert table.find(digest(1)) is None
    assert table.find(digest(0)) == places[0]


def test_what_is_asked_for_at_the_same_time_stays(table: Table) -> None:
    places = [make(table, number, second=100 + number) for number in range(WAYS)]
    assert make(table, WAYS, second=600, beside=(places[0], places[1])) == places[2]


def test_what_was_counted_before_the_machine_was_started_is_the_stalest(table: Table) -> None:
    places = [make(table, number, second=100 + number) for number in range(WAYS)]
    table.cells(places[9])[SECOND] = 10**9
    assert make(table, WAYS, second=600) == places[9]


def test_what_runs_makes_room_last_and_is_forgotten_then(table: Table) -> None:
    table.take_seat(3)
    places = [make(table, number, second=100 + number) for number in range(WAYS)]
    for place in places[:-1]:
        table.begin(place, seat=3)
    assert make(table, WAYS, second=600) == places[-1]
    table.begin(places[-1], seat=3)
    assert make(table, WAYS + 1, second=600) == places[0]
    assert table.running(places[0]) == 0
    table.end(places[0], seat=3)
    assert table.running(places[0]) == 0


def test_a_seat_that_is_left_takes_what_ran_with_it(table: Table) -> None:
    table.take_seat(0)
    table.take_seat(2)
    assert table.taken_seats() == [0, 2]
    place = make(table, 1, second=5)
    for seat in (0, 0, 2):
        table.begin(place, seat=seat)
    assert table.running(place) == 3
    table.end(place, seat=0)
    assert table.running(place) == 2
    table.leave_seat(2)
    assert table.running(place) == 1
    assert table.taken_seats() == [0]
    table.take_seat(0)
    assert table.running(place) == 0


def test_a_seat_holds_only_so_many(table: Table) -> None:
    table.take_seat(0)
    place = make(table, 1, second=5)
    for number in count():
        table.begin(place, seat=0)
        if number > SHARE_MAX:
            break
    assert table.running(place) == SHARE_MAX


def test_the_salt_is_kept(table: Table) -> None:
    assert not any(table.salt)
    table.salt = b"0123456789abcdef"
    assert table.salt == b"0123456789abcdef"
    table.close()
