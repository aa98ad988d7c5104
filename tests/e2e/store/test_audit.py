"""The audit trail: written with each change or not at all, read newest first, by anything that an entry says."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests.e2e.store.conftest import Tamper, tw
from tollway.access.audit import OPERATOR, Actor, ActorKind, AuditQuery
from tollway.billing.accounts import Accounts
from tollway.billing.audit import Audit, parse_actor, view_entry
from tollway.billing.keys import Keys, KeyTerms
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, KEY, render_id
from tollway.ledger.records import Account
from tollway.store.store import Store

ROBOT = Actor(kind=ActorKind.MANAGEMENT_KEY, id=77, ip="192.0.2.7")


@pytest.fixture
def audit(store: Store) -> Audit:
    return Audit(store, zone=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def clock() -> Callable[[], int]:
    """Return a clock that ticks once a day, from the first day of 2026."""
    days = iter(range(1_767_225_600_000, 2_000_000_000_000, 86_400_000))
    return lambda: next(days)


def test_each_change_of_a_key_is_told_with_who_made_it_and_from_where(
    store: Store, audit: Audit, account: Account
) -> None:
    keys = Keys(store, store.ids(), tw)
    key, secret = keys.create(account.id, "ci", KeyTerms(models=("m/*",), daily_cap_nanos=5), by=ROBOT)
    revoked = keys.revoke(key.id)
    assert keys.revoke(key.id) == revoked
    (second, first, _), total = audit.list(AuditQuery(account_id=account.id))
    assert total == 3
    assert (first.actor, first.action, first.resource_type) == (ROBOT, "key.create", "key")
    assert (second.actor, second.action) == (OPERATOR, "key.revoke")
    assert first.resource_id == second.resource_id == render_id(KEY, key.id)
    assert first.metadata["models"] == ["m/*"]
    assert first.metadata["day_cap"] == "0.000000005"
    view = view_entry(first)
    assert (view["account"], view["actor"]) == (render_id(ACCOUNT, account.id), "management_key")
    assert (view["actor_id"], view["ip_address"]) == ("mk_000000000000004d", "192.0.2.7")
    assert secret not in str(view)
    assert view_entry(second)["actor_id"] is None


def test_the_trail_is_searched_by_anything_that_an_entry_says(
    store: Store, audit: Audit, accounts: Accounts, account: Account, clock: Callable[[], int]
) -> None:
    other = accounts.create("Bo")
    keys = Keys(store, store.ids(), tw, now_ms=clock)
    made = [keys.create(account.id, f"k{number}")[0] for number in range(5)]
    keys.create(other.id, "k", by=ROBOT)
    keys.revoke(made[0].id, by=ROBOT)
    of_keys, all_of_keys = AuditQuery(account_id=account.id, resource_type="key"), AuditQuery(resource_type="key")

    def names(query: AuditQuery, limit: int = 200, offset: int = 0) -> list[object]:
        return [entry.metadata["name"] for entry in audit.list(query, limit, offset).entries]

    assert names(of_keys) == ["k0", "k4", "k3", "k2", "k1", "k0"]
    assert names(of_keys, 2, 1) == ["k4", "k3"]
    assert audit.list(of_keys, 2, 1).total == 6
    assert names(AuditQuery(account_id=other.id)) == ["k", "Bo"]
    assert names(AuditQuery(action="key.revoke")) == ["k0"]
    assert len(names(all_of_keys)) == 7
    assert names(AuditQuery(resource_type="cap")) == []
    assert names(AuditQuery(resource_id=render_id(KEY, made[3].id))) == ["k3"]
    kind, number = parse_actor("management_key")
    assert names(AuditQuery(actor_kind=kind, actor_id=number)) == ["k0", "k"]
    kind, number = parse_actor("mk_000000000000004d")
    assert names(AuditQuery(actor_kind=kind, actor_id=number)) == ["k0", "k"]
    days = sorted(entry.created_ms for entry in audit.list(all_of_keys).entries)
    assert len(names(msgspec.structs.replace(all_of_keys, since_ms=days[2], until_ms=days[4]))) == 2


def test_a_period_is_named_as_everywhere_else(audit: Audit) -> None:
    assert audit.period(None, None) == (None, None)
    assert audit.period("2026-01-01", "2026-01-01") == (1_767_196_800_000, 1_767_283_200_000)
    with pytest.raises(CommandRefused):
        audit.period("yesterday", None)


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (201, 0), (1, -1), (1, 1_000_001)])
def test_a_page_of_the_trail_is_bounded(audit: Audit, limit: int, offset: int) -> None:
    with pytest.raises(CommandRefused):
        audit.list(AuditQuery(), limit, offset)


@pytest.mark.parametrize("text", ["", "nobody", "mk_1", "key_x", "acct_0000000000000001"])
def test_only_kinds_and_keys_act(text: str) -> None:
    with pytest.raises(CommandRefused):
        parse_actor(text)
    assert parse_actor(None) == (None, None)


def test_a_change_that_cannot_be_told_of_is_not_made(
    store: Store, audit: Audit, account: Account, tamper: Tamper
) -> None:
    keys = Keys(store, store.ids(), tw)
    tamper("ALTER TABLE audit RENAME TO gone")
    with pytest.raises(Exception, match="audit"):
        keys.create(account.id, "k")
    tamper("ALTER TABLE gone RENAME TO audit")
    assert keys.list() == ()
    assert audit.list(AuditQuery()).total == 1


def test_each_change_of_an_account_is_told_once(store: Store, audit: Audit, accounts: Accounts) -> None:
    made = accounts.create("Bo", "CNY", 5, by=ROBOT)
    accounts.agree(made.id, fee_ppm=50_000)
    accounts.suspend(made.id)
    accounts.suspend(made.id)
    accounts.resume(made.id)
    with pytest.raises(CommandRefused):
        accounts.suspend(12345)
    entries, total = audit.list(AuditQuery(resource_type="account"))
    assert total == 4
    actions = [(entry.action, entry.actor.kind.value) for entry in reversed(entries)]
    assert actions == [
        ("account.create", "management_key"),
        ("account.update", "operator"),
        ("account.suspend", "operator"),
        ("account.resume", "operator"),
    ]
    assert {entry.resource_id for entry in entries} == {render_id(ACCOUNT, made.id)}
    assert entries[-1].metadata == {"name": "Bo", "currency": "CNY", "brand": None, "credit": "0.000000005"}
    assert entries[-2].metadata == {"platform_fee": "5%", "price_share": "100%"}
