"""What a client is told whose idempotency key has been used."""

import pytest

from tollway.ledger.answers import AnswerFound, AnswerState
from tollway.relay.stored_answers import AGAIN_S_MAX, AGAIN_S_MIN, conflict

FIRST = "req_0000000000000005"
NOW_MS = 1_000_000_000


def found(state: AnswerState, *, same: bool = True, lives: bool = True, age_s: float = 0) -> AnswerFound:
    return AnswerFound(
        state=state,
        same_request=same,
        exchange_id=5,
        worker_lives=lives,
        created_ms=NOW_MS - round(age_s * 1000),
        status=None,
        content_type=None,
        body=None,
    )


@pytest.mark.parametrize("state", AnswerState)
def test_another_request_under_the_key_is_refused_and_need_not_be_tried_again(state: AnswerState) -> None:
    refusal = conflict(found(state, same=False), now_ms=NOW_MS)
    assert (refusal.facts.status, refusal.facts.retry) == (409, False)
    assert refusal.retry_after_s is None
    assert refusal.metadata == {"request_id": FIRST, "reason": "another_request"}
    assert FIRST in refusal.message


@pytest.mark.parametrize("state", [AnswerState.RUNNING, AnswerState.ACTING])
@pytest.mark.parametrize(
    ("age_s", "again_s"),
    [(0, AGAIN_S_MIN), (-5, AGAIN_S_MIN), (1.5, 1), (7, 7), (30, AGAIN_S_MAX), (3600, AGAIN_S_MAX)],
)
def test_a_request_that_is_running_may_be_asked_for_again_when_it_is_twice_as_old(
    state: AnswerState, age_s: float, again_s: int
) -> None:
    refusal = conflict(found(state, age_s=age_s), now_ms=NOW_MS)
    assert (refusal.facts.status, refusal.facts.retry) == (409, True)
    assert refusal.retry_after_s == again_s
    assert refusal.metadata == {"request_id": FIRST, "reason": "still_running"}


def test_an_admin_call_whose_worker_died_is_unclear_and_an_answer_that_was_not_kept_is_named() -> None:
    unclear = conflict(found(AnswerState.ACTING, lives=False), now_ms=NOW_MS)
    cut_off = conflict(found(AnswerState.UNCLEAR), now_ms=NOW_MS)
    unkept = conflict(found(AnswerState.UNKEPT, lives=False), now_ms=NOW_MS)
    for refusal, reason in ((unclear, "unclear"), (cut_off, "unclear"), (unkept, "not_kept")):
        assert refusal.facts.retry is False
        assert refusal.retry_after_s is None
        assert refusal.metadata == {"request_id": FIRST, "reason": reason}
        assert FIRST in refusal.message
