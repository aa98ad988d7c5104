"""Limits of rates: set them, lift them, list them. Counts nothing. Knows no SQL and no surface."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.access.caps import SubAccount
from tollway.access.key_view import KeyView
from tollway.access.limits import AccountLimit, LimitScope, RateChange, RateRule
from tollway.access.terms import EACH
from tollway.billing.accounts import Ids
from tollway.billing.audit import Notary
from tollway.billing.views import View, view_time
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, parse_id, render_id
from tollway.ledger.records import Account

REQUESTS_MAX = 1_000_000_000
"""In any window, and at a time: more is no limit."""

TOKENS_MAX = 1_000_000_000_000
"""In a minute: more is no limit."""

BOUNDS: Mapping[str, int] = {
    "rpm": REQUESTS_MAX,
    "burst": REQUESTS_MAX,
    "tpm": TOKENS_MAX,
    "concurrency": REQUESTS_MAX,
}
"""The largest of each kind."""

END_USER_CHARS_MAX = 256
"""As long as any that a request may carry."""

NAMED_LIMITS_MAX = 10_000
"""For end users by name, of one account: its terms are read whole. For more, one limit of `*` holds for each by itself."""

ID_PREFIXES = {LimitScope.KEY: KEY, LimitScope.SUB_ACCOUNT: SUB_ACCOUNT}
"""How the ids of subjects begin that are ids."""


SCOPE_WORDS = {LimitScope.KEY: "key", LimitScope.SUB_ACCOUNT: "sub-account", LimitScope.END_USER: "end user"}
"""How sentences call the scopes that have a subject."""


class LimitTarget(NamedTuple):
    """Whose requests are counted together."""

    account_id: int | None
    """None for a key or sub-account by its id: it knows its account."""
    scope: LimitScope
    subject: str
    """As in RateRule."""


class LimitRows(Protocol):
    """What limits want from the store; every call is one transaction, with effect on the next request in every worker."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def key(self, key_id: int) -> KeyView | None:
        """Read one key."""
        ...

    def sub_account(self, sub_account_id: int) -> SubAccount | None:
        """Read one sub-account."""
        ...

    def set_rate_limit(
        self, limit: AccountLimit, change: RateChange, entry: AuditEntry, *, named_max: int
    ) -> AccountLimit | None:
        """Change what holds for a subject; return it as it stands, or None when there would be too many by name."""
        ...

    def remove_rate_limit(self, limit: AccountLimit, entry: AuditEntry) -> AccountLimit | None:
        """Lift all that holds for a subject; return it, or None when there was nothing."""
        ...

    def rate_limits(self, account_id: int | None) -> tuple[AccountLimit, ...]:
        """Read the limits of an account, or all, by scope and subject."""
        ...


class RateLimitRules:
    """The use cases of limits of rates. Errors are CommandRefused with a sentence."""

    def __init__(self, store: LimitRows, ids: Ids, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Work on `store`; `ids` may be shared between threads."""
        self._store = store
        self._notary = Notary(ids.next, now_ms)
        self._now_ms = now_ms

    def set(self, target: LimitTarget, change: RateChange, *, by: Actor = OPERATOR) -> AccountLimit:
        """Change how fast requests may come; what is left out stays, zero and None lift. Returns what holds now."""
        change = checked_change(change)
        if not change.told:
            raise CommandRefused(f"nothing is to change: say one of {', '.join(BOUNDS)}")
        limit = self._limit(target)
        entry = self._note(by, "limit.set", limit, change.told)
        standing = self._store.set_rate_limit(limit, change, entry, named_max=NAMED_LIMITS_MAX)
        if standing is None:
            raise CommandRefused(
                f"an account has at most {NAMED_LIMITS_MAX} limits for end users by name: one of * holds for each"
            )
        return standing

    def remove(self, target: LimitTarget, *, by: Actor = OPERATOR) -> AccountLimit:
        """Lift all that holds for a subject; return what held."""
        limit = self._limit(target)
        lifted = self._store.remove_rate_limit(limit, self._note(by, "limit.remove", limit, {}))
        if lifted is None:
            raise NotThere(f"there is no limit for {subject_words(limit.rule)}")
        return lifted

    def list(self, account_id: int | None = None) -> tuple[AccountLimit, ...]:
        """Return the limits of an account, or all, by scope and subject."""
        return self._store.rate_limits(account_id)

    def _limit(self, target: LimitTarget) -> AccountLimit:
        rule = RateRule(scope=target.scope, subject=target.subject)
        return AccountLimit(account_id=self._account_of(target), rule=rule, created_ms=self._now_ms())

    def _note(self, by: Actor, action: str, limit: AccountLimit, told: Mapping[str, int | None]) -> AuditEntry:
        name = subject_name(limit.rule)
        set_to = {"scope": limit.rule.scope.value, "subject": name, **told}
        return self._notary.note(by, action, limit.account_id, name or render_id(ACCOUNT, limit.account_id), set_to)

    def _account_of(self, target: LimitTarget) -> int:
        """Return the account that a limit belongs to; refuses what does not exist, or belongs to another account."""
        name = subject_words(RateRule(scope=target.scope, subject=target.subject))
        if target.subject != EACH and target.scope is LimitScope.KEY:
            key = self._store.key(int(target.subject))
            found = None if key is None or key.revoked_ms is not None else key.account_id
        elif target.subject != EACH and target.scope is LimitScope.SUB_ACCOUNT:
            part = self._store.sub_account(int(target.subject))
            found = None if part is None or part.removed_ms is not None else part.account_id
        else:
            assert target.account_id is not None, "only what has an id knows its account"
            name = f"account {render_id(ACCOUNT, target.account_id)}"
            account = self._store.account(target.account_id)
            found = None if account is None else account.id
        # Another account's is told of in the same words as what does not exist.
        if found is None or target.account_id not in {None, found}:
            raise NotThere(f"there is no {name}")
        return found


def checked_change(change: RateChange) -> RateChange:
    """Return a change in which zero is None, no limit; raises CommandRefused for what is below zero or beyond its bound."""
    told: dict[str, int | None] = {}
    for name, value in change.told.items():
        if value is not None and not 0 <= value <= BOUNDS[name]:
            raise CommandRefused(f"{name} is 0 (no limit) to {BOUNDS[name]}, and {value} is not")
        told[name] = value or None
    return RateChange(**told)


def parse_limit_target(
    *, account: str | None, key: str | None, sub_account: str | None, end_user: str | None
) -> LimitTarget:
    """Return what a limit is for, from the ids and texts that name it; raises CommandRefused or IdError.

    At most one beside the account; `*` is each of them by itself, and needs the account, as an end user does.
    """
    every = {LimitScope.KEY: key, LimitScope.SUB_ACCOUNT: sub_account, LimitScope.END_USER: end_user}
    named = [(scope, text) for scope, text in every.items() if text is not None]
    if len(named) > 1:
        raise CommandRefused("a limit is for one thing: a key, a sub-account, an end user, or the account")
    account_id = None if account is None else parse_id(ACCOUNT, account)
    scope, text = named[0] if named else (LimitScope.ACCOUNT, "")
    if account_id is None and (scope not in ID_PREFIXES or text == EACH):
        raise CommandRefused("name the account of the limit: only a key or a sub-account by its id knows its own")
    if text != EACH and scope in ID_PREFIXES:
        return LimitTarget(account_id, scope, str(parse_id(ID_PREFIXES[scope], text)))
    if scope is LimitScope.END_USER and (not text or len(text) > END_USER_CHARS_MAX or not text.isprintable()):
        raise CommandRefused(f"an end user has 1 to {END_USER_CHARS_MAX} printable characters")
    return LimitTarget(account_id, scope, text)


def subject_name(rule: RateRule) -> str | None:
    """Return what a limit is for as people see it: an id with its prefix, an end user, `*`; None for the account."""
    if rule.scope is LimitScope.ACCOUNT:
        return None
    prefix = ID_PREFIXES.get(rule.scope)
    return rule.subject if prefix is None or rule.subject == EACH else render_id(prefix, int(rule.subject))


def subject_words(rule: RateRule) -> str:
    """Return how a sentence names what a limit is for."""
    name = subject_name(rule)
    return "this account" if name is None else f"{SCOPE_WORDS[rule.scope]} {name}"


def view_rate(rule: RateRule) -> View:
    """Show a limit as it holds for requests; None is no limit of that kind."""
    return {
        "scope": rule.scope.value,
        "subject": subject_name(rule),
        "rpm": rule.rpm,
        "account_rpm": rule.account_rpm,
        "burst": rule.burst,
        "tpm": rule.tpm,
        "concurrency": rule.concurrency,
    }


def view_limit(limit: AccountLimit) -> View:
    """Show a limit as its account has it."""
    return {
        "account": render_id(ACCOUNT, limit.account_id),
        **view_rate(limit.rule),
        "created": view_time(limit.created_ms),
    }
