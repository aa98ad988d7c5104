"""Budgets: an account's own caps under the words that services use, a hard limit and a soft one. Knows no SQL and no surface.

A budget is a cap, and its soft limit the share of it that an event tells of; so whoever sets one sees the other.
"""

from typing import NamedTuple, Protocol

from msgspec import UNSET, UnsetType

from tollway.access.audit import OPERATOR, Actor
from tollway.access.caps import Cap, SubAccount
from tollway.access.key_view import KeyView
from tollway.access.setters import SetBy
from tollway.access.terms import EACH, CapScope, CapSpan
from tollway.billing.caps import ALERT_PPM, Caps, CapTarget, checked_limit, checked_subject
from tollway.billing.ceilings import checked_beside
from tollway.errors import CommandRefused, NotThere, OnlyTheOperator
from tollway.ids import CAP, KEY, SUB_ACCOUNT, render_id
from tollway.money import AMOUNT_NANOS_MAX, PPM, render_amount


class OwnerRows(Protocol):
    """What budgets want from the store, beside caps."""

    def key(self, key_id: int) -> KeyView | None:
        """Read one key, revoked or not."""
        ...

    def sub_account(self, sub_account_id: int) -> SubAccount | None:
        """Read one sub-account, removed or not."""
        ...


class BudgetTerms(NamedTuple):
    """What a budget is to be."""

    scope: CapScope
    subject: str
    """As in CapRule."""
    hard_nanos: int
    """Zero is no budget: it lifts the one that is there."""
    soft_nanos: int | None = None
    """Of what an event tells; None is the usual share of the hard limit."""
    span: CapSpan = CapSpan.MONTH


class Budget(NamedTuple):
    """A cap as a budget."""

    cap: Cap
    hard_nanos: int
    soft_nanos: int


class BudgetStatus(NamedTuple):
    """How much of a budget is spent in the window that runs, by the one who spent most of it."""

    budget: Budget
    subject: str
    """Whose spending this is, where the budget holds for each of many; else the budget's own."""
    currency: str
    spent_nanos: int
    remaining_nanos: int
    utilization: float
    """The share that is spent; above 1 where the limit was lowered below it."""
    resets_ms: int | None


class Budgets:
    """The use cases of budgets. Errors are CommandRefused with a sentence, NotThere for what the account does not have."""

    def __init__(self, store: OwnerRows, caps: Caps) -> None:
        """Set and read `caps`; what belongs to whom stands in `store`."""
        self._store = store
        self._caps = caps

    def set(self, account_id: int, terms: BudgetTerms, *, by: Actor = OPERATOR) -> Budget | None:
        """Make a budget, or give the one for the same subject and window these limits; None when a zero lifted it.

        An owner's stands beside the operator's, and may not be above it.
        """
        alert_ppm = soft_ppm(terms.soft_nanos, hard_nanos=terms.hard_nanos)
        self._check(account_id, terms.scope, terms.subject)
        target = CapTarget(account_id, terms.scope, terms.subject)
        if by.side is SetBy.ACCOUNT:
            checked_beside(self._caps.list(account_id), target, terms.span, terms.hard_nanos)
        cap = self._caps.set(target, terms.span, terms.hard_nanos, alert_ppm, by=by)
        return None if cap is None or terms.hard_nanos == 0 else budget_of(cap)

    def list(self, account_id: int) -> tuple[Budget, ...]:
        """Return the budgets of an account that hold, oldest first."""
        return tuple(budget_of(cap) for cap in self._caps.list(account_id))

    def find(self, account_id: int, cap_id: int) -> Budget:
        """Return a budget of this account that holds; any other is not there."""
        try:
            cap = self._caps.show(cap_id)
        except NotThere:
            raise _no(cap_id) from None
        if cap.account_id != account_id or cap.removed_ms is not None:
            raise _no(cap_id)
        return budget_of(cap)

    def update(
        self,
        account_id: int,
        cap_id: int,
        hard_nanos: int | UnsetType = UNSET,
        soft_nanos: int | UnsetType | None = UNSET,
        *,
        by: Actor = OPERATOR,
    ) -> Budget | None:
        """Give a budget other limits, what is left out stays; None when a hard limit of zero lifted it.

        What is spent in the window that runs stays spent. The soft limit stays the same amount.
        """
        found = _own(self.find(account_id, cap_id), by)
        cap = found.cap
        hard = cap.limit_nanos if hard_nanos is UNSET else hard_nanos
        soft = found.soft_nanos if soft_nanos is UNSET else soft_nanos
        if soft_nanos is UNSET and soft is not None and soft > hard:
            soft = None
        return self.set(account_id, BudgetTerms(cap.scope, cap.subject, hard, soft, cap.span), by=by)

    def remove(self, account_id: int, cap_id: int, *, by: Actor = OPERATOR) -> Budget:
        """Lift a budget for good, from the next request on, in every worker."""
        _own(self.find(account_id, cap_id), by)
        return budget_of(self._caps.remove(cap_id, by=by))

    def status(self, account_id: int, cap_id: int) -> BudgetStatus:
        """Return how much of a budget is spent in the window that runs, by whoever spent most of it."""
        budget = self.find(account_id, cap_id)
        use = self._caps.most_used(budget.cap)
        return BudgetStatus(
            budget=budget,
            subject=use.subject,
            currency=use.currency,
            spent_nanos=use.spent_nanos,
            remaining_nanos=use.left_nanos,
            utilization=use.spent_nanos / use.cap.limit_nanos,
            resets_ms=use.resets_ms,
        )

    def _check(self, account_id: int, scope: CapScope, subject: str) -> None:
        """Refuse what is not the account's, in the words for what does not exist."""
        if scope is CapScope.ACCOUNT or subject == EACH:
            return
        if scope is CapScope.KEY:
            key = self._store.key(int(subject))
            if key is None or key.account_id != account_id or key.revoked_ms is not None:
                raise NotThere(f"there is no key {render_id(KEY, int(subject))}")
        elif scope is CapScope.SUB_ACCOUNT:
            part = self._store.sub_account(int(subject))
            if part is None or part.account_id != account_id or part.removed_ms is not None:
                raise NotThere(f"there is no sub-account {render_id(SUB_ACCOUNT, int(subject))}")
        else:
            checked_subject(subject)


def budget_of(cap: Cap) -> Budget:
    """Return a cap as a budget."""
    return Budget(cap, cap.limit_nanos, soft_nanos(cap.limit_nanos, cap.alert_ppm))


def soft_ppm(wanted_nanos: int | None, *, hard_nanos: int) -> int:
    """Return the share of a hard limit that a soft one is, in parts per million; raises CommandRefused for none."""
    checked_limit(hard_nanos)
    if wanted_nanos is None or hard_nanos == 0:
        return ALERT_PPM
    if not 0 < wanted_nanos <= hard_nanos <= AMOUNT_NANOS_MAX:
        raise CommandRefused(
            f"a soft limit of {render_amount(wanted_nanos)} is not above zero and at most the hard limit of "
            f"{render_amount(hard_nanos)}"
        )
    return max(1, (wanted_nanos * PPM + hard_nanos // 2) // hard_nanos)


def soft_nanos(hard_nanos: int, alert_ppm: int) -> int:
    """Return the soft limit that a share stands for, rounded to what a share can tell apart.

    A share is kept in parts per million: of 30.00 it tells 0.0001 apart, so that 10.00, kept as 33.3333 %, is 10.00 again
    and not 9.999999.
    """
    step = 1
    while step * PPM < hard_nanos:
        step *= 10
    exact = hard_nanos * alert_ppm // PPM
    return min(hard_nanos, (exact + step // 2) // step * step) or exact


def _own(budget: Budget, by: Actor) -> Budget:
    """Return a budget that is the actor's to change; an account's owner changes none of the operator's."""
    if by.side is SetBy.ACCOUNT and budget.cap.set_by is SetBy.OPERATOR:
        raise OnlyTheOperator(
            f"the operator set budget {render_id(CAP, budget.cap.id)}, and only the operator changes or lifts it: set one of "
            "your own beside it, of which the lower holds"
        )
    return budget


def _no(cap_id: int) -> NotThere:
    return NotThere(f"there is no budget {render_id(CAP, cap_id)}")
