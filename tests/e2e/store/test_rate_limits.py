"""Limits of rates as accounts set them: for one thing or for each, changed in part, and read with the next request."""

import pytest

from tests.e2e.store.conftest import Tamper, tw
from tollway.access.audit import Actor, ActorKind, AuditQuery
from tollway.access.limits import LimitScope, RateChange, RateRule
from tollway.billing.accounts import Accounts
from tollway.billing.audit import Audit
from tollway.billing.key_secrets import key_digest
from tollway.billing.keys import Keys, KeyTerms
from tollway.billing.rate_limits import (
    NAMED_LIMITS_MAX,
    LimitTarget,
    RateLimitRules,
    parse_limit_target,
    subject_name,
    view_limit,
)
from tollway.billing.sub_accounts import SubAccounts, SubAccountTerms
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, IdError, render_id
from tollway.ledger.records import Account
from tollway.store.store import Store

ROBOT = Actor(kind=ActorKind.ADMIN_KEY, id=5)


@pytest.fixture
def limits(store: Store) -> RateLimitRules:
    return RateLimitRules(store, store.ids())


@pytest.fixture
def keys(store: Store) -> Keys:
    return Keys(store, store.ids(), tw)


@pytest.fixture
def name(account: Account) -> str:
    return render_id(ACCOUNT, account.id)


def target_of(**named: str) -> LimitTarget:
    return parse_limit_target(**({"account": None, "key": None, "sub_account": None, "end_user": None} | named))


def test_limits_of_every_scope_are_found_with_the_key(
    store: Store, limits: RateLimitRules, keys: Keys, account: Account, name: str
) -> None:
    team = SubAccounts(store, store.ids(), tw).create(account.id, SubAccountTerms(name="T")).sub_account
    key, secret = keys.create(account.id, "k", KeyTerms(sub_account_id=team.id))
    key_name, team_name = render_id(KEY, key.id), render_id(SUB_ACCOUNT, team.id)
    directory = store.key_directory()
    assert directory.find(key_digest(secret)) is not None
    limits.set(target_of(account=name), RateChange(rpm=1))
    limits.set(target_of(account=name, key="*"), RateChange(rpm=2))
    limits.set(target_of(sub_account=team_name), RateChange(rpm=3))
    limits.set(target_of(account=name, end_user="*"), RateChange(rpm=4))
    limits.set(target_of(account=name, end_user="ann"), RateChange(rpm=5))
    principal = directory.find(key_digest(secret))
    assert principal is not None
    assert [(rule.scope, rule.subject, rule.rpm) for rule in principal.limits] == [
        (LimitScope.KEY, str(key.id), 2),
        (LimitScope.SUB_ACCOUNT, str(team.id), 3),
    ]
    assert [rule.rpm for rule in principal.terms.limits] == [1]
    assert {user: rule.rpm for user, rule in principal.terms.end_user_limits.items()} == {"*": 4, "ann": 5}
    assert [(subject_name(rule), rule.rpm) for rule in keys.rates(key.id)] == [
        (key_name, 2),
        (team_name, 3),
        (None, 1),
        ("*", 4),
    ]
    limits.set(target_of(key=key_name), RateChange(tpm=9))
    principal = directory.find(key_digest(secret))
    assert principal is not None
    assert [(rule.rpm, rule.tpm) for rule in principal.limits] == [(None, 9), (3, None)]
    listed = [view_limit(limit) for limit in limits.list(account.id)]
    assert [(view["scope"], view["subject"]) for view in listed] == [
        ("account", None),
        ("end_user", "*"),
        ("end_user", "ann"),
        ("key", "*"),
        ("key", key_name),
        ("sub_account", team_name),
    ]
    assert listed[0]["account"] == name
    directory.close()


def test_what_a_change_leaves_out_stays_and_nothing_left_is_no_limit(
    store: Store, limits: RateLimitRules, account: Account, name: str
) -> None:
    target = target_of(account=name)
    first = limits.set(target, RateChange(rpm=60, burst=10, tpm=1000, concurrency=5), by=ROBOT)
    assert first.rule == RateRule(scope=LimitScope.ACCOUNT, subject="", rpm=60, burst=10, tpm=1000, concurrency=5)
    second = limits.set(target, RateChange(rpm=0, burst=None, tpm=10**12))
    assert (second.rule.rpm, second.rule.burst, second.rule.tpm, second.rule.concurrency) == (None, None, 10**12, 5)
    assert [limit.rule for limit in limits.list()] == [second.rule]
    assert limits.set(target, RateChange(tpm=0, concurrency=0)).rule == RateRule(scope=LimitScope.ACCOUNT, subject="")
    assert limits.list() == ()
    limits.set(target, RateChange(rpm=7))
    assert limits.remove(target).rule.rpm == 7
    with pytest.raises(NotThere, match="no limit for this account"):
        limits.remove(target)
    trail = Audit(store).list(AuditQuery(resource_type="limit")).entries
    assert [entry.action for entry in reversed(trail)] == [*["limit.set"] * 4, "limit.remove"]
    assert trail[-1].actor == ROBOT
    assert (trail[-1].resource_id, trail[-1].metadata["tpm"]) == (name, 1000)
    assert trail[0].metadata == {"scope": "account", "subject": None}


def test_what_makes_no_sense_is_refused(
    limits: RateLimitRules, keys: Keys, accounts: Accounts, account: Account, name: str
) -> None:
    revoked, _ = keys.create(account.id, "gone")
    keys.revoke(revoked.id)
    other = render_id(ACCOUNT, accounts.create("Bo").id)
    mine = render_id(KEY, keys.create(account.id, "k")[0].id)
    nobody = "0000000000000001"
    change = RateChange(rpm=1)
    for wrong in (
        {},
        {"end_user": "ann"},
        {"key": "*"},
        {"account": name, "key": "*", "end_user": "ann"},
        {"account": name, "end_user": ""},
        {"account": name, "end_user": "x" * 257},
        {"account": name, "end_user": "a\nb"},
    ):
        with pytest.raises(CommandRefused):
            target_of(**wrong)
    for wrong in ({"key": "k"}, {"account": "me"}, {"sub_account": mine}):
        with pytest.raises(IdError):
            target_of(**wrong)
    for missing in (
        {"account": f"acct_{nobody}"},
        {"account": f"acct_{nobody}", "end_user": "*"},
        {"key": f"key_{nobody}"},
        {"key": render_id(KEY, revoked.id)},
        {"sub_account": f"sa_{nobody}"},
        {"account": other, "key": mine},
    ):
        with pytest.raises(NotThere, match="there is no "):
            limits.set(target_of(**missing), change)
    for bad in (RateChange(), RateChange(rpm=-1), RateChange(tpm=10**12 + 1), RateChange(burst=10**9 + 1)):
        with pytest.raises(CommandRefused):
            limits.set(target_of(account=name), bad)
    assert limits.list() == ()
    limits.set(target_of(account=name, key=mine), change)


def test_end_users_with_limits_of_their_own_are_bounded(
    limits: RateLimitRules, account: Account, name: str, tamper: Tamper
) -> None:
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {NAMED_LIMITS_MAX}) "
    columns = "account_id, scope, subject, rpm, created_ms"
    tamper(
        f"INSERT INTO rate_limits ({columns}) {numbers}"
        f"SELECT {account.id}, 'end_user', 'u' || CAST(i AS VARCHAR), 5, 0 FROM n"
    )
    with pytest.raises(CommandRefused, match=r"at most 10000 limits .* one of \* holds for each"):
        limits.set(target_of(account=name, end_user="one more"), RateChange(rpm=1))
    assert limits.set(target_of(account=name, end_user="u5"), RateChange(rpm=1)).rule.rpm == 1
    limits.set(target_of(account=name, end_user="*"), RateChange(rpm=1))
    assert len(limits.list(account.id)) == NAMED_LIMITS_MAX + 1
