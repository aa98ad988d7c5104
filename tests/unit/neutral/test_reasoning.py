"""The one table of how much a model is to think."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.neutral.reasoning import BUDGET_TOKENS, UNBOUNDED, budget_tokens, effort, nearest
from tollway.neutral.request import Effort, ReasoningWish

ORDER = list(Effort)


def test_every_word_has_a_budget_and_more_is_never_less() -> None:
    budgets = [BUDGET_TOKENS[word] for word in ORDER]
    assert budgets == sorted(budgets)
    assert budgets[0] == 0


@pytest.mark.parametrize("word", ORDER)
def test_a_word_survives_the_way_over_its_budget(word: Effort) -> None:
    budget = budget_tokens(ReasoningWish(effort=word))
    assert budget == BUDGET_TOKENS[word]
    back = effort(ReasoningWish(budget_tokens=budget))
    assert back is (Effort.LOW if word is Effort.MINIMAL else word)  # those two have one budget


@pytest.mark.parametrize(
    ("budget", "word"),
    [
        (0, Effort.NONE),
        (1, Effort.LOW),
        (1_024, Effort.LOW),
        (1_025, Effort.MEDIUM),
        (8_193, Effort.HIGH),
        (24_577, Effort.XHIGH),
        (32_769, Effort.MAX),
        (10**9, Effort.MAX),
        (UNBOUNDED, Effort.MEDIUM),
    ],
)
def test_a_budget_is_the_smallest_word_that_covers_it(budget: int, word: Effort) -> None:
    assert effort(ReasoningWish(budget_tokens=budget)) is word


def test_a_wish_in_its_own_terms_stays_what_it_is() -> None:
    assert budget_tokens(ReasoningWish(budget_tokens=5)) == 5
    assert budget_tokens(ReasoningWish(budget_tokens=UNBOUNDED)) == UNBOUNDED
    assert budget_tokens(ReasoningWish(budget_tokens=5, effort=Effort.MAX)) == 5
    assert effort(ReasoningWish(budget_tokens=5, effort=Effort.MAX)) is Effort.MAX


def test_who_says_nothing_leaves_it_to_the_provider() -> None:
    for wish in (ReasoningWish(), ReasoningWish(shown=True)):
        assert (budget_tokens(wish), effort(wish)) == (None, None)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_who_wishes_for_more_gets_no_smaller_word(one: int, other: int) -> None:
    less, more = (effort(ReasoningWish(budget_tokens=budget)) for budget in sorted((one, other)))
    assert less is not None
    assert more is not None
    assert ORDER.index(less) <= ORDER.index(more)


@given(st.sampled_from(ORDER), st.lists(st.sampled_from(ORDER), min_size=1, unique=True))
def test_the_nearest_word_is_one_that_is_known_and_none_is_nearer(word: Effort, known: list[Effort]) -> None:
    found = nearest(word, tuple(known))
    assert found in known
    away = abs(ORDER.index(found) - ORDER.index(word))
    thinks = [other for other in known if word is Effort.NONE or other is not Effort.NONE]
    assert all(abs(ORDER.index(other) - ORDER.index(word)) >= away for other in thinks or known)
    assert (found is Effort.NONE) <= (word is Effort.NONE or not thinks)
    assert found is nearest(word, tuple(reversed(known)))
    assert found is word or word not in known


def test_of_two_words_as_near_the_smaller_is_taken() -> None:
    assert nearest(Effort.MEDIUM, (Effort.HIGH, Effort.LOW)) is Effort.LOW
    assert nearest(Effort.MAX, (Effort.LOW, Effort.HIGH)) is Effort.HIGH
