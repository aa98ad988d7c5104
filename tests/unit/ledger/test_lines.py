import msgspec

from tollway.ledger.lines import BILLED_REASON, Hold, Outcome
from tollway.ledger.records import account_leg
from tollway.ledger.unknown import STATUS_UNKNOWN, unknown_line
from tollway.ledger.usage import UsageSums
from tollway.neutral.usage import Basis

HOLD = Hold(
    exchange_id=1,
    account_id=2,
    payer_id=2,
    key_id=3,
    worker_id=4,
    amount_nanos=500,
    model_asked="fast",
    started_ms=1000,
    expires_ms=2000,
)


def test_a_line_that_nobody_saw_end_costs_nothing_and_says_so() -> None:
    line = unknown_line(HOLD, outcome=Outcome.INTERRUPTED, ended_ms=1500)
    assert (line.total_nanos, line.basis, line.status, line.ended_ms) == (0, Basis.UNKNOWN, STATUS_UNKNOWN, 1500)
    assert (line.exchange_id, line.account_id, line.key_id, line.worker_id, line.hold_nanos) == (1, 2, 3, 4, 500)


def test_a_line_never_ends_before_it_starts() -> None:
    assert unknown_line(HOLD, outcome=Outcome.EXPIRED, ended_ms=1).ended_ms == 1000


def test_an_account_pays_base_and_fee_less_what_is_written_off() -> None:
    line = unknown_line(HOLD, outcome=Outcome.COMPLETED, ended_ms=1500)
    line = msgspec.structs.replace(line, base_nanos=100, fee_nanos=10, written_off_nanos=30)
    assert line.total_nanos == 80


def test_a_row_of_usage_adds_up_like_a_line() -> None:
    sums = UsageSums(base_nanos=100, fee_nanos=10, written_off_nanos=30, package_paid_nanos=5)
    assert (sums.total_nanos, sums.balance_nanos) == (80, 75)


def test_every_outcome_says_how_it_was_charged() -> None:
    assert set(BILLED_REASON) == set(Outcome)


def test_the_leg_of_an_account_names_it() -> None:
    assert account_leg(42) == "account:42"


def test_what_is_not_there_is_left_off_in_the_payers_own_unit() -> None:
    line = msgspec.structs.replace(
        unknown_line(HOLD, outcome=Outcome.COMPLETED, ended_ms=9), base_nanos=90, fee_nanos=10
    )
    assert line.with_paid(100) is line
    assert (line.with_paid(70).written_off_nanos, line.with_paid(70).paid) == (30, 70)
    tokens = msgspec.structs.replace(line, base_nanos=0, fee_nanos=0, package_id=7, package_micros=50)
    assert (tokens.with_paid(20).package_micros, tokens.with_paid(20).written_off_nanos) == (20, 0)
