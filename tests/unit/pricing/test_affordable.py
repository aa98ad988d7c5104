"""How much output an amount covers."""

import pytest

from tollway.pricing.affordable import TOKENS_MAX, affordable_output_tokens, tokens_covered


def need_of(tokens: int) -> int:
    return 1000 + 3 * tokens


@pytest.mark.parametrize(
    ("available", "tokens"), [(0, 0), (999, 0), (1002, 0), (1003, 1), (1005, 1), (1006, 2), (1299, 99), (10**6, 100)]
)
def test_the_input_is_paid_first_and_the_rest_is_output(available: int, tokens: int) -> None:
    assert affordable_output_tokens(need_of, available=available, tokens_max=100) == tokens


def test_a_hold_covers_the_output_of_all_choices() -> None:
    assert tokens_covered(need_of, held=1300, choices=4) == 400


def test_what_costs_nothing_is_covered_without_end() -> None:
    assert tokens_covered(lambda tokens: 0, held=0, choices=1) == TOKENS_MAX


def test_nothing_and_everything_are_found_in_two_steps() -> None:
    calls: list[int] = []

    def counting(tokens: int) -> int:
        calls.append(tokens)
        return need_of(tokens)

    affordable_output_tokens(counting, available=10)
    affordable_output_tokens(counting, available=10**18)
    assert len(calls) == 3
    affordable_output_tokens(counting, available=10**6)
    assert len(calls) <= 3 + 2 + 31
