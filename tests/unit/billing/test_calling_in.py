"""Asking again for money that comes back in a moment."""

from tollway.billing.calling_in import PAUSES_S, ask_again


def test_an_answer_that_is_good_at_once_is_not_waited_for() -> None:
    paused: list[float] = []
    assert ask_again(lambda: True, paused.append)
    assert paused == []


def test_a_better_answer_is_waited_for_and_then_no_longer() -> None:
    answers = iter([0, 0, 7, 8])
    paused: list[float] = []
    assert ask_again(lambda: next(answers), paused.append) == 7
    assert paused == list(PAUSES_S[:2])


def test_the_last_answer_counts_when_none_is_good() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(len(asked))
        return asked[-1]

    assert ask_again(ask, lambda _: None, good=lambda _: False) == len(PAUSES_S)
    assert sum(PAUSES_S) < 1
