"""What an account's owner may not set: more than the operator did. Knows no SQL and no surface.

It only says so in time: at admission what each side set holds by itself, so nothing that was set later lifts anything.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tollway.access.limits import AccountLimit, LimitScope
from tollway.access.terms import EACH
from tollway.billing.rate_limits import SCOPE_WORDS
from tollway.errors import CommandRefused


class CeilingRows(Protocol):
    """What ceilings want from the store; every call is one transaction."""

    def rate_limits(self, account_id: int | None) -> tuple[AccountLimit, ...]:
        """Read the limits of an account, or all, by scope and subject."""
        ...


class Ceilings:
    """Refuses what would not hold, with CommandRefused and a sentence that names the operator's limit."""

    def __init__(self, store: CeilingRows, rpm_max: Mapping[LimitScope, int | None]) -> None:
        """Take what the deployment lets each scope do in a minute, where the account has no rule for it."""
        self._store = store
        self._rpm_max = rpm_max

    def check_rpm(self, account_id: int, scope: LimitScope, subject: int | None, rpm: int | None) -> None:
        """Refuse more requests a minute than the operator lets a key or sub-account make; None for one to be made.

        Zero and None are no limit of the account's own: the operator's holds.
        """
        if not rpm:
            return
        ceiling = _rpm_of(self._store.rate_limits(account_id), scope, "" if subject is None else str(subject))
        if ceiling is None:
            ceiling = self._rpm_max.get(scope)
        if ceiling is not None and rpm > ceiling:
            raise CommandRefused(
                f"{rpm} requests a minute are more than the {ceiling} that the operator lets this "
                f"{SCOPE_WORDS[scope]} make: give at most {ceiling}, or 0 to leave it at that, or ask the operator for more"
            )


def _rpm_of(limits: Sequence[AccountLimit], scope: LimitScope, subject: str) -> int | None:
    """Return what the operator set for a subject, or for EACH where nothing was set for it."""
    rules = {limit.rule.subject: limit.rule for limit in limits if limit.rule.scope is scope}
    own = rules.get(subject)
    rule = own if own is not None and own.is_operators else rules.get(EACH)
    return None if rule is None else rule.rpm
