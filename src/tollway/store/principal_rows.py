"""Who is behind a key, in SQL: the key, its account's terms, its caps and its package, read together. Knows no connection.

The statements take lists, so that a database across the network answers for many keys in one go.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BindParameter, Select, bindparam, select

from tollway.access.cap_rules import own_rules
from tollway.access.caps import SubAccountState
from tollway.access.packages import ModelRatio
from tollway.access.principal import BillingMode, Principal, ShownCosts, Unsupported
from tollway.access.terms import EACH, NO_TERMS, AccountTerms, CapRule, CapScope, CapSpan, PackageTerms, PackageUnit
from tollway.ledger.records import AccountState
from tollway.store.tables import accounts, caps, keys, packages, sub_accounts

OF_ONE_KEY = [CapScope.KEY.value, CapScope.SUB_ACCOUNT.value]
"""Scopes whose subject is an id of the account's own, or EACH: read with the keys, the others with the account."""
SCOPES = {scope.value: scope for scope in CapScope}
SPANS = {span.value: span for span in CapSpan}
OF_ALL_KEYS = [scope.value for scope in CapScope if scope.value not in OF_ONE_KEY]


class Query(NamedTuple):
    """A statement, and the names of the lists that it takes, in the order in which they stand in it."""

    statement: Select[*tuple[Any, ...]]
    lists: tuple[str, ...]


Fetch = Callable[..., Sequence[Sequence[Any]]]
"""Run a Query with its lists; return its rows."""


def _among(name: str) -> BindParameter[Any]:
    return bindparam(name, value=[None], expanding=True)


_OWN: BindParameter[Any] = bindparam("own", value=OF_ONE_KEY, expanding=True, literal_execute=True)
_SHARED: BindParameter[Any] = bindparam("shared", value=OF_ALL_KEYS, expanding=True, literal_execute=True)
_RULE = (caps.c.id, caps.c.scope, caps.c.subject, caps.c.window, caps.c.limit_nanos, caps.c.alert_ppm)

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
    )
    .select_from(
        keys.join(accounts, accounts.c.id == keys.c.account_id).outerjoin(
            sub_accounts, sub_accounts.c.id == keys.c.sub_account_id
        )
    )
    .where(keys.c.revoked_ms.is_(None), keys.c.digest.in_(_among("digests"))),
    ("digests",),
)
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
QUERIES = (KEYS, TERMS, ACCOUNT_CAPS, OWN_CAPS, PACKAGES)


def read_principals(
    fetch: Fetch, digests: Sequence[bytes], terms: Mapping[int, AccountTerms]
) -> dict[bytes, Principal]:
    """Return the principals of those digests that belong to a key which is not revoked.

    `terms` are those of accounts read before: all keys of an account share one object.
    """
    found = fetch(KEYS, digests)
    if not found:
        return {}
    owners = {row[2] for row in found}
    # One by one: a difference of sets would look at every account that is remembered, 5 ms for 100,000.
    new = sorted(owner for owner in owners if owner not in terms)
    read = _read_terms(fetch, new) if new else {}
    own_caps = _read_own_caps(fetch, sorted(owners), found)
    bought = _read_packages(fetch, sorted({row[5] for row in found if row[5] is not None}))
    principals: dict[bytes, Principal] = {}
    for (
        digest,
        key_id,
        account_id,
        sub_id,
        billing,
        package_id,
        models,
        expires_ms,
        state,
        currency,
        sub_state,
        unsupported,
        costs,
    ) in found:
        mine = own_rules(own_caps[account_id, CapScope.KEY], str(key_id))
        if sub_id is not None:
            mine += own_rules(own_caps[account_id, CapScope.SUB_ACCOUNT], str(sub_id))
        principals[bytes(digest)] = Principal(
            key_id=key_id,
            account_id=account_id,
            sub_account_id=sub_id,
            billing=BillingMode(billing),
            package=None if package_id is None else bought[package_id],
            models=tuple(models.split(",")) if models else (),
            expires_ms=expires_ms,
            account_suspended=state == AccountState.SUSPENDED,
            sub_account_suspended=sub_state == SubAccountState.SUSPENDED,
            currency=currency,
            unsupported=Unsupported(unsupported),
            costs=ShownCosts(costs),
            caps=mine,
            terms=read[account_id] if account_id in read else terms[account_id],
        )
    return principals


def _read_terms(fetch: Fetch, account_ids: Sequence[int]) -> dict[int, AccountTerms]:
    rules: defaultdict[int, list[CapRule]] = defaultdict(list)
    for account_id, *rule in fetch(ACCOUNT_CAPS, account_ids):
        rules[account_id].append(_rule(rule))
    terms: dict[int, AccountTerms] = {}
    for account_id, fee_ppm, price_ppm in fetch(TERMS, account_ids):
        mine = rules.get(account_id, [])
        read = AccountTerms(
            fee_ppm=fee_ppm,
            price_ppm=price_ppm,
            caps=tuple(rule for rule in mine if rule.scope is CapScope.ACCOUNT),
            tag_caps=_by_subject(mine, CapScope.TAG),
            end_user_caps=_by_subject(mine, CapScope.END_USER),
        )
        terms[account_id] = NO_TERMS if read == NO_TERMS else read
    return terms


def _read_own_caps(
    fetch: Fetch, account_ids: Sequence[int], found: Sequence[Sequence[Any]]
) -> defaultdict[tuple[int, CapScope], dict[str, tuple[CapRule, ...]]]:
    """Return the caps of the keys found and of their sub-accounts, by account and scope, and there by subject."""
    subjects = sorted({EACH, *(str(part) for row in found for part in (row[1], row[3]) if part is not None)})
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
    cap_id, scope, subject, span, limit_nanos, alert_ppm = row
    return CapRule(
        cap_id=cap_id,
        scope=SCOPES[scope],
        subject=subject,
        span=SPANS[span],
        limit_nanos=limit_nanos,
        alert_ppm=alert_ppm,
    )
