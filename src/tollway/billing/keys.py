"""API keys: made once, shown once, revoked for good. Only their SHA-256 is ever stored. Knows no SQL."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.access.cap_rules import standing_rules
from tollway.access.caps import Cap, SubAccount
from tollway.access.key_view import KeyView
from tollway.access.packages import PackageUse, is_over
from tollway.access.principal import BillingMode, Principal, ShownCosts, Unsupported
from tollway.access.terms import CapRule, CapScope, CapSpan, PackageUnit
from tollway.billing.accounts import Ids, checked_name
from tollway.billing.audit import Notary
from tollway.billing.caps import ALERT_PPM, checked_limit
from tollway.billing.products import checked_model
from tollway.billing.views import view_key
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, KEY, PACKAGE, SUB_ACCOUNT, render_id
from tollway.ledger.records import Account
from tollway.money import render_amount

SECRET_BYTES = 32
"""256 random bits: not to be guessed, so that one fast hash suffices."""
HINT_CHARS = 4
EXPIRES_MS_MAX = 253_402_300_799_999
"""The end of the year 9999 (UTC): a later time cannot be shown."""


def new_secret(prefix: str) -> str:
    """Return the text of a new key: the prefix and 256 random bits in url-safe base64."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def key_digest(secret: str) -> bytes:
    """Return what is stored of a key: the SHA-256 of its whole text."""
    return hashlib.sha256(secret.encode()).digest()


class KeyTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a key to be made may do, what it spends, and how much of it."""

    models: tuple[str, ...] = ()
    """Model ids it may use, exact or ending in `*`; empty means all."""
    expires_ms: int | None = None
    """None is never."""
    sub_account_id: int | None = None
    billing: BillingMode = BillingMode.PAYG
    package_id: int | None = None
    """The package that it spends, in package mode."""
    daily_cap_nanos: int = 0
    """Zero is none."""
    monthly_cap_nanos: int = 0
    """Zero is none."""
    unsupported: Unsupported = Unsupported.DROPPED
    costs: ShownCosts = ShownCosts.SHOWN


ON_BALANCE = KeyTerms()
"""A key that spends its account's balance, without caps of its own."""

AUDITED = ("name", "sub_account", "billing", "package", "models", "unsupported", "costs", "expires")
"""What the audit trail keeps of a key."""


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

    def add_key(self, key: KeyView, caps: Sequence[Cap], entry: AuditEntry) -> None:
        """Write a key with its digest and its caps."""
        ...

    def key(self, key_id: int) -> KeyView | None:
        """Read one key, revoked or not."""
        ...

    def keys(self, account_id: int | None) -> tuple[KeyView, ...]:
        """Read the keys of an account, or all, oldest first."""
        ...

    def principal(self, key_id: int) -> Principal | None:
        """Read what a key stands for, as admission sees it; None when there is no such key, or it was revoked."""
        ...

    def revoke_key(self, key_id: int, revoked_ms: int, entry: AuditEntry) -> KeyView | None:
        """Revoke a key; None, and nothing changed, when there is no such key that is not revoked."""
        ...


class Keys:
    """The use cases of API keys. Errors are CommandRefused with a sentence."""

    def __init__(self, store: KeyRows, ids: Ids, key_prefix: str, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Make keys that begin with the brand's `key_prefix`."""
        self._store = store
        self._ids = ids
        self._prefix = key_prefix
        self._now_ms = now_ms
        self._notary = Notary(ids.next, now_ms)

    def create(
        self, account_id: int, name: str, terms: KeyTerms = ON_BALANCE, *, by: Actor = OPERATOR
    ) -> tuple[KeyView, str]:
        """Make a key with its caps; return what may be shown of it and, this once, its text."""
        name = checked_name(name)
        now_ms = self._now_ms()
        if self._store.account(account_id) is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        self._check_sub_account(account_id, terms.sub_account_id)
        self._check_package(account_id, terms, now_ms)
        secret = new_secret(self._prefix)
        key = KeyView(
            id=self._ids.next(),
            account_id=account_id,
            name=name,
            hint=f"{secret[: len(self._prefix) + HINT_CHARS]}...{secret[-HINT_CHARS:]}",
            models=tuple(checked_model(model) for model in terms.models),
            expires_ms=checked_expiry(terms.expires_ms, now_ms=now_ms),
            created_ms=now_ms,
            sub_account_id=terms.sub_account_id,
            billing=terms.billing,
            package_id=terms.package_id,
            unsupported=terms.unsupported,
            costs=terms.costs,
            digest=key_digest(secret),
        )
        caps = self._caps(key, terms)
        entry = self._notary.note(by, "key.create", account_id, render_id(KEY, key.id), set_of(key, caps))
        self._store.add_key(key, caps, entry)
        return key, secret

    def list(self, account_id: int | None = None) -> tuple[KeyView, ...]:
        """Return the keys of an account, or all, oldest first."""
        return self._store.keys(account_id)

    def show(self, key_id: int) -> KeyView:
        """Return one key."""
        key = self._store.key(key_id)
        if key is None:
            raise CommandRefused(f"there is no key {render_id(KEY, key_id)}")
        return key

    def limits(self, key_id: int) -> tuple[CapRule, ...]:
        """Return every cap that limits what a key spends, those of each tag and each end user included.

        Caps on a tag or end user by name are left out: there may be thousands, and each holds for few requests.
        """
        principal = self._store.principal(key_id)
        return () if principal is None else standing_rules(principal)

    def revoke(self, key_id: int, *, by: Actor = OPERATOR) -> KeyView:
        """Refuse a key for good, from the next request on, in every worker; one that was revoked stays as it is."""
        key = self.show(key_id)
        entry = self._notary.note(by, "key.revoke", key.account_id, render_id(KEY, key_id), {"name": key.name})
        return self._store.revoke_key(key_id, entry.created_ms, entry) or self.show(key_id)

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
        package = use.package
        if is_over(package, now_ms=now_ms):
            raise CommandRefused(f"package {package.name} ({name}) is over: buy another one")
        if package.unit is PackageUnit.TOKENS and (terms.daily_cap_nanos or terms.monthly_cap_nanos):
            raise CommandRefused("a key that spends a package of tokens costs no money: the package is its limit")

    def _caps(self, key: KeyView, terms: KeyTerms) -> tuple[Cap, ...]:
        limits = ((CapSpan.DAY, terms.daily_cap_nanos), (CapSpan.MONTH, terms.monthly_cap_nanos))
        return tuple(
            Cap(
                id=self._ids.next(),
                account_id=key.account_id,
                scope=CapScope.KEY,
                subject=str(key.id),
                span=span,
                limit_nanos=limit_nanos,
                alert_ppm=ALERT_PPM,
                created_ms=key.created_ms,
            )
            for span, limit_nanos in limits
            if checked_limit(limit_nanos)
        )


def checked_expiry(expires_ms: int | None, *, now_ms: int) -> int | None:
    """Return a time at which a key may expire; raises CommandRefused for one that is over, or cannot be shown."""
    if expires_ms is not None and expires_ms <= now_ms:
        raise CommandRefused("a key must expire in the future")
    if expires_ms is not None and expires_ms > EXPIRES_MS_MAX:
        raise CommandRefused("a key must expire before the year 10000 (UTC): leave the expiry out")
    return expires_ms


def set_of(key: KeyView, caps: Sequence[Cap]) -> dict[str, object]:
    """Return what the audit trail keeps of what a key was made with: whatever is not as by itself."""
    shown = view_key(key)
    kept = {name: shown[name] for name in AUDITED if shown[name]}
    return kept | {f"{cap.span}_cap": render_amount(cap.limit_nanos) for cap in caps}
