"""What an account's owner may not set: more than the operator did. Knows no SQL and no surface.

It only says so in time: at admission what each side set holds by itself, so nothing that was set later lifts anything.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tollway.access.cap_rules import SPAN_WORDS, subject_name
from tollway.access.caps import Cap
from tollway.access.limits import AccountLimit, LimitScope
from tollway.access.setters import SetBy
from tollway.access.terms import EACH, CapSpan
from tollway.billing.caps import CapTarget
from tollway.billing.rate_limits import SCOPE_WORDS
from tollway.errors import CommandRefused, OnlyTheOperator
from tollway.money import render_amount


class CeilingRows(Protocol):
    """What ceilings want from the store; every call is one transaction."""

    def caps(self, account_id: int | None) -> tuple[Cap, ...]:
        """Read the caps of an account, or all, that were not lifted, oldest first."""
        ...

    def rate_limits(self, account_id: int | None) -> tuple[AccountLimit, ...]:
        """Read the limits of an account, or all, by scope and subject."""
        ...


class Ceilings:
    """Refuses what would not hold, with CommandRefused and a sentence that names the operator's limit."""

    def __init__(self, store: CeilingRows, rpm_max: Mapping[LimitScope, int | None]) -> None:
        """Take what the deployment lets each scope do in a minute, where the account has no rule for it."""
        self._store = store
        self._rpm_max = rpm_max

    def check_rpm(self, account_id: int, scope: LimitScope, subject: str, rpm: int | None) -> None:
        """Refuse more requests a minute than the operator lets a key or sub-account make; empty for one to be made.

        Zero and None are no limit of the account's own: the operator's holds.
        """
        if not rpm:
            return
        ceiling = _rpm_of(self._store.rate_limits(account_id), scope, subject)
        if ceiling is None:
            ceiling = self._rpm_max.get(scope)
        if ceiling is not None and rpm > ceiling:
            raise CommandRefused(
                f"{rpm} requests a minute are more than the {ceiling} that the operator lets this "
                f"{SCOPE_WORDS[scope]} make: give at most {ceiling}, or 0 to leave it at that, or ask the operator for more"
            )

    def check_caps(self, target: CapTarget, limits: Mapping[CapSpan, int]) -> None:
        """Refuse caps above those that the operator set for the same thing; zero is no cap of the account's own."""
        assert target.account_id is not None, "an owner names no account but its own"
        wanted = {span: limit_nanos for span, limit_nanos in limits.items() if limit_nanos}
        if wanted:
            standing = self._store.caps(target.account_id)
            for span, limit_nanos in wanted.items():
                checked_beside(standing, target, span, limit_nanos)


def checked_beside(standing: Sequence[Cap], target: CapTarget, span: CapSpan, limit_nanos: int) -> int:
    """Return a limit that an owner may set beside the operator's caps; zero lifts its own.

    Raises CommandRefused for one above the operator's, OnlyTheOperator for a zero where only the operator set one.
    """
    same = [cap for cap in standing if (cap.scope, cap.span) == (target.scope, span)]
    own = any(cap.subject == target.subject and cap.set_by is SetBy.ACCOUNT for cap in same)
    theirs = {cap.subject: cap for cap in same if cap.set_by is SetBy.OPERATOR}
    if limit_nanos == 0:
        if not own and target.subject in theirs:
            raise OnlyTheOperator(
                f"the operator set the {_words(theirs[target.subject])}, and only the operator lifts it"
            )
        return limit_nanos
    ceiling = theirs.get(target.subject) or theirs.get(EACH)
    if ceiling is not None and limit_nanos > ceiling.limit_nanos:
        most = render_amount(ceiling.limit_nanos)
        raise CommandRefused(
            f"{render_amount(limit_nanos)} is more than the {_words(ceiling)} of {most} that the operator set: give at most "
            f"{most}, or ask the operator for more"
        )
    return limit_nanos


def _words(cap: Cap) -> str:
    """Return how a sentence names a cap."""
    return f"{SPAN_WORDS[cap.span]} of {subject_name(cap.scope, cap.subject)}"


def _rpm_of(limits: Sequence[AccountLimit], scope: LimitScope, subject: str) -> int | None:
    """Return what the operator set for a subject, or for EACH where nothing was set for it."""
    rules = {limit.rule.subject: limit.rule for limit in limits if limit.rule.scope is scope}
    own = rules.get(subject)
    rule = own if own is not None and own.is_operators else rules.get(EACH)
    return None if rule is None else rule.rpm
