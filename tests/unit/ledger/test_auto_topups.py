"""When an automatic top-up may be tried, and what follows when it goes well, badly, or gets a new card."""

import msgspec
import pytest

from tollway.ledger.auto_topups import (
    BACKOFF_MS,
    FAILURES_MAX,
    AutoTopup,
    AutoTopupState,
    after_failure,
    after_success,
    may_try,
    pause_ms,
    with_card,
)
from tollway.ledger.orders import SavedCard

CARD = SavedCard(customer_ref="cus_1", method_ref="pm_1")
READY = AutoTopup(
    account_id=1, threshold_nanos=1, amount_nanos=2, daily_max_nanos=2, card=CARD, state=AutoTopupState.READY
)
S = AutoTopupState


def changed(**fields: object) -> AutoTopup:
    return msgspec.structs.replace(READY, **fields)


def test_the_pause_doubles_with_each_failure() -> None:
    assert [pause_ms(failures) for failures in range(4)] == [0, BACKOFF_MS, 2 * BACKOFF_MS, 4 * BACKOFF_MS]


@pytest.mark.parametrize(
    ("topup", "may"),
    [
        (READY, True),
        (changed(tried_ms=100), True),
        (changed(tried_ms=101), False),
        (changed(tried_ms=100 - BACKOFF_MS, failures=1), True),
        (changed(tried_ms=101 - BACKOFF_MS, failures=1), False),
        (changed(card=None), False),
        (changed(state=S.CHARGING), False),
        (changed(state=S.STOPPED), False),
        (changed(state=S.OFF), False),
    ],
)
def test_a_top_up_is_tried_when_it_is_ready_and_its_pause_is_over(topup: AutoTopup, may: bool) -> None:
    assert may_try(topup, now_ms=100) is may


@pytest.mark.parametrize(
    ("before", "after"), [(S.CHARGING, S.READY), (S.READY, S.READY), (S.STOPPED, S.STOPPED), (S.OFF, S.OFF)]
)
def test_a_success_makes_ready_what_nobody_ended(before: S, after: S) -> None:
    assert after_success(changed(state=before, failures=2)) == changed(state=after, failures=0)


@pytest.mark.parametrize(
    ("before", "failures", "after"),
    [
        (S.CHARGING, 0, S.READY),
        (S.CHARGING, FAILURES_MAX - 1, S.STOPPED),
        (S.OFF, FAILURES_MAX - 1, S.OFF),
    ],
)
def test_a_failure_is_counted_until_it_is_enough(before: S, failures: int, after: S) -> None:
    assert after_failure(changed(state=before, failures=failures)) == changed(state=after, failures=failures + 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [(S.NO_CARD, S.READY), (S.STOPPED, S.READY), (S.READY, S.READY), (S.CHARGING, S.CHARGING), (S.OFF, S.OFF)],
)
def test_a_new_card_has_a_new_chance(before: S, after: S) -> None:
    assert with_card(changed(state=before, card=None, failures=3), CARD) == changed(state=after, failures=0)
