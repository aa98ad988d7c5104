"""Caps in the store: set once for each thing, changed while money is spent, and shown as what is left of them."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests.e2e.store.conftest import Desk, tw
from tollway import clock
from tollway.access.audit import OPERATOR, Actor, ActorKind
from tollway.access.cap_rules import alert_nanos, rules_for
from tollway.access.caps import Cap, SubAccountState
from tollway.access.principal import Principal
from tollway.access.setters import SetBy
from tollway.access.terms import EACH, NO_TERMS, CapRule, CapScope, CapSpan
from tollway.billing.accounts import Accounts
from tollway.billing.audit import Notary
from tollway.billing.caps import ALERT_PPM, Caps, CapTarget, parse_target
from tollway.billing.keys import Keys, KeyTerms
from tollway.billing.sub_accounts import SubAccounts, SubAccountTerms
from tollway.errors import CommandRefused, Shortage
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, IdError, render_id
from tollway.jobs.sweeps import Sweep
from tollway.ledger.lines import Hold
from tollway.ledger.purses import CapWindow, cap_purse_id
from tollway.ledger.records import Account
from tollway.limits.windows import window_at
from tollway.money import AMOUNT_NANOS_MAX
from tollway.store.key_reader import SqliteKeys
from tollway.store.principal_rows import ACCOUNT_CAPS, OWN_CAPS
from tollway.store.store import Store

NOBODY = 12345
SHANGHAI = ZoneInfo("Asia/Shanghai")

Set = Callable[..., Cap]


@pytest.fixture
def caps(store: Store) -> Caps:
    return Caps(store, store.ids(), SHANGHAI, pause=lambda _: None)


@pytest.fixture
def keys(store: Store) -> Keys:
    return Keys(store, store.ids(), tw)


@pytest.fixture
def sub_accounts(store: Store) -> SubAccounts:
    return SubAccounts(store, store.ids(), lambda _: "tw-")


def on(account: Account, scope: CapScope = CapScope.ACCOUNT, subject: str = "") -> CapTarget:
    return CapTarget(account.id, scope, subject)


def made(cap: Cap | None) -> Cap:
    assert cap is not None
    return cap


def window_of(cap: Cap, subject: str, now_ms: int) -> CapWindow:
    """Return the window of a cap as admission makes it."""
    window = window_at(cap.span, SHANGHAI, now_ms)
    return CapWindow(
        purse_id=cap_purse_id(cap.id, subject, window.start_ms),
        cap_id=cap.id,
        account_id=cap.account_id,
        subject=subject,
        start_ms=window.start_ms,
        end_ms=window.end_ms,
        limit_nanos=cap.limit_nanos,
        alert_nanos=alert_nanos(cap.limit_nanos, cap.alert_ppm),
    )


async def held(desk: Desk, account: Account, cap: Cap, amount: int, subject: str = "") -> Hold:
    window = window_of(cap, subject, clock.now_ms())
    hold = msgspec.structs.replace(desk.hold(account, amount), caps=(window,))
    await desk.books.hold(hold)
    return hold


async def spend(desk: Desk, account: Account, cap: Cap, amount: int, subject: str = "") -> None:
    hold = await held(desk, account, cap, amount, subject)
    line = msgspec.structs.replace(desk.line(hold, amount), caps=tuple(window.purse_id for window in hold.caps))
    _, durable = desk.books.close(line)
    await durable


def used(caps: Caps, account: Account) -> list[tuple[str, int, int]]:
    """Return subject, spent and left of each use."""
    uses, more = caps.status(account.id)
    assert not more
    return [(use.subject, use.spent_nanos, use.left_nanos) for use in uses]


def principal_of(store: Store, secret: str) -> Principal:
    principal = store.key_directory().find(hashlib.sha256(secret.encode()).digest())
    assert principal is not None
    return principal


def test_a_cap_is_set_once_for_each_thing_and_window(caps: Caps, account: Account) -> None:
    daily = made(caps.set(on(account), CapSpan.DAY, 500))
    assert (daily.limit_nanos, daily.alert_ppm, daily.removed_ms) == (500, ALERT_PPM, None)
    again = made(caps.set(on(account), CapSpan.DAY, 700, 500_000))
    assert (again.id, again.limit_nanos, again.alert_ppm) == (daily.id, 700, 500_000)
    assert made(caps.set(on(account), CapSpan.MONTH, 700)).id != daily.id
    assert [cap.span for cap in caps.list(account.id)] == [CapSpan.DAY, CapSpan.MONTH]
    assert caps.list() == caps.list(account.id)
    assert caps.list(NOBODY) == ()


def test_zero_is_no_cap_and_lifting_one_twice_is_no_harm(caps: Caps, account: Account) -> None:
    assert caps.set(on(account), CapSpan.DAY, 0) is None
    cap = made(caps.set(on(account), CapSpan.DAY, 500))
    assert made(caps.set(on(account), CapSpan.DAY, 0)).removed_ms is not None
    assert caps.set(on(account), CapSpan.DAY, 0) is None
    assert caps.list(account.id) == ()
    assert caps.remove(cap.id).removed_ms == caps.remove(cap.id).removed_ms is not None
    fresh = made(caps.set(on(account), CapSpan.DAY, 500))
    assert fresh.id != cap.id
    assert caps.remove(fresh.id).removed_ms is not None


def test_a_cap_that_makes_no_sense_is_refused_and_changes_nothing(
    caps: Caps, keys: Keys, accounts: Accounts, account: Account
) -> None:
    other = accounts.create("Eve")
    key, _ = keys.create(account.id, "k")
    revoked, _ = keys.create(account.id, "gone")
    keys.revoke(revoked.id)
    refused = (
        lambda: caps.set(on(account), CapSpan.DAY, -1),
        lambda: caps.set(on(account), CapSpan.DAY, AMOUNT_NANOS_MAX + 1),
        lambda: caps.set(on(account), CapSpan.DAY, 5, 0),
        lambda: caps.set(on(account), CapSpan.DAY, 5, 1_000_001),
        lambda: caps.set(CapTarget(NOBODY, CapScope.ACCOUNT, ""), CapSpan.DAY, 5),
        lambda: caps.set(CapTarget(None, CapScope.KEY, str(NOBODY)), CapSpan.DAY, 5),
        lambda: caps.set(CapTarget(None, CapScope.KEY, str(revoked.id)), CapSpan.DAY, 5),
        lambda: caps.set(CapTarget(None, CapScope.SUB_ACCOUNT, str(NOBODY)), CapSpan.DAY, 5),
        lambda: caps.set(CapTarget(other.id, CapScope.KEY, str(key.id)), CapSpan.DAY, 5),
        lambda: caps.remove(NOBODY),
        lambda: caps.status(account.id, 0),
        lambda: caps.status(account.id, 1001),
    )
    for command in refused:
        with pytest.raises(CommandRefused):
            command()
    assert caps.list() == ()


def test_a_target_is_read_from_what_names_it() -> None:
    nothing = {"account": None, "key": None, "sub_account": None, "tag": None, "end_user": None}
    account, key, sub = render_id(ACCOUNT, 1), render_id(KEY, 2), render_id(SUB_ACCOUNT, 3)
    good = (
        ({"account": account}, CapTarget(1, CapScope.ACCOUNT, "")),
        ({"key": key}, CapTarget(None, CapScope.KEY, "2")),
        ({"account": account, "key": EACH}, CapTarget(1, CapScope.KEY, EACH)),
        ({"sub_account": sub}, CapTarget(None, CapScope.SUB_ACCOUNT, "3")),
        ({"account": account, "tag": "a b"}, CapTarget(1, CapScope.TAG, "a b")),
        ({"account": account, "end_user": EACH}, CapTarget(1, CapScope.END_USER, EACH)),
    )
    for words, target in good:
        assert parse_target(**(nothing | words)) == target
    bad = (
        {},
        {"tag": "t"},
        {"key": EACH},
        {"key": key, "tag": "t"},
        {"account": account, "tag": ""},
        {"account": account, "tag": "x" * 257},
        {"account": account, "end_user": "a\nb"},
        {"account": "acct_1"},
        {"key": account},
    )
    for words in bad:
        with pytest.raises((CommandRefused, IdError)):
            parse_target(**(nothing | words))


def test_an_account_has_only_so_many_caps_by_name(
    caps: Caps, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollway.billing.caps.NAMED_CAPS_MAX", 2)
    for subject in ("a", "b"):
        caps.set(on(account, CapScope.TAG, subject), CapSpan.DAY, 5)
    caps.set(on(account, CapScope.END_USER, EACH), CapSpan.DAY, 5)
    for scope in (CapScope.TAG, CapScope.END_USER):
        with pytest.raises(CommandRefused, match="at most 2 caps on tags and end users by name"):
            caps.set(on(account, scope, "c"), CapSpan.DAY, 5)
    assert made(caps.set(on(account, CapScope.TAG, "a"), CapSpan.DAY, 6)).limit_nanos == 6
    # As many as an owner sets: they do not keep the operator from setting one.
    owner = Actor(kind=ActorKind.MANAGEMENT_KEY, id=5)
    for subject in ("a", "d"):
        caps.set(on(account, CapScope.TAG, subject), CapSpan.DAY, 5, by=owner)
    with pytest.raises(CommandRefused, match="at most 2 caps"):
        caps.set(on(account, CapScope.TAG, "e"), CapSpan.DAY, 5, by=owner)
    caps.remove(made(caps.set(on(account, CapScope.TAG, "a"), CapSpan.DAY, 5)).id)
    assert made(caps.set(on(account, CapScope.TAG, "f"), CapSpan.DAY, 5)).set_by is SetBy.OPERATOR


async def test_what_is_spent_of_a_cap_is_shown_with_its_reset(caps: Caps, account: Account, desk: Desk) -> None:
    cap = made(caps.set(on(account), CapSpan.DAY, 1000))
    assert used(caps, account) == [("", 0, 1000)]
    await spend(desk, account, cap, 300)
    assert used(caps, account) == [("", 300, 700)]
    ((use,), _) = caps.status(account.id)
    assert use.resets_ms == window_at(CapSpan.DAY, SHANGHAI, clock.now_ms()).end_ms
    assert use.currency == "USD"


async def test_another_limit_keeps_what_was_spent(caps: Caps, store: Store, account: Account, desk: Desk) -> None:
    cap = made(caps.set(on(account), CapSpan.DAY, 1000))
    await spend(desk, account, cap, 300)
    raised = made(caps.set(on(account), CapSpan.DAY, 2000))
    assert used(caps, account) == [("", 300, 1700)]
    await spend(desk, account, raised, 1700)
    with pytest.raises(Shortage):
        await held(desk, account, raised, 1)
    lowered = made(caps.set(on(account), CapSpan.DAY, 1500))
    assert used(caps, account) == [("", 2000, 0)]
    with pytest.raises(Shortage):
        await held(desk, account, lowered, 1)
    caps.set(on(account), CapSpan.DAY, 2100)
    assert used(caps, account) == [("", 2000, 100)]
    await spend(desk, account, lowered, 100)
    assert store.check().problems == ()


async def test_a_limit_lowered_below_what_runs_lets_that_end_and_lends_no_more(
    caps: Caps, store: Store, account: Account, desk: Desk
) -> None:
    cap = made(caps.set(on(account), CapSpan.DAY, 1000))
    await spend(desk, account, cap, 100)
    hold = await held(desk, account, cap, 600)
    lowered = made(caps.set(on(account), CapSpan.DAY, 200))
    with pytest.raises(Shortage):
        await held(desk, account, lowered, 1)
    line = msgspec.structs.replace(desk.line(hold, 600), caps=(hold.caps[0].purse_id,))
    written, durable = desk.books.close(line)
    await durable
    assert written.written_off_nanos == 0
    assert used(caps, account) == [("", 700, 0)]
    assert store.check().problems == ()


async def test_what_a_request_leaves_of_a_limit_that_was_lowered_meanwhile_is_not_lent_again(
    caps: Caps, store: Store, account: Account, desk: Desk
) -> None:
    cap = made(caps.set(on(account), CapSpan.DAY, 1000))
    hold = await held(desk, account, cap, 900)
    lowered = made(caps.set(on(account), CapSpan.DAY, 100))
    await desk.books.close(msgspec.structs.replace(desk.line(hold, 10), caps=(hold.caps[0].purse_id,)))[1]
    desk.books.give_back_wanted(hold.caps[0].purse_id)
    with pytest.raises(Shortage) as shortage:
        await held(desk, account, lowered, 91)
    assert shortage.value.available_nanos == 90
    await spend(desk, account, lowered, 90)
    assert used(caps, account) == [("", 100, 0)]
    assert store.check().problems == ()


async def test_a_limit_lowered_past_its_alert_is_told_of_once(
    caps: Caps, store: Store, account: Account, desk: Desk
) -> None:
    cap = made(caps.set(on(account), CapSpan.DAY, 1000))
    await spend(desk, account, cap, 500)
    caps.set(on(account), CapSpan.DAY, 2000)
    assert store.events(account.id, None, 10) == ()
    lowered = made(caps.set(on(account), CapSpan.DAY, 550))
    caps.set(on(account), CapSpan.DAY, 540)
    await spend(desk, account, lowered, 30)
    (event,) = store.events(account.id, None, 10)
    assert (event.kind, event.data["left_nanos"], event.data["limit_nanos"]) == ("cap_threshold", 50, 550)


@pytest.mark.parametrize("limit", [100, 5000], ids=["lowered", "raised"])
async def test_a_request_admitted_under_another_limit_makes_no_window_of_it(
    limit: int, caps: Caps, store: Store, account: Account, desk: Desk
) -> None:
    before = made(caps.set(on(account), CapSpan.DAY, 1000))
    caps.set(on(account), CapSpan.DAY, limit)
    await spend(desk, account, before, 60)
    assert used(caps, account) == [("", 60, limit - 60)]
    with pytest.raises(Shortage):
        await held(desk, account, before, limit - 59)
    await spend(desk, account, before, limit - 60)
    assert store.check().problems == ()


async def test_a_limit_lowered_below_what_lies_idle_with_workers_calls_that_in(
    store: Store, accounts: Accounts, account: Account, desk: Desk
) -> None:
    caps = Caps(store, store.ids(), SHANGHAI)
    accounts.credit(account.id, 1_000_000, "plenty")
    cap = made(caps.set(on(account), CapSpan.DAY, 80_000))
    await spend(desk, account, cap, 100)
    running = await held(desk, account, cap, 300)
    lent = desk.books.slice_of(running.caps[0].purse_id)
    assert lent is not None
    assert lent.free_nanos > 1000, "a worker borrows more than it needs"
    desk.commits.on_wanted(desk.books.give_back_wanted)

    async def look() -> None:
        desk.commits.look_wanted()

    looking = Sweep("wanted", look, every_s=0.01)
    looking.start()
    lowered = made(await asyncio.to_thread(caps.set, on(account), CapSpan.DAY, 1000))
    await looking.stop()
    assert used(caps, account) == [("", 100, 900)]
    assert lent.free_nanos == 0
    with pytest.raises(Shortage):
        await held(desk, account, lowered, 601)
    await spend(desk, account, lowered, 600)
    line = msgspec.structs.replace(desk.line(running, 300), caps=(running.caps[0].purse_id,))
    await desk.books.close(line)[1]
    assert used(caps, account) == [("", 1000, 0)]
    assert store.check().problems == ()


async def test_a_cap_of_each_is_kept_for_each_by_itself(caps: Caps, store: Store, account: Account, desk: Desk) -> None:
    cap = made(caps.set(on(account, CapScope.END_USER, EACH), CapSpan.MONTH, 500))
    assert used(caps, account) == [(EACH, 0, 500)]
    await spend(desk, account, cap, 400, "ann")
    await spend(desk, account, cap, 500, "bob")
    with pytest.raises(Shortage):
        await held(desk, account, cap, 101, "ann")
    assert used(caps, account) == [("bob", 500, 0), ("ann", 400, 100)]
    assert caps.status(account.id, 1) == (caps.status(account.id)[0][:1], True)
    caps.set(on(account, CapScope.END_USER, EACH), CapSpan.MONTH, 600)
    assert used(caps, account) == [("bob", 500, 100), ("ann", 400, 200)]
    assert store.check().problems == ()


async def test_nothing_is_taken_from_a_purse_that_an_end_users_name_happens_to_hash_to(
    caps: Caps, store: Store, accounts: Accounts, account: Account, desk: Desk
) -> None:
    victim = accounts.create("Bob", credit_nanos=10_000)
    cap = made(caps.set(on(account, CapScope.END_USER, EACH), CapSpan.DAY, 1000))
    window = msgspec.structs.replace(window_of(cap, "x", clock.now_ms()), purse_id=victim.id)
    hold = msgspec.structs.replace(desk.hold(account, 100), caps=(window,))
    with pytest.raises(Shortage):
        await desk.books.hold(hold)
    balance = store.balance(victim.id)
    assert balance is not None
    assert (balance.balance_nanos, balance.held_nanos) == (10_000, 0)


async def test_a_cap_counts_from_when_it_was_made(caps: Caps, account: Account, desk: Desk) -> None:
    cap = made(caps.set(on(account), CapSpan.TOTAL, 500))
    await spend(desk, account, cap, 500)
    caps.remove(cap.id)
    made(caps.set(on(account), CapSpan.TOTAL, 500))
    assert used(caps, account) == [("", 0, 500)]


async def test_a_window_that_is_over_keeps_its_limit(caps: Caps, store: Store, account: Account, desk: Desk) -> None:
    cap = made(caps.set(on(account), CapSpan.DAY, 500))
    two_days_ago = window_of(cap, "", clock.now_ms() - 2 * 86_400_000)
    hold = msgspec.structs.replace(desk.hold(account, 400), caps=(two_days_ago,))
    await desk.books.hold(hold)
    line = msgspec.structs.replace(desk.line(hold, 400), caps=(two_days_ago.purse_id,))
    await desk.books.close(line)[1]
    assert used(caps, account) == [("", 0, 500)]
    caps.set(on(account), CapSpan.DAY, 100)
    assert used(caps, account) == [("", 0, 100)]
    assert store.check().problems == ()


def test_a_key_is_made_with_its_caps_in_one_go(store: Store, keys: Keys, caps: Caps, account: Account) -> None:
    key, secret = keys.create(account.id, "k", terms=KeyTerms(daily_cap_nanos=5, monthly_cap_nanos=50))
    assert [(cap.scope, cap.subject, cap.span, cap.limit_nanos) for cap in caps.list(account.id)] == [
        (CapScope.KEY, str(key.id), CapSpan.DAY, 5),
        (CapScope.KEY, str(key.id), CapSpan.MONTH, 50),
    ]
    found = rules_for(principal_of(store, secret), tag=None, end_user=None)
    assert found == tuple(cap.rule for cap in caps.list(account.id)) == keys.limits(key.id)
    for limit in (-1, AMOUNT_NANOS_MAX + 1):
        with pytest.raises(CommandRefused, match=r"zero .none. or more"):
            keys.create(account.id, "k", terms=KeyTerms(daily_cap_nanos=limit))
    assert len(keys.list(account.id)) == 1


def test_lesson_4_a_key_finds_every_cap_that_was_set_for_it(
    store: Store, keys: Keys, caps: Caps, sub_accounts: SubAccounts, account: Account, accounts: Accounts
) -> None:
    sub_account = sub_accounts.create(account.id, SubAccountTerms(name="team")).sub_account
    key, secret = keys.create(account.id, "k", terms=KeyTerms(sub_account_id=sub_account.id))
    eve = accounts.create("Eve")
    for each in (CapScope.KEY, CapScope.SUB_ACCOUNT, CapScope.TAG, CapScope.END_USER):
        caps.set(on(eve, each, EACH), CapSpan.DAY, 1)
    caps.set(on(eve), CapSpan.DAY, 1)
    by = {
        "directly": made(caps.set(CapTarget(None, CapScope.KEY, str(key.id)), CapSpan.DAY, 10)),
        "each key": made(caps.set(on(account, CapScope.KEY, EACH), CapSpan.MONTH, 11)),
        "sub-account": made(caps.set(CapTarget(None, CapScope.SUB_ACCOUNT, str(sub_account.id)), CapSpan.DAY, 12)),
        "each sub-account": made(caps.set(on(account, CapScope.SUB_ACCOUNT, EACH), CapSpan.TOTAL, 13)),
        "account": made(caps.set(on(account), CapSpan.DAY, 14)),
        "named tag": made(caps.set(on(account, CapScope.TAG, "t"), CapSpan.DAY, 15)),
        "each end user": made(caps.set(on(account, CapScope.END_USER, EACH), CapSpan.DAY, 16)),
    }
    hidden = (
        caps.set(on(account, CapScope.KEY, EACH), CapSpan.DAY, 20),
        caps.set(on(account, CapScope.TAG, EACH), CapSpan.DAY, 21),
        caps.set(on(account, CapScope.TAG, "other"), CapSpan.DAY, 22),
    )
    found = {rule.cap_id: rule for rule in rules_for(principal_of(store, secret), tag="t", end_user="u")}
    assert found.keys() == {cap.id for cap in by.values()}
    assert not found.keys() & {made(cap).id for cap in hidden}
    assert {found[by[name].id].subject for name in ("directly", "each key")} == {str(key.id)}
    assert {found[by[name].id].subject for name in ("sub-account", "each sub-account")} == {str(sub_account.id)}
    assert found[by["each end user"].id].subject == "u"
    shown = {rule.cap_id for rule in keys.limits(key.id)}
    assert shown == found.keys() - {by["named tag"].id} | {made(hidden[1]).id}


def test_lesson_71_a_changed_cap_shows_at_the_next_request(
    store: Store, keys: Keys, caps: Caps, account: Account
) -> None:
    _, secret = keys.create(account.id, "k")
    digest = hashlib.sha256(secret.encode()).digest()
    directory = store.key_directory()

    def limits() -> list[int]:
        principal = directory.known(digest) or directory.find(digest)
        assert principal is not None
        return [rule.limit_nanos for rule in principal.terms.caps]

    assert limits() == []
    cap = made(caps.set(on(account), CapSpan.DAY, 5))
    assert limits() == [5]
    caps.set(on(account), CapSpan.DAY, 6)
    assert limits() == [6]
    caps.remove(cap.id)
    assert limits() == []


def test_thousands_of_caps_are_shared_by_the_keys_of_an_account(
    store: Store, keys: Keys, caps: Caps, account: Account
) -> None:
    secrets = [keys.create(account.id, f"k{number}")[1] for number in range(3)]
    rules = [
        Cap(
            id=number,
            account_id=account.id,
            scope=CapScope.TAG,
            subject=f"t{number}",
            span=CapSpan.DAY,
            limit_nanos=1,
            alert_ppm=1,
            created_ms=0,
        )
        for number in range(1, 10_001)
    ]
    keys_made = store.ids()
    key = msgspec.structs.replace(keys.list()[0], id=keys_made.next(), digest=b"another")
    store.add_key(key, rules, Notary(keys_made.next).note(OPERATOR, "key.create", account.id, "key"))
    directory = store.key_directory()
    found = [directory.find(hashlib.sha256(secret.encode()).digest()) for secret in secrets]
    terms = [principal.terms for principal in found if principal is not None]
    assert len(terms) == 3
    assert terms[0] is terms[1] is terms[2]
    assert len(terms[0].tag_caps) == 10_000


def test_a_sub_account_is_made_listed_and_suspended(
    store: Store, keys: Keys, accounts: Accounts, account: Account, sub_accounts: SubAccounts
) -> None:
    team = sub_accounts.create(account.id, SubAccountTerms(name=" team ")).sub_account
    assert (team.name, team.state) == ("team", SubAccountState.ACTIVE)
    eve = accounts.create("Eve")
    other = sub_accounts.create(eve.id, SubAccountTerms(name="other")).sub_account
    assert sub_accounts.list(account.id) == (team,)
    assert sub_accounts.list() == (team, other)
    key, secret = keys.create(account.id, "k", terms=KeyTerms(sub_account_id=team.id))
    assert (keys.show(key.id).sub_account_id, principal_of(store, secret).sub_account_id) == (team.id, team.id)
    assert sub_accounts.suspend(team.id) == sub_accounts.suspend(team.id) == sub_accounts.show(team.id)
    suspended = principal_of(store, secret)
    assert (suspended.sub_account_suspended, suspended.account_suspended) == (True, False)
    sub_accounts.resume(team.id)
    assert not principal_of(store, secret).sub_account_suspended
    refused = (
        lambda: sub_accounts.create(NOBODY, SubAccountTerms(name="x")),
        lambda: sub_accounts.create(account.id, SubAccountTerms(name=" ")),
        lambda: sub_accounts.show(NOBODY),
        lambda: sub_accounts.suspend(NOBODY),
        lambda: keys.create(account.id, "k", terms=KeyTerms(sub_account_id=other.id)),
        lambda: keys.create(account.id, "k", terms=KeyTerms(sub_account_id=NOBODY)),
    )
    for command in refused:
        with pytest.raises(CommandRefused):
            command()


def test_an_account_has_a_fee_and_prices_of_its_own(store: Store, keys: Keys, accounts: Accounts) -> None:
    account = accounts.create("Ada", "CNY")
    _, secret = keys.create(account.id, "k")
    assert principal_of(store, secret).terms is NO_TERMS
    agreed = accounts.agree(account.id, fee_ppm=50_000, price_ppm=900_000)
    assert (agreed.fee_ppm, agreed.price_ppm) == (50_000, 900_000)
    terms = principal_of(store, secret).terms
    assert (terms.fee_ppm, terms.price_ppm) == (50_000, 900_000)
    assert accounts.agree(account.id) == agreed
    assert accounts.agree(account.id, fee_ppm=0).price_ppm == 900_000
    assert accounts.agree(account.id, fee_ppm=None).fee_ppm is None
    refused = (
        lambda: accounts.agree(account.id, fee_ppm=-1),
        lambda: accounts.agree(account.id, fee_ppm=10_000_001),
        lambda: accounts.agree(account.id, price_ppm=-1),
        lambda: accounts.agree(account.id, price_ppm=11_000_001),
        lambda: accounts.agree(NOBODY, fee_ppm=1),
    )
    for command in refused:
        with pytest.raises(CommandRefused):
            command()
    assert accounts.show(account.id).price_ppm == 900_000


def test_a_rule_is_what_admission_needs_of_a_cap(caps: Caps, account: Account) -> None:
    cap = made(caps.set(on(account, CapScope.TAG, "t"), CapSpan.MONTH, 7, 900_000))
    assert cap.rule == CapRule(
        cap_id=cap.id, scope=CapScope.TAG, subject="t", span=CapSpan.MONTH, limit_nanos=7, alert_ppm=900_000
    )


def test_a_key_is_read_without_looking_through_the_caps_of_the_others(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path / 'books.db'}").close()
    connection = sqlite3.connect(tmp_path / "books.db")
    reader = SqliteKeys(connection)
    for query, lengths, columns in ((ACCOUNT_CAPS, (1,), "scope=?)"), (OWN_CAPS, (1, 2), "scope=? AND subject=?)")):
        sql = reader._sql(query, *lengths)
        (step,) = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?")).fetchall()
        assert step[3] == f"SEARCH caps USING INDEX caps_one_of_each (account_id=? AND {columns}"
    connection.close()
