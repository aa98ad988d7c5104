"""Who is behind a key, in SQL: the key, its account's terms, its caps and its package, read together. Knows no connection.

The statements take lists, so that a database across the network answers for many keys in one go.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BindParameter, Select, bindparam, or_, select

from tollway.access.cap_rules import own_rules
from tollway.access.caps import SubAccountState
from tollway.access.limit_rules import limit_of_one
from tollway.access.limits import LimitScope, RateRule
from tollway.access.own_providers import OwnProvider, ProviderAuth
from tollway.access.packages import ModelRatio
from tollway.access.principal import BillingMode, Principal, ShownCosts, Unsupported
from tollway.access.setters import SetBy
from tollway.access.terms import EACH, NO_TERMS, AccountTerms, CapRule, CapScope, CapSpan, PackageTerms, PackageUnit
from tollway.ledger.records import AccountState
from tollway.store.limit_rows import NAMES
from tollway.store.tables import account_providers, accounts, caps, keys, packages, rate_limits, sub_accounts

OF_ONE_KEY = [CapScope.KEY.value, CapScope.SUB_ACCOUNT.value]
"""Scopes whose subject is an id of the account's own, or EACH: read with the keys, the others with the account."""
SCOPES = {scope.value: scope for scope in CapScope}
SPANS = {span.value: span for span in CapSpan}
SIDES = {side.value: side for side in SetBy}
_OWN_LIMITS = [LimitScope.KEY.value, LimitScope.SUB_ACCOUNT.value]
_SHARED_LIMITS = [LimitScope.ACCOUNT.value, LimitScope.END_USER.value]
OF_ALL_KEYS = [scope.value for scope in CapScope if scope.value not in OF_ONE_KEY]


class Query(NamedTuple):
    """A statement, and the names of the lists that it takes, in the order in which they stand in it."""

    statement: Select[*tuple[Any, ...]]
    lists: tuple[str, ...]


class KeyRow(NamedTuple):
    """A row of KEYS, its columns in their order."""

    digest: bytes
    key_id: int
    account_id: int
    sub_id: int | None
    billing: str
    package_id: int | None
    models: str
    expires_ms: int | None
    state: str
    currency: str
    sub_state: str | None
    unsupported: str
    costs: str
    routes: str
    networks: str
    old_digest: bytes | None
    old_expires_ms: int | None
    sub_tag: str | None
    sub_models: str | None
    sub_removed_ms: int | None
    disabled_ms: int | None


Fetch = Callable[..., Sequence[Sequence[Any]]]
"""Run a Query with its lists; return its rows."""


def _among(name: str) -> BindParameter[Any]:
    return bindparam(name, value=[None], expanding=True)


_OWN: BindParameter[Any] = bindparam("own", value=OF_ONE_KEY, expanding=True, literal_execute=True)
_SHARED: BindParameter[Any] = bindparam("shared", value=OF_ALL_KEYS, expanding=True, literal_execute=True)
_RULE = (caps.c.id, caps.c.scope, caps.c.subject, caps.c.window, caps.c.limit_nanos, caps.c.alert_ppm, caps.c.set_by)
_LIMIT = (
    rate_limits.c.scope,
    rate_limits.c.subject,
    rate_limits.c.rpm,
    rate_limits.c.burst,
    rate_limits.c.tpm,
    rate_limits.c.concurrency,
    rate_limits.c.account_rpm,
)

KEYS = Query(
    select(
        keys.c.digest,
        keys.c.id,
        keys.c.account_id,
        keys.c.sub_account_id,
        keys.c.billing,
        keys.c.package_id,
        keys.c.models,
        keys.c.expires_ms,
        accounts.c.state,
        accounts.c.currency,
        sub_accounts.c.state,
        keys.c.unsupported,
        keys.c.costs,
        keys.c.routes,
        keys.c.networks,
        keys.c.old_digest,
        keys.c.old_expires_ms,
        sub_accounts.c.tag,
        sub_accounts.c.models,
        sub_accounts.c.removed_ms,
        keys.c.disabled_ms,
    )
    .select_from(
        keys.join(accounts, accounts.c.id == keys.c.account_id).outerjoin(
            sub_accounts, sub_accounts.c.id == keys.c.sub_account_id
        )
    )
    .where(keys.c.revoked_ms.is_(None))
    .where(or_(keys.c.digest.in_(_among("digests")), keys.c.old_digest.in_(_among("old_digests")))),
    ("digests", "old_digests"),
)
"""Both columns have an index, and SQLite and PostgreSQL use them for the two sides of the `OR`."""

TERMS = Query(
    select(accounts.c.id, accounts.c.fee_ppm, accounts.c.price_ppm).where(accounts.c.id.in_(_among("accounts"))),
    ("accounts",),
)
# Named scopes and no order: with either, SQLite would look through all caps of the account, such as those of its other
# keys, instead of the index that has them by account, scope and subject.
ACCOUNT_CAPS = Query(
    select(caps.c.account_id, *_RULE)
    .where(caps.c.removed_ms.is_(None), caps.c.scope.in_(_SHARED))
    .where(caps.c.account_id.in_(_among("accounts"))),
    ("accounts",),
)
OWN_CAPS = Query(
    select(caps.c.account_id, *_RULE)
    .where(caps.c.removed_ms.is_(None), caps.c.scope.in_(_OWN))
    .where(caps.c.account_id.in_(_among("accounts")), caps.c.subject.in_(_among("subjects"))),
    ("accounts", "subjects"),
)
PACKAGES = Query(
    select(packages.c.id, packages.c.name, packages.c.unit, packages.c.models, packages.c.expires_ms).where(
        packages.c.id.in_(_among("packages"))
    ),
    ("packages",),
)
LIMITS = Query(
    select(rate_limits.c.account_id, *_LIMIT)
    .where(rate_limits.c.account_id.in_(_among("accounts")))
    .where(
        rate_limits.c.scope.in_(bindparam("shared_limits", value=_SHARED_LIMITS, expanding=True, literal_execute=True))
    ),
    ("accounts",),
)
OWN_LIMITS = Query(
    select(rate_limits.c.account_id, *_LIMIT)
    .where(rate_limits.c.account_id.in_(_among("accounts")), rate_limits.c.subject.in_(_among("subjects")))
    .where(rate_limits.c.scope.in_(bindparam("own_limits", value=_OWN_LIMITS, expanding=True, literal_execute=True))),
    ("accounts", "subjects"),
)
PROVIDERS = Query(
    select(account_providers)
    .where(
        account_providers.c.removed_ms.is_(None),
        account_providers.c.enabled == bindparam("on", 1, literal_execute=True),
    )
    .where(account_providers.c.account_id.in_(_among("accounts"))),
    ("accounts",),
)
QUERIES = (KEYS, TERMS, ACCOUNT_CAPS, OWN_CAPS, PACKAGES, LIMITS, OWN_LIMITS, PROVIDERS)


def read_principals(
    fetch: Fetch, digests: Sequence[bytes], terms: Mapping[int, AccountTerms]
) -> dict[bytes, Principal]:
    """Return the principals of those digests that belong to a key which is not revoked.

    `terms` are those of accounts read before: all keys of an account share one object.
    """
    found = [KeyRow(*row) for row in fetch(KEYS, digests, digests)]
    if not found:
        return {}
    owners = {row.account_id for row in found}
    # One by one: a difference of sets would look at every account that is remembered, 5 ms for 100,000.
    new = sorted(owner for owner in owners if owner not in terms)
    read = _read_terms(fetch, new) if new else {}
    subjects = sorted({EACH, *(str(part) for row in found for part in (row.key_id, row.sub_id) if part is not None)})
    own_caps = _read_own_caps(fetch, sorted(owners), subjects)
    own_limits = _read_own_limits(fetch, sorted(owners), subjects)
    bought = _read_packages(fetch, sorted({row.package_id for row in found if row.package_id is not None}))
    principals: dict[bytes, Principal] = {}
    for row in found:
        mine = own_rules(own_caps[row.account_id, CapScope.KEY], str(row.key_id))
        limits = limit_of_one(own_limits[row.account_id, LimitScope.KEY], str(row.key_id))
        if row.sub_id is not None:
            mine += own_rules(own_caps[row.account_id, CapScope.SUB_ACCOUNT], str(row.sub_id))
            limits += limit_of_one(own_limits[row.account_id, LimitScope.SUB_ACCOUNT], str(row.sub_id))
        principal = Principal(
            key_id=row.key_id,
            account_id=row.account_id,
            sub_account_id=row.sub_id,
            billing=BillingMode(row.billing),
            package=None if row.package_id is None else bought[row.package_id],
            models=_texts(row.models),
            expires_ms=row.expires_ms,
            disabled=row.disabled_ms is not None,
            account_suspended=row.state == AccountState.SUSPENDED,
            sub_account_suspended=row.sub_state == SubAccountState.SUSPENDED or row.sub_removed_ms is not None,
            currency=row.currency,
            unsupported=Unsupported(row.unsupported),
            costs=ShownCosts(row.costs),
            routes=_texts(row.routes),
            networks=_texts(row.networks),
            tag=row.sub_tag,
            sub_account_models=_texts(row.sub_models or ""),
            caps=mine,
            limits=limits,
            terms=read[row.account_id] if row.account_id in read else terms[row.account_id],
        )
        principals |= _by_digest(row, principal, set(digests))
    return principals


def _by_digest(row: "KeyRow", principal: Principal, asked: set[bytes]) -> dict[bytes, Principal]:
    """Return the principal under each of its two secrets that was asked for; the old one works until its time."""
    found: dict[bytes, Principal] = {}
    digest, old = bytes(row.digest), None if row.old_digest is None else bytes(row.old_digest)
    if digest in asked:
        found[digest] = principal
    if old is not None and old in asked:
        ends = [at for at in (principal.expires_ms, row.old_expires_ms) if at is not None]
        found[old] = msgspec.structs.replace(principal, expires_ms=min(ends))
    return found


def _texts(listed: str) -> tuple[str, ...]:
    return tuple(listed.split(",")) if listed else ()


def _read_terms(fetch: Fetch, account_ids: Sequence[int]) -> dict[int, AccountTerms]:
    rules: defaultdict[int, list[CapRule]] = defaultdict(list)
    for account_id, *rule in fetch(ACCOUNT_CAPS, account_ids):
        rules[account_id].append(_rule(rule))
    limits: defaultdict[int, list[RateRule]] = defaultdict(list)
    for account_id, *limit in fetch(LIMITS, account_ids):
        limits[account_id].append(_limit(limit))
    providers: defaultdict[int, list[OwnProvider]] = defaultdict(list)
    for row in fetch(PROVIDERS, account_ids):
        provider = own_provider(row)
        providers[provider.account_id].append(provider)
    terms: dict[int, AccountTerms] = {}
    for account_id, fee_ppm, price_ppm in fetch(TERMS, account_ids):
        mine, fast = rules.get(account_id, []), limits.get(account_id, [])
        read = AccountTerms(
            fee_ppm=fee_ppm,
            price_ppm=price_ppm,
            caps=tuple(rule for rule in mine if rule.scope is CapScope.ACCOUNT),
            tag_caps=_by_subject(mine, CapScope.TAG),
            end_user_caps=_by_subject(mine, CapScope.END_USER),
            limits=tuple(rule for rule in fast if rule.scope is LimitScope.ACCOUNT),
            end_user_limits={rule.subject: rule for rule in fast if rule.scope is LimitScope.END_USER},
            providers=tuple(providers.get(account_id, ())),
        )
        terms[account_id] = NO_TERMS if read == NO_TERMS else read
    return terms


def _read_own_limits(
    fetch: Fetch, account_ids: Sequence[int], subjects: Sequence[str]
) -> defaultdict[tuple[int, LimitScope], dict[str, RateRule]]:
    """Return the limits of keys and of their sub-accounts, by account and scope, and there by subject."""
    own: defaultdict[tuple[int, LimitScope], dict[str, RateRule]] = defaultdict(dict)
    for account_id, *row in fetch(OWN_LIMITS, account_ids, subjects):
        rule = _limit(row)
        own[account_id, rule.scope][rule.subject] = rule
    return own


def _read_own_caps(
    fetch: Fetch, account_ids: Sequence[int], subjects: Sequence[str]
) -> defaultdict[tuple[int, CapScope], dict[str, tuple[CapRule, ...]]]:
    """Return the caps of keys and of their sub-accounts, by account and scope, and there by subject."""
    rules: defaultdict[tuple[int, CapScope], list[CapRule]] = defaultdict(list)
    for account_id, *row in fetch(OWN_CAPS, account_ids, subjects):
        rule = _rule(row)
        rules[account_id, rule.scope].append(rule)
    own: defaultdict[tuple[int, CapScope], dict[str, tuple[CapRule, ...]]] = defaultdict(dict)
    own.update({(account_id, scope): _by_subject(mine, scope) for (account_id, scope), mine in rules.items()})
    return own


def _read_packages(fetch: Fetch, package_ids: Sequence[int]) -> dict[int, PackageTerms]:
    rows = fetch(PACKAGES, package_ids) if package_ids else ()
    return {
        package_id: PackageTerms(
            package_id=package_id,
            name=name,
            unit=PackageUnit(unit),
            models=tuple((entry.model, entry.ratio_ppm) for entry in _decode_models(models)),
            expires_ms=expires_ms,
        )
        for package_id, name, unit, models, expires_ms in rows
    }


_decode_models = msgspec.json.Decoder(tuple[ModelRatio, ...]).decode


def _by_subject(rules: Sequence[CapRule], scope: CapScope) -> dict[str, tuple[CapRule, ...]]:
    by: dict[str, tuple[CapRule, ...]] = {}
    for rule in rules:
        if rule.scope is scope:
            by[rule.subject] = (*by.get(rule.subject, ()), rule)
    return by


def _rule(row: Sequence[Any]) -> CapRule:
    cap_id, scope, subject, span, limit_nanos, alert_ppm, set_by = row
    return CapRule(
        cap_id=cap_id,
        scope=SCOPES[scope],
        subject=subject,
        span=SPANS[span],
        limit_nanos=limit_nanos,
        alert_ppm=alert_ppm,
        set_by=SIDES[set_by],
    )


def _limit(row: Sequence[Any]) -> RateRule:
    scope, subject, *rates = row
    return RateRule(scope=LimitScope(scope), subject=subject, **dict(zip(NAMES, rates, strict=True)))


def own_provider(row: Sequence[Any]) -> OwnProvider:
    """Return a row of `account_providers`, its columns in their order, as a value."""
    id_, account_id, name, preset, base_url, auth, sealed, hint, is_default, enabled, created_ms, removed_ms = row
    return OwnProvider(
        id=id_,
        account_id=account_id,
        name=name,
        preset=preset,
        base_url=base_url,
        auth=ProviderAuth(auth),
        sealed_key=None if sealed is None else bytes(sealed),
        key_hint=hint,
        is_default=bool(is_default),
        enabled=bool(enabled),
        created_ms=created_ms,
        removed_ms=removed_ms,
    )
