"""API keys: made once, shown once, changed, rotated, revoked for good. Only their SHA-256 is ever stored. Knows no SQL."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.access.cap_rules import standing_rules
from tollway.access.caps import Cap, SubAccount
from tollway.access.key_view import KeyChange, KeyState, KeyView
from tollway.access.kinds import KeyKind
from tollway.access.limits import RateLimits, RateRule
from tollway.access.packages import PackageUse, is_over
from tollway.access.principal import BillingMode, Principal
from tollway.access.setters import limited_after
from tollway.access.terms import EACH, CapRule, CapSpan, PackageUnit
from tollway.billing.accounts import Ids, checked_name
from tollway.billing.audit import Notary
from tollway.billing.calling_in import Pause, ask_again, sleep
from tollway.billing.key_secrets import HINT_CHARS, key_digest, make_secret, new_secret
from tollway.billing.key_terms import (
    EXPIRES_MS_MAX,
    ON_BALANCE,
    KeyTerms,
    caps_of,
    changed_to,
    checked_key_change,
    checked_terms,
    limits_of,
    limits_told,
    set_of,
)
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, KEY, PACKAGE, SUB_ACCOUNT, render_id
from tollway.ledger.records import Account

__all__ = (
    "EXPIRES_MS_MAX",
    "HINT_CHARS",
    "ON_BALANCE",
    "OVERLAP_MS",
    "OVERLAP_MS_MAX",
    "KeyRows",
    "KeyTerms",
    "Keys",
    "key_digest",
    "new_secret",
    "set_of",
)

HOUR_MS = 3_600_000
OVERLAP_MS = 24 * HOUR_MS
"""How long the text before a rotation works beside the new one, unless something else is said."""
OVERLAP_MS_MAX = 30 * 24 * HOUR_MS
"""Longer is no rotation, but two keys."""

Prefix = Callable[[Account], str]
"""Return what the keys of an account begin with: that of its brand."""


class KeyRows(Protocol):
    """What keys want from the store; every call is one transaction, with effect on the next request in every worker."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def sub_account(self, sub_account_id: int) -> SubAccount | None:
        """Read one sub-account."""
        ...

    def package(self, package_id: int) -> PackageUse | None:
        """Read one package."""
        ...

    def add_key(self, key: KeyView, caps: Sequence[Cap], entry: AuditEntry, limits: RateLimits) -> None:
        """Write a key with its digest, its caps and its limits."""
        ...

    def key(self, key_id: int) -> KeyView | None:
        """Read one key, revoked or not."""
        ...

    def key_of_digest(self, digest: bytes) -> KeyView | None:
        """Read the key with a digest, revoked or not, also under that before its last rotation."""
        ...

    def keys(self, account_id: int | None) -> tuple[KeyView, ...]:
        """Read the keys of an account, or all, oldest first."""
        ...

    def principal(self, key_id: int) -> Principal | None:
        """Read what a key stands for, as admission sees it; None when there is no such key, or it was revoked."""
        ...

    def update_key(
        self,
        key: KeyView,
        change: KeyChange,
        caps: Sequence[Cap],
        entry: AuditEntry,
        limited_after: Callable[[KeyView], Sequence[str]],
    ) -> tuple[KeyView, tuple[Cap, ...]] | None:
        """Change a key, its caps (zero lifts) and its limits; return it with the caps that were there and were changed.

        `limited_after` says what the operator will have limited of the key as it stands now, or raises. None, and nothing
        changed, when it was revoked.
        """
        ...

    def fit_cap(self, cap: Cap, now_ms: int) -> bool:
        """Bring the windows that run down to a cap's limit; False while workers have borrowed what is beyond it."""
        ...

    def rotate_key(self, key: KeyView, old_expires_ms: int | None, entry: AuditEntry) -> KeyView | None:
        """Give a key the digest and hint of `key`; its old digest works until then, or not at all where that is None.

        None, and nothing changed, when it was revoked.
        """
        ...

    def revoke_key(self, key_id: int, revoked_ms: int, entry: AuditEntry) -> KeyView | None:
        """Revoke a key; None, and nothing changed, when there is no such key that is not revoked."""
        ...

    def kind_of(self, digest: bytes) -> KeyKind | None:
        """Read what kind of key has a digest, whether it is valid or not; None when none has."""
        ...


class Keys:
    """The use cases of API keys. Errors are CommandRefused with a sentence."""

    def __init__(
        self,
        store: KeyRows,
        ids: Ids,
        prefix: Prefix,
        *,
        now_ms: Callable[[], int] = clock.now_ms,
        pause: Pause = sleep,
    ) -> None:
        """Make keys that begin with the `prefix` of their account."""
        self._store = store
        self._ids = ids
        self._prefix = prefix
        self._now_ms = now_ms
        self._pause = pause
        self._notary = Notary(ids.next, now_ms)

    def create(
        self, account_id: int, name: str, terms: KeyTerms = ON_BALANCE, *, by: Actor = OPERATOR
    ) -> tuple[KeyView, str]:
        """Make a key with its caps and limits; return what may be shown of it and, this once, its text."""
        name = checked_name(name)
        now_ms = self._now_ms()
        account = self._account(account_id)
        terms = checked_terms(terms, now_ms=now_ms)
        self._check_sub_account(account_id, terms.sub_account_id)
        self._check_package(account_id, terms, now_ms)
        secret = make_secret(self._prefix(account))
        key = KeyView(
            id=self._ids.next(),
            account_id=account_id,
            name=name,
            hint=secret.hint,
            models=terms.models,
            routes=terms.routes,
            networks=terms.networks,
            expires_ms=terms.expires_ms,
            created_ms=now_ms,
            sub_account_id=terms.sub_account_id,
            billing=terms.billing,
            package_id=terms.package_id,
            unsupported=terms.unsupported,
            costs=terms.costs,
            digest=secret.digest,
        )
        limits = limits_of(key)
        set_by_operator = limited_after((), limits, now=limits, side=by.side, of="a key that is made")
        key = msgspec.structs.replace(key, operator_set=set_by_operator)
        given = {span: limit_nanos for span, limit_nanos in terms.caps.items() if limit_nanos}
        caps = caps_of(key, given, self._ids.next, now_ms=now_ms, set_by=by.side)
        entry = self._note(by, "key.create", key, set_of(key, caps, terms.limits))
        self._store.add_key(key, caps, entry, terms.limits)
        return key, secret.text

    def list(self, account_id: int | None = None) -> tuple[KeyView, ...]:
        """Return the keys of an account, or all, oldest first."""
        return self._store.keys(account_id)

    def show(self, key_id: int) -> KeyView:
        """Return one key."""
        key = self._store.key(key_id)
        if key is None:
            raise NotThere(f"there is no key {render_id(KEY, key_id)}")
        return key

    def find(self, digest: bytes) -> KeyView | None:
        """Return the key with a digest, revoked or not, also under that before its last rotation."""
        return self._store.key_of_digest(digest)

    def state(self, key: KeyView) -> KeyState:
        """Return whether a key works now, as far as it alone can tell."""
        return key.state(now_ms=self._now_ms())

    def limits(self, key_id: int) -> tuple[CapRule, ...]:
        """Return every cap that limits what a key spends, those of each tag and each end user included.

        Caps on a tag or end user by name are left out: there may be thousands, and each holds for few requests.
        """
        principal = self._store.principal(key_id)
        return () if principal is None else standing_rules(principal)

    def rates(self, key_id: int) -> tuple[RateRule, ...]:
        """Return every limit of the rate at which a key may ask, that of each end user included.

        Those for an end user by name are left out, as with caps.
        """
        principal = self._store.principal(key_id)
        if principal is None:
            return ()
        each = principal.terms.end_user_limits.get(EACH)
        return principal.limits + principal.terms.limits + (() if each is None else (each,))

    def update(self, key_id: int, change: KeyChange, *, by: Actor = OPERATOR) -> KeyView:
        """Change what a key may do, from the next request on, in every worker; what is left out stays.

        With another cap, what is spent stays spent. A disabled key is refused until it is enabled again.
        """
        now_ms = self._now_ms()
        change = checked_key_change(change, now_ms=now_ms)
        key = self._unrevoked(key_id)
        if key.package_id is not None:
            _check_spends_money(self._store.package(key.package_id), change.caps)
        caps = caps_of(key, change.caps, self._ids.next, now_ms=now_ms, set_by=by.side)
        entry = self._note(by, "key.update", key, changed_to(change))
        told, name = limits_told(change), f"key {render_id(KEY, key_id)}"

        def limited(found: KeyView) -> Sequence[str]:
            return limited_after(found.operator_set, told, now=limits_of(found), side=by.side, of=name)

        changed = self._store.update_key(key, change, caps, entry, limited)
        if changed is None:
            raise _revoked(key_id)
        updated, standing = changed
        for cap in standing:
            self._fit(cap)
        return updated

    def rotate(self, key_id: int, overlap_ms: int = OVERLAP_MS, *, by: Actor = OPERATOR) -> tuple[KeyView, str]:
        """Give a key another text; return what may be shown of it and, this once, the text.

        It keeps its id, limits and history. The text of before works for `overlap_ms` more (at zero, it dies at once);
        the one before that dies now.
        """
        if not 0 <= overlap_ms <= OVERLAP_MS_MAX:
            raise CommandRefused(f"the old text of a key works for 0 to {OVERLAP_MS_MAX // HOUR_MS} hours more")
        now_ms = self._now_ms()
        key = self._unrevoked(key_id)
        if key.state(now_ms=now_ms) is KeyState.EXPIRED:
            raise CommandRefused(f"key {render_id(KEY, key_id)} has expired: give it another expiry first")
        secret = make_secret(self._prefix(self._account(key.account_id)))
        rotated = msgspec.structs.replace(key, hint=secret.hint, digest=secret.digest)
        entry = self._note(by, "key.rotate", key, {"old_hint": key.hint, "overlap_s": overlap_ms // 1000})
        found = self._store.rotate_key(rotated, now_ms + overlap_ms if overlap_ms else None, entry)
        if found is None:
            raise _revoked(key_id)
        return found, secret.text

    def revoke(self, key_id: int, *, by: Actor = OPERATOR) -> KeyView:
        """Refuse a key for good, from the next request on, in every worker; one that was revoked stays as it is."""
        key = self.show(key_id)
        entry = self._note(by, "key.revoke", key, {"name": key.name})
        return self._store.revoke_key(key_id, entry.created_ms, entry) or self.show(key_id)

    def kind_of(self, text: str) -> KeyKind | None:
        """Return what kind of key has a text, whether it is valid or not; None when none has."""
        return self._store.kind_of(key_digest(text))

    def _note(self, by: Actor, action: str, key: KeyView, set_to: dict[str, object]) -> AuditEntry:
        return self._notary.note(by, action, key.account_id, render_id(KEY, key.id), set_to)

    def _account(self, account_id: int) -> Account:
        account = self._store.account(account_id)
        if account is None:
            raise NotThere(f"there is no account {render_id(ACCOUNT, account_id)}")
        return account

    def _unrevoked(self, key_id: int) -> KeyView:
        key = self.show(key_id)
        if key.revoked_ms is not None:
            raise _revoked(key_id)
        return key

    def _fit(self, cap: Cap) -> None:
        ask_again(lambda: self._store.fit_cap(cap, self._now_ms()), self._pause)

    def _check_sub_account(self, account_id: int, sub_account_id: int | None) -> None:
        if sub_account_id is None:
            return
        sub_account = self._store.sub_account(sub_account_id)
        if sub_account is None or sub_account.account_id != account_id or sub_account.removed_ms is not None:
            raise CommandRefused(f"the account has no sub-account {render_id(SUB_ACCOUNT, sub_account_id)}")

    def _check_package(self, account_id: int, terms: KeyTerms, now_ms: int) -> None:
        if terms.billing is BillingMode.PAYG:
            if terms.package_id is not None:
                raise CommandRefused("a key that spends a package has the billing mode package: say so")
            return
        if terms.package_id is None:
            raise CommandRefused("name the package that the key is to spend")
        name = render_id(PACKAGE, terms.package_id)
        use = self._store.package(terms.package_id)
        if use is None or use.package.account_id != account_id:
            raise CommandRefused(f"the account has no package {name}")
        if is_over(use.package, now_ms=now_ms):
            raise CommandRefused(f"package {use.package.name} ({name}) is over: buy another one")
        _check_spends_money(use, terms.caps)


def _check_spends_money(use: PackageUse | None, caps: Mapping[CapSpan, int]) -> None:
    """Refuse caps on a key whose package is its limit."""
    if use is not None and use.package.unit is PackageUnit.TOKENS and any(caps.values()):
        raise CommandRefused("a key that spends a package of tokens costs no money: the package is its limit")


def _revoked(key_id: int) -> CommandRefused:
    return CommandRefused(f"key {render_id(KEY, key_id)} was revoked, and that is for good: make another one")
