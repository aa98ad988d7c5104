"""How an account stands with its money."""

import pytest

from tollway.billing.standings import LOW_NANOS, Standing, standing_of
from tollway.ledger.records import Account, AccountState


@pytest.mark.parametrize(
    ("state", "balance_nanos", "standing"),
    [
        (AccountState.ACTIVE, LOW_NANOS, Standing.ACTIVE),
        (AccountState.ACTIVE, LOW_NANOS - 1, Standing.LOW),
        (AccountState.SUSPENDED, LOW_NANOS, Standing.SUSPENDED),
        (AccountState.SUSPENDED, 0, Standing.SUSPENDED),
    ],
)
def test_an_account_is_active_low_or_suspended(state: AccountState, balance_nanos: int, standing: Standing) -> None:
    account = Account(id=1, name="A", currency="USD", state=state, created_ms=1)
    assert standing_of(account, balance_nanos) is standing
