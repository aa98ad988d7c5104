"""Automatic top-ups: what an account allows, and when the next may be tried. Values and rules only; knows no provider."""

from enum import StrEnum

import msgspec

from tollway.ledger.orders import SavedCard

FAILURES_MAX = 4
"""Refused in a row, after which no card is tried again without a person: banks punish whoever keeps on knocking."""

BACKOFF_MS = 600_000
"""Ten minutes after the first failure, twice as long after each further one: a card is seldom good again sooner."""

LOST_MS = 120_000
"""An answer that has not come for this long is asked for anew. Longer than a call and all its retries."""

SAME_KEY_MS = 23 * 3_600_000
"""Stripe forgets an idempotency key after a day: until shortly before, asking again cannot charge twice."""

DAY_MS = 86_400_000

DAILY_TIMES = 5
"""What a day may cost, in top-ups, when the account does not say."""


class AutoTopupState(StrEnum):
    """Whether an account is topped up by itself."""

    NO_CARD = "no_card"
    """It waits for a first payment that saves a card."""
    READY = "ready"
    CHARGING = "charging"
    """One top-up is under way: no other begins."""
    STOPPED = "stopped"
    """It failed too often, or its outcome cannot be learned: a person must look."""
    OFF = "off"


class AutoTopup(msgspec.Struct, frozen=True, kw_only=True):
    """What an account allows; whole nano-units of its currency."""

    account_id: int
    threshold_nanos: int
    """A balance below this is topped up."""
    amount_nanos: int
    """By this."""
    daily_max_nanos: int
    """And by no more than this within 24 hours."""
    card: SavedCard | None = None
    state: AutoTopupState
    order_id: int | None = None
    """What is under way, or was last."""
    tried_ms: int | None = None
    failures: int = 0
    """Refused in a row."""


def pause_ms(failures: int) -> int:
    """Return how long to wait after so many refusals in a row."""
    return BACKOFF_MS << (failures - 1) if failures else 0


def may_try(topup: AutoTopup, *, now_ms: int) -> bool:
    """Tell whether a top-up may begin now, if the balance is below the threshold."""
    if topup.state is not AutoTopupState.READY or topup.card is None:
        return False
    return topup.tried_ms is None or topup.tried_ms + pause_ms(topup.failures) <= now_ms


def after_success(topup: AutoTopup) -> AutoTopup:
    """Return what follows a payment that came in; one that a person ended stays so."""
    going = topup.state in {AutoTopupState.CHARGING, AutoTopupState.READY}
    return msgspec.structs.replace(topup, state=AutoTopupState.READY if going else topup.state, failures=0)


def after_failure(topup: AutoTopup) -> AutoTopup:
    """Return what follows a payment that was refused."""
    failures = topup.failures + 1
    state = topup.state
    if state is AutoTopupState.CHARGING:
        state = AutoTopupState.STOPPED if failures >= FAILURES_MAX else AutoTopupState.READY
    return msgspec.structs.replace(topup, state=state, failures=failures)


def with_card(topup: AutoTopup, card: SavedCard) -> AutoTopup:
    """Return what follows a payment that saved a card: a new one has a new chance."""
    state = AutoTopupState.CHARGING if topup.state is AutoTopupState.CHARGING else AutoTopupState.READY
    return msgspec.structs.replace(
        topup, card=card, failures=0, state=AutoTopupState.OFF if topup.state is AutoTopupState.OFF else state
    )
