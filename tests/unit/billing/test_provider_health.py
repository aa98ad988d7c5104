"""How a provider does, from how its requests ended."""

import pytest

from tollway.billing.provider_health import Health, health_of
from tollway.ledger.lines import Outcome

GOOD = ("p", Outcome.COMPLETED, 200)


@pytest.mark.parametrize(
    ("ends", "health"),
    [
        ([(*GOOD, 1)], Health.OPERATIONAL),
        ([(*GOOD, 91), ("p", Outcome.FAILED, 502, 9)], Health.OPERATIONAL),
        ([(*GOOD, 90), ("p", Outcome.FAILED, 502, 10)], Health.DEGRADED),
        ([("p", Outcome.FAILED, 503, 2)], Health.DEGRADED),
        ([("p", Outcome.UPSTREAM_BROKE, 200, 3)], Health.DOWN),
        ([(*GOOD, 3), ("p", Outcome.FAILED, 429, 3)], Health.DOWN),
        ([("p", Outcome.FAILED, 400, 50)], Health.OPERATIONAL),
        ([("p", Outcome.CLIENT_GONE, 499, 50)], Health.OPERATIONAL),
    ],
)
def test_a_provider_does_as_its_own_failures_say(ends: list[tuple[str, Outcome, int, int]], health: Health) -> None:
    assert health_of(ends) == {"p": health}
