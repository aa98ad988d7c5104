"""Sub-accounts on each kind of database: made with a key and limits in one go, changed, removed, and told in the trail."""

import hashlib
from datetime import UTC
from typing import Any

import msgspec
import pytest

from tests.e2e.store.conftest import Meanwhile, tw
from tollway.access.audit import OPERATOR, Actor, ActorKind, AuditQuery
from tollway.access.caps import SubAccountChanges, SubAccountState
from tollway.access.limits import LimitScope, RateRule
from tollway.access.principal import Principal
from tollway.access.terms import CapScope, CapSpan
from tollway.billing import sub_accounts as module
from tollway.billing.accounts import Accounts
from tollway.billing.audit import Audit
from tollway.billing.caps import Caps, CapTarget
from tollway.billing.keys import Keys, KeyTerms
from tollway.billing.sub_accounts import SubAccounts, SubAccountTerms
from tollway.billing.terms_views import view_sub_account
from tollway.errors import CommandRefused, NotThere, OnlyTheOperator
from tollway.ids import SUB_ACCOUNT, render_id
from tollway.ledger.records import Account
from tollway.store.store import Store

ROBOT = Actor(kind=ActorKind.ADMIN_KEY, id=77, ip="192.0.2.7")
OWNER = Actor(kind=ActorKind.MANAGEMENT_KEY, id=6)
EVERYTHING = SubAccountTerms(
    name="customer 7",
    external_ref="crm/7",
    monthly_cap_nanos=5_000,
    rpm=60,
    tag="nightly",
    models=("moonshot/*", "m"),
)


@pytest.fixture
def sub_accounts(store: Store) -> SubAccounts:
    return SubAccounts(store, store.ids(), lambda account: f"{account.name}-")


def find(store: Store, secret: str) -> Principal | None:
    return store.key_directory().find(hashlib.sha256(secret.encode()).digest())


def principal_of(store: Store, secret: str) -> Principal:
    principal = find(store, secret)
    assert principal is not None
    return principal


def test_a_sub_account_is_made_with_its_key_its_cap_and_its_limit_at_once(
    store: Store, sub_accounts: SubAccounts, account: Account
) -> None:
    made, key, secret = sub_accounts.create(account.id, EVERYTHING, by=ROBOT)
    assert sub_accounts.show(made.id) == sub_accounts.find(account.id, made.id) == made
    assert sub_accounts.list(account.id) == (made,)
    assert (made.external_ref, made.monthly_cap_nanos, made.rpm) == ("crm/7", 5_000, 60)
    assert secret.startswith("Ada-")
    assert (key.hint[:4], key.sub_account_id, store.key(key.id)) == ("Ada-", made.id, key)
    principal = principal_of(store, secret)
    assert (principal.tag, principal.sub_account_models) == ("nightly", ("moonshot/*", "m"))
    assert [(cap.scope, cap.span, cap.limit_nanos) for cap in principal.caps] == [
        (CapScope.SUB_ACCOUNT, CapSpan.MONTH, 5_000)
    ]
    assert principal.limits == (RateRule(scope=LimitScope.SUB_ACCOUNT, subject=str(made.id), rpm=60),)
    entries = Audit(store).list(AuditQuery(account_id=account.id)).entries[:-1]  # after the account itself
    assert [(entry.action, entry.actor) for entry in entries] == [("key.create", ROBOT), ("sub_account.create", ROBOT)]
    assert entries[1].metadata["models"] == ["moonshot/*", "m"]
    assert entries[1].resource_id == render_id(SUB_ACCOUNT, made.id)
    assert secret not in str(entries)
    assert (view_sub_account(made)["monthly_cap"], view_sub_account(made)["rpm"]) == ("0.000005", 60)


def test_what_is_left_out_stays_and_none_takes_it_away(
    store: Store, sub_accounts: SubAccounts, account: Account
) -> None:
    made, _, secret = sub_accounts.create(account.id, EVERYTHING)
    renamed = sub_accounts.update(made.id, SubAccountChanges(name=" another "))
    assert renamed == msgspec.structs.replace(made, name="another") == sub_accounts.show(made.id)
    stricter = sub_accounts.update(made.id, SubAccountChanges(monthly_cap_nanos=2_000, rpm=5))
    assert (sub_accounts.show(made.id), stricter.rpm) == (stricter, 5)
    assert [cap.limit_nanos for cap in principal_of(store, secret).caps] == [2_000]
    nothing = SubAccountChanges(external_ref=None, monthly_cap_nanos=0, rpm=None, tag="", models=())
    bare = sub_accounts.update(made.id, nothing, by=ROBOT)
    assert (bare.external_ref, bare.monthly_cap_nanos, bare.rpm, bare.tag, bare.models) == (None, 0, None, None, ())
    assert sub_accounts.show(made.id) == bare
    principal = principal_of(store, secret)
    assert (principal.caps, principal.limits, principal.tag, principal.sub_account_models) == ((), (), None, ())
    again = sub_accounts.update(made.id, SubAccountChanges(monthly_cap_nanos=7, rpm=1))
    assert sub_accounts.show(made.id) == again
    assert sub_accounts.update(made.id, SubAccountChanges()) == again
    entries = Audit(store).list(AuditQuery(account_id=account.id, action="sub_account.update")).entries
    assert [entry.actor for entry in entries] == [OPERATOR, OPERATOR, ROBOT, OPERATOR, OPERATOR]
    assert [dict(entry.metadata) for entry in (*entries[:2], *entries[3:])] == [
        {},
        {"monthly_cap": "0.000000007", "rpm": 1},
        {"monthly_cap": "0.000002", "rpm": 5},
        {"name": "another"},
    ]


def test_a_removed_sub_account_leaves_nothing_that_spends_and_its_name_is_free(
    store: Store, sub_accounts: SubAccounts, account: Account
) -> None:
    keys, caps = Keys(store, store.ids(), lambda _: "tw-"), Caps(store, store.ids(), UTC)
    made, key, secret = sub_accounts.create(account.id, EVERYTHING)
    second, other = keys.create(account.id, "k", KeyTerms(sub_account_id=made.id))
    revoked = keys.revoke(second.id)
    _, own = keys.create(account.id, "own")
    removed = sub_accounts.remove(made.id, by=ROBOT)
    assert removed.removed_ms is not None
    assert view_sub_account(removed)["state"] == "removed"
    assert (find(store, secret), find(store, other)) == (None, None)
    assert principal_of(store, own).sub_account_id is None
    assert keys.show(key.id).revoked_ms == removed.removed_ms
    assert keys.show(second.id) == revoked
    assert (sub_accounts.list(account.id), caps.list(account.id)) == ((), ())
    assert sub_accounts.show(made.id) == removed
    assert store.check().problems == ()
    target = CapTarget(None, CapScope.SUB_ACCOUNT, str(made.id))
    for gone in (
        lambda: sub_accounts.remove(made.id),
        lambda: sub_accounts.find(account.id, made.id),
        lambda: sub_accounts.update(made.id, SubAccountChanges(name="x")),
        lambda: sub_accounts.suspend(made.id),
    ):
        with pytest.raises(NotThere, match="there is no sub-account sa_"):
            gone()
    with pytest.raises(CommandRefused):
        keys.create(account.id, "k", KeyTerms(sub_account_id=made.id))
    with pytest.raises(CommandRefused):
        caps.set(target, CapSpan.DAY, 1)
    assert sub_accounts.create(account.id, EVERYTHING).sub_account.name == made.name


def test_a_sub_account_of_another_account_is_as_one_that_never_was(
    sub_accounts: SubAccounts, accounts: Accounts, account: Account
) -> None:
    made = sub_accounts.create(account.id, SubAccountTerms(name="x")).sub_account
    eve = accounts.create("Eve")
    with pytest.raises(NotThere) as of_another:
        sub_accounts.find(eve.id, made.id)
    with pytest.raises(NotThere) as unknown:
        sub_accounts.find(account.id, 7)
    assert str(of_another.value).replace(render_id(SUB_ACCOUNT, made.id), render_id(SUB_ACCOUNT, 7)) == str(
        unknown.value
    )


WRONG: tuple[dict[str, Any], ...] = (
    {"name": ""},
    {"external_ref": "x" * 257},
    {"external_ref": "a\nb"},
    {"monthly_cap_nanos": -1},
    {"monthly_cap_nanos": 2**63},
    {"rpm": -1},
    {"rpm": 1_000_000_001},
    {"tag": "é" * 129},
    {"tag": "\ud800"},
    {"models": ("a,b",)},
    {"models": ("",)},
    {"models": tuple(f"m{number}" for number in range(1001))},
)


def test_what_cannot_be_kept_of_a_sub_account_is_refused_and_nothing_is_made(
    store: Store, sub_accounts: SubAccounts, account: Account
) -> None:
    for wrong in WRONG:
        with pytest.raises(CommandRefused):
            sub_accounts.create(account.id, msgspec.structs.replace(EVERYTHING, **wrong))
    assert (sub_accounts.list(), store.keys(account.id), store.caps(account.id)) == ((), (), ())
    made = sub_accounts.create(account.id, EVERYTHING).sub_account
    for wrong in WRONG:
        with pytest.raises(CommandRefused):
            sub_accounts.update(made.id, SubAccountChanges(**wrong))
    assert sub_accounts.show(made.id) == made


def test_an_account_has_a_bounded_number_of_sub_accounts(
    sub_accounts: SubAccounts, store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SUB_ACCOUNTS_MAX", 2)
    first, _ = (sub_accounts.create(account.id, EVERYTHING).sub_account for _ in range(2))
    with pytest.raises(CommandRefused, match="at most 2"):
        sub_accounts.create(account.id, EVERYTHING)
    assert len(store.keys(account.id)) == 2
    sub_accounts.remove(first.id)
    assert sub_accounts.create(account.id, EVERYTHING).sub_account.state is SubAccountState.ACTIVE


def test_each_change_of_a_cap_is_told_once(store: Store, account: Account) -> None:
    caps = Caps(store, store.ids(), UTC, pause=lambda _: None)
    target = CapTarget(account.id, CapScope.TAG, "t")
    cap = caps.set(target, CapSpan.TOTAL, 5, by=ROBOT)
    assert cap is not None
    assert caps.set(target, CapSpan.TOTAL, 6) == caps.show(cap.id)
    caps.remove(cap.id, by=ROBOT)
    caps.remove(cap.id)
    assert caps.set(target, CapSpan.TOTAL, 0) is None
    entries = Audit(store).list(AuditQuery(account_id=account.id)).entries[:-1]  # after the account itself
    assert [(entry.action, entry.actor, entry.metadata["limit"]) for entry in entries] == [
        ("cap.remove", ROBOT, "0.000000006"),
        ("cap.set", OPERATOR, "0.000000006"),
        ("cap.set", ROBOT, "0.000000005"),
    ]
    assert len({entry.resource_id for entry in entries}) == 1
    with pytest.raises(NotThere):
        caps.remove(7)


def test_what_the_operator_limits_while_an_owner_changes_a_sub_account_stays(
    store: Store, sub_accounts: SubAccounts, account: Account
) -> None:
    made, _, _ = sub_accounts.create(account.id, SubAccountTerms(name="part"), by=OWNER)
    sub_accounts.suspend(made.id, by=OWNER)
    ids = Meanwhile(store, lambda: sub_accounts.suspend(made.id))
    with pytest.raises(OnlyTheOperator, match="the operator set 'suspended'"):
        SubAccounts(store, ids, tw).resume(made.id, by=OWNER)
    ids = Meanwhile(store, lambda: sub_accounts.update(made.id, SubAccountChanges(models=("m",))))
    with pytest.raises(OnlyTheOperator, match="the operator set 'models'"):
        SubAccounts(store, ids, tw).update(made.id, SubAccountChanges(models=("m", "n")), by=OWNER)
    assert sorted(sub_accounts.show(made.id).operator_set) == ["models", "suspended"]
    assert sub_accounts.show(made.id).state is SubAccountState.SUSPENDED
