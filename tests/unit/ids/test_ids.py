"""Ids: they grow, no two are the same, and their text is read back."""

import pytest

from tollway import clock
from tollway.id_source import IdSource
from tollway.ids import ACCOUNT, EXCHANGE, SEQUENCE_MAX, SHIFT, IdError, begun_ms, parse_id, render_id


def test_ids_grow_and_never_repeat() -> None:
    source = IdSource(worker=3)
    made = [source.next() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert {number >> 12 & 1023 for number in made} == {3}


def test_an_id_says_when_it_was_made() -> None:
    before_ms = clock.now_ms()
    assert before_ms <= begun_ms(IdSource(worker=3).next()) <= clock.now_ms()


def test_two_workers_never_make_the_same_id() -> None:
    first, second = IdSource(worker=0), IdSource(worker=1)
    assert not {first.next() for _ in range(5_000)} & {second.next() for _ in range(5_000)}


def test_a_clock_that_steps_back_does_not_step_the_ids_back() -> None:
    ahead = ((clock.now_ms() + 3_600_000 - 1_735_689_600_000) << SHIFT) | 5 << 12
    source = IdSource(worker=5, after=ahead)
    assert source.next() == ahead + 1


def test_a_full_sequence_borrows_the_next_millisecond() -> None:
    ahead = ((clock.now_ms() + 3_600_000 - 1_735_689_600_000) << SHIFT) | 5 << 12 | SEQUENCE_MAX
    number = IdSource(worker=5, after=ahead).next()
    assert number == (((ahead >> SHIFT) + 1) << SHIFT) | 5 << 12


def test_a_source_that_starts_after_another_workers_id_keeps_its_own_number() -> None:
    ahead = ((clock.now_ms() + 3_600_000 - 1_735_689_600_000) << SHIFT) | 9 << 12
    number = IdSource(worker=5, after=ahead).next()
    assert number > ahead
    assert number >> 12 & 1023 == 5


@pytest.mark.parametrize("worker", [-1, 1024])
def test_a_worker_has_one_of_1024_numbers(worker: int) -> None:
    with pytest.raises(IdError):
        IdSource(worker=worker)


def test_the_text_of_an_id_is_read_back() -> None:
    number = IdSource(worker=0).next()
    assert parse_id(EXCHANGE, render_id(EXCHANGE, number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0123456789abcdef",
        "acct_123",
        "req_0123456789abcdef",
        "acct_0123456789abcdeg",
        "acct_0123456789ABCDEF",
        "acct_0000000000000000",
        "acct_8000000000000000",
        "acct_+123456789abcdef",
    ],
)
def test_what_is_not_an_id_of_the_kind_is_refused(text: str) -> None:
    with pytest.raises(IdError):
        parse_id(ACCOUNT, text)
