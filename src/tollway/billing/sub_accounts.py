"""Sub-accounts: parts of an account with keys, caps and limits of their own. Knows no SQL and no surface."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import UNSET

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.access.caps import Cap, NewSubAccount, SubAccount, SubAccountChanges, SubAccountState
from tollway.access.key_view import KeyView
from tollway.access.setters import SetBy, limited_after
from tollway.access.terms import CapScope, CapSpan
from tollway.billing.accounts import Ids, checked_name
from tollway.billing.audit import Notary
from tollway.billing.calling_in import Pause, ask_again, sleep
from tollway.billing.caps import ALERT_PPM, checked_limit
from tollway.billing.key_secrets import make_secret
from tollway.billing.key_terms import checked_models
from tollway.billing.rate_limits import REQUESTS_MAX
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, render_id
from tollway.ledger.records import Account
from tollway.money import render_amount

REF_CHARS_MAX = 256
TAG_BYTES_MAX = 256
"""As long as any that a request may carry."""
SUB_ACCOUNTS_MAX = 10_000
"""Of one account: a listing has them all."""


class SubAccountTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a sub-account to be made is given."""

    name: str
    external_ref: str | None = None
    monthly_cap_nanos: int = 0
    """Zero is none."""
    rpm: int | None = None
    """Requests in any 60 seconds; None and zero are no limit."""
    tag: str | None = None
    models: tuple[str, ...] = ()


class OpenedSubAccount(NamedTuple):
    """A sub-account that was just made."""

    sub_account: SubAccount
    key: KeyView
    """Its first key."""
    secret: str
    """The key's text, shown this once."""


class SubAccountRows(Protocol):
    """What sub-accounts want from the store; every call is one transaction."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def add_sub_account(self, new: NewSubAccount, entries: Sequence[AuditEntry], *, count_max: int) -> bool:
        """Write a sub-account; False, and nothing written, when its account has so many that were not removed."""
        ...

    def sub_account(self, sub_account_id: int) -> SubAccount | None:
        """Read one sub-account, removed or not."""
        ...

    def sub_accounts(self, account_id: int | None) -> tuple[SubAccount, ...]:
        """Read the sub-accounts of an account, or all, that were not removed, oldest first."""
        ...

    def set_sub_account_state(
        self, found: SubAccount, entry: AuditEntry, limited_after: Callable[[SubAccount], Sequence[str]]
    ) -> bool:
        """Change the state to that of `found`, from the next request on; False when it was removed, or never was.

        `limited_after` says what the operator will have limited of it as it stands now, or raises.
        """
        ...

    def change_sub_account(
        self,
        found: SubAccount,
        changes: SubAccountChanges,
        cap: Cap | None,
        entry: AuditEntry,
        limited_after: Callable[[SubAccount], Sequence[str]],
    ) -> tuple[SubAccount, Cap | None] | None:
        """Change a sub-account, and its monthly cap, which a limit of zero lifts; None for `cap` leaves it.

        `limited_after` as above. Returns it, and the cap that holds now if it was to change; None when it was removed meanwhile.
        """
        ...

    def remove_sub_account(self, sub_account_id: int, entry: AuditEntry, removed_ms: int) -> bool:
        """Remove a sub-account with its keys, caps and limits; False when it was removed before, or never was."""
        ...

    def fit_cap(self, cap: Cap, now_ms: int) -> bool:
        """Bring the windows that run down to a cap's limit; False while workers have borrowed what is beyond it."""
        ...


class SubAccounts:
    """The use cases of sub-accounts. Errors are CommandRefused with a sentence, NotThere where nothing has the id."""

    def __init__(
        self,
        store: SubAccountRows,
        ids: Ids,
        key_prefix: Callable[[Account], str],
        *,
        now_ms: Callable[[], int] = clock.now_ms,
        pause: Pause = sleep,
    ) -> None:
        """Work on `store`; `ids` may be shared between threads, and first keys begin with the prefix of their account."""
        self._store = store
        self._ids = ids
        self._key_prefix = key_prefix
        self._now_ms = now_ms
        self._pause = pause
        self._notary = Notary(ids.next, now_ms)

    def create(self, account_id: int, terms: SubAccountTerms, *, by: Actor = OPERATOR) -> OpenedSubAccount:
        """Make a sub-account with its cap, its limit and its first key, all or nothing."""
        account = self._store.account(account_id)
        if account is None:
            raise NotThere(f"there is no account {render_id(ACCOUNT, account_id)}")
        made = SubAccount(
            id=self._ids.next(),
            account_id=account_id,
            name=checked_name(terms.name),
            created_ms=self._now_ms(),
            external_ref=checked_ref(terms.external_ref),
            tag=checked_tag(terms.tag),
            models=checked_models(terms.models),
            monthly_cap_nanos=checked_limit(terms.monthly_cap_nanos),
            rpm=checked_rpm(terms.rpm),
        )
        made = msgspec.structs.replace(made, operator_set=_limited_after(made, {"models": made.models}, by))
        key, secret = self._first_key(made, self._key_prefix(account))
        cap = self._cap(made, by) if made.monthly_cap_nanos else None
        first_key = {"name": key.name, "sub_account": render_id(SUB_ACCOUNT, made.id)}
        entries = (
            self._note(by, "sub_account.create", made, _made_with(made)),
            self._notary.note(by, "key.create", account_id, render_id(KEY, key.id), first_key),
        )
        new = NewSubAccount(sub_account=made, key=key, cap=cap)
        if not self._store.add_sub_account(new, entries, count_max=SUB_ACCOUNTS_MAX):
            raise CommandRefused(f"an account has at most {SUB_ACCOUNTS_MAX} sub-accounts: remove one first")
        return OpenedSubAccount(made, key, secret)

    def list(self, account_id: int | None = None) -> tuple[SubAccount, ...]:
        """Return the sub-accounts of an account, or all, oldest first; not those that were removed."""
        return self._store.sub_accounts(account_id)

    def show(self, sub_account_id: int) -> SubAccount:
        """Return one sub-account of anybody's, removed or not."""
        found = self._store.sub_account(sub_account_id)
        if found is None:
            raise _no(sub_account_id)
        return found

    def find(self, account_id: int, sub_account_id: int) -> SubAccount:
        """Return a sub-account of this account that was not removed; any other is not there."""
        found = self._standing(sub_account_id)
        if found.account_id != account_id:
            raise _no(sub_account_id)
        return found

    def update(self, sub_account_id: int, changes: SubAccountChanges, *, by: Actor = OPERATOR) -> SubAccount:
        """Change what is given, from the next request on, in every worker; what is left out stays.

        Under another cap, what is spent stays spent.
        """
        found = self._standing(sub_account_id)
        changes = _checked(changes)
        capped = changes.monthly_cap_nanos is not UNSET
        cap = (
            self._cap(msgspec.structs.replace(found, monthly_cap_nanos=changes.monthly_cap_nanos), by)
            if capped
            else None
        )
        entry = self._note(by, "sub_account.update", found, _told(changes))
        told = {} if changes.models is UNSET else {"models": changes.models}
        changed = self._store.change_sub_account(
            found, changes, cap, entry, lambda found: _limited_after(found, told, by)
        )
        if changed is None:
            raise _no(sub_account_id)
        changed_to, standing = changed
        if standing is not None and standing != cap:
            ask_again(lambda: self._store.fit_cap(standing, self._now_ms()), self._pause)
        return changed_to

    def suspend(self, sub_account_id: int, *, by: Actor = OPERATOR) -> SubAccount:
        """Refuse the sub-account's keys from the next request on, in every worker."""
        return self._set_state(sub_account_id, SubAccountState.SUSPENDED, by)

    def resume(self, sub_account_id: int, *, by: Actor = OPERATOR) -> SubAccount:
        """Let the sub-account's keys spend again."""
        return self._set_state(sub_account_id, SubAccountState.ACTIVE, by)

    def remove(self, sub_account_id: int, *, by: Actor = OPERATOR) -> SubAccount:
        """Revoke a sub-account's keys and lift its limits for good; what it did and spent stays in the books."""
        found = self._standing(sub_account_id)
        entry = self._note(by, "sub_account.remove", found, {"name": found.name})
        if not self._store.remove_sub_account(sub_account_id, entry, entry.created_ms):
            raise _no(sub_account_id)
        return self.show(sub_account_id)

    def _standing(self, sub_account_id: int) -> SubAccount:
        found = self.show(sub_account_id)
        if found.removed_ms is not None:
            raise _no(sub_account_id)
        return found

    def _set_state(self, sub_account_id: int, state: SubAccountState, by: Actor) -> SubAccount:
        found = self._standing(sub_account_id)
        suspended = {"suspended": state is SubAccountState.SUSPENDED}
        if found.state is state and by.side is SetBy.ACCOUNT:
            return found
        entry = self._note(by, "sub_account.update", found, {"state": state.value})
        found = msgspec.structs.replace(found, state=state)
        if not self._store.set_sub_account_state(found, entry, lambda found: _limited_after(found, suspended, by)):
            raise _no(sub_account_id)
        return self.show(sub_account_id)

    def _first_key(self, sub_account: SubAccount, prefix: str) -> tuple[KeyView, str]:
        secret = make_secret(prefix)
        key = KeyView(
            id=self._ids.next(),
            account_id=sub_account.account_id,
            name=sub_account.name,
            hint=secret.hint,
            created_ms=sub_account.created_ms,
            sub_account_id=sub_account.id,
            digest=secret.digest,
        )
        return key, secret.text

    def _cap(self, sub_account: SubAccount, by: Actor) -> Cap:
        """Return the cap on what a sub-account spends in a month; zero is to lift the one that is there."""
        return Cap(
            id=self._ids.next(),
            account_id=sub_account.account_id,
            scope=CapScope.SUB_ACCOUNT,
            subject=str(sub_account.id),
            span=CapSpan.MONTH,
            limit_nanos=sub_account.monthly_cap_nanos,
            alert_ppm=ALERT_PPM,
            created_ms=self._now_ms(),
            set_by=by.side,
        )

    def _note(self, by: Actor, action: str, sub_account: SubAccount, set_to: Mapping[str, object]) -> AuditEntry:
        name = render_id(SUB_ACCOUNT, sub_account.id)
        return self._notary.note(by, action, sub_account.account_id, name, set_to)


def checked_ref(reference: str | None) -> str | None:
    """Return what its owner calls a sub-account elsewhere; raises CommandRefused when it is too long or not printable."""
    if not reference:
        return None
    if len(reference) > REF_CHARS_MAX or not reference.isprintable():
        raise CommandRefused(f"an external reference has at most {REF_CHARS_MAX} printable characters")
    return reference


def checked_tag(tag: str | None) -> str | None:
    """Return a tag as a request could carry it; raises CommandRefused for any other. Empty is none."""
    tag = (tag or "").strip()
    if not tag.isprintable() or len(tag.encode()) > TAG_BYTES_MAX:
        raise CommandRefused(f"a tag has at most {TAG_BYTES_MAX} bytes of printable text")
    return tag or None


def checked_rpm(rpm: int | None) -> int | None:
    """Return a limit of requests a minute, None for none; raises CommandRefused when it is below zero or too large."""
    if rpm is not None and not 0 <= rpm <= REQUESTS_MAX:
        raise CommandRefused(f"a limit of {rpm} requests a minute is not one of 1 to {REQUESTS_MAX}, or 0 for none")
    return rpm or None


def _checked(changes: SubAccountChanges) -> SubAccountChanges:
    """Return the changes, each as it may be kept."""
    checks: dict[str, Callable[[Any], object]] = {
        "name": checked_name,
        "external_ref": checked_ref,
        "monthly_cap_nanos": checked_limit,
        "rpm": checked_rpm,
        "tag": checked_tag,
        "models": checked_models,
    }
    return msgspec.structs.replace(changes, **{name: checks[name](value) for name, value in changes.told.items()})


def _made_with(made: SubAccount) -> dict[str, object]:
    """Return what the audit trail keeps of what a sub-account was made with: whatever is not as by itself."""
    given = {
        "name": made.name,
        "external_ref": made.external_ref,
        "monthly_cap": made.monthly_cap_nanos and render_amount(made.monthly_cap_nanos),
        "rpm": made.rpm,
        "tag": made.tag,
        "models": made.models,
    }
    return {name: value for name, value in given.items() if value}


def _told(changes: SubAccountChanges) -> dict[str, object]:
    """Return what the audit trail keeps of what was set."""
    told = changes.told
    if "monthly_cap_nanos" in told:
        told["monthly_cap"] = render_amount(int(str(told.pop("monthly_cap_nanos"))))
    return told


def _limited_after(found: SubAccount, told: Mapping[str, object], by: Actor) -> tuple[str, ...]:
    now = {"models": found.models, "suspended": found.state is SubAccountState.SUSPENDED}
    name = f"sub-account {render_id(SUB_ACCOUNT, found.id)}"
    return limited_after(found.operator_set, told, now=now, side=by.side, of=name)


def _no(sub_account_id: int) -> NotThere:
    return NotThere(f"there is no sub-account {render_id(SUB_ACCOUNT, sub_account_id)}")
