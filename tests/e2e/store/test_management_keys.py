"""Management keys in the store: at most so many, shown once, valid until they expire or are revoked, and told apart."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from tests.e2e.store.conftest import on_sqlite, tw
from tollway.access.audit import Actor, ActorKind, AuditQuery
from tollway.access.kinds import KeyKind
from tollway.access.managing import ManagementAccess
from tollway.billing.accounts import Accounts
from tollway.billing.admin_keys import AdminKeys
from tollway.billing.audit import Audit
from tollway.billing.key_secrets import key_digest
from tollway.billing.keys import Keys
from tollway.billing.management_keys import ACTIVE_MAX, ManagementKeys
from tollway.errors import CommandRefused, NotThere, Refusal
from tollway.ids import MANAGEMENT_KEY, render_id
from tollway.ledger.records import Account
from tollway.store.store import Store

NOBODY = 12345
READ, WRITE = ManagementAccess.READ_ONLY, ManagementAccess.READ_WRITE
ROBOT = Actor(kind=ActorKind.ADMIN_KEY, id=5)


class Clock:
    """Stands still until it is moved."""

    now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(store: Store, clock: Clock) -> ManagementKeys:
    return ManagementKeys(store, store.ids(), lambda account: f"{account.currency}m-", now_ms=clock)


def test_a_management_key_is_shown_once_and_works_until_it_expires_or_is_revoked(
    store: Store, keys: ManagementKeys, account: Account, clock: Clock
) -> None:
    lasting, text = keys.create(account.id, " ci ", WRITE, by=ROBOT)
    passing, other = keys.create(account.id, "look", READ, clock.now_ms + 5)
    assert text.startswith("USDm-")
    assert (lasting.name, lasting.access, lasting.hint) == ("ci", WRITE, f"{text[:9]}...{text[-4:]}")
    assert keys.list(account.id) == keys.list() == (lasting, passing)
    assert keys.show(passing.id) == passing
    assert keys.verify(text) == keys.verify_digest(key_digest(text)) == lasting
    assert keys.verify(other) == passing
    assert keys.verify(text[:-1]) is None
    clock.now_ms += 5
    assert keys.verify(other) is None
    revoked = keys.revoke(lasting.id, by=ROBOT)
    assert revoked.revoked_ms == clock.now_ms
    assert keys.verify(text) is None
    clock.now_ms += 5
    assert keys.revoke(lasting.id) == revoked
    trail = Audit(store).list(AuditQuery(account_id=account.id, resource_type="management_key")).entries
    assert [(entry.action, entry.resource_id) for entry in trail] == [
        ("management_key.revoke", render_id(MANAGEMENT_KEY, lasting.id)),
        ("management_key.create", render_id(MANAGEMENT_KEY, passing.id)),
        ("management_key.create", render_id(MANAGEMENT_KEY, lasting.id)),
    ]
    assert trail[1].metadata == {"name": "look", "access": "read_only", "expires": "2027-01-15T08:00:00.005Z"}
    assert [entry.actor for entry in trail if entry.actor == ROBOT] == [ROBOT, ROBOT]
    # Also when it was revoked between the look at it and the change.
    assert store.revoke_management_key(lasting.id, 1, msgspec.structs.replace(trail[0], id=1)) is None


def test_an_account_has_so_many_that_work_and_others_do_not_count(
    keys: ManagementKeys, accounts: Accounts, account: Account, clock: Clock
) -> None:
    keys.create(account.id, "short", READ, clock.now_ms + 5)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda number: _try(lambda: keys.create(account.id, str(number), READ)), range(30)))
    assert sum(each is not None for each in made) == ACTIVE_MAX - 1
    assert len(keys.list(account.id)) == ACTIVE_MAX == 25
    with pytest.raises(CommandRefused, match="has 25 management keys that work: revoke one first"):
        keys.create(account.id, "one more", READ)
    keys.create(accounts.create("Bo").id, "another's", READ)
    clock.now_ms += 5
    keys.create(account.id, "in place of the one that expired", READ)
    assert _try(lambda: keys.create(account.id, "k", READ)) is None
    keys.revoke(keys.list(account.id)[3].id)
    keys.create(account.id, "in place of the one that was revoked", READ)


def _try(make: Callable[[], object]) -> object:
    try:
        return make()
    except CommandRefused:
        return None


def test_what_makes_no_sense_is_refused(keys: ManagementKeys, account: Account, clock: Clock) -> None:
    for wrong in (
        lambda: keys.create(account.id, " ", READ),
        lambda: keys.create(account.id, "k", READ, clock.now_ms),
    ):
        with pytest.raises(CommandRefused):
            wrong()
    for nobody in (lambda: keys.create(NOBODY, "k", READ), lambda: keys.show(NOBODY), lambda: keys.revoke(NOBODY)):
        with pytest.raises(NotThere):
            nobody()
    assert keys.list() == ()


def test_a_key_that_manages_asks_no_models_and_is_told_so(store: Store, keys: ManagementKeys, account: Account) -> None:
    api_keys, admin_keys = Keys(store, store.ids(), tw), AdminKeys(store, store.ids(), "tw-")
    key, asks = api_keys.create(account.id, "k")
    managing, manages = keys.create(account.id, "m", WRITE)
    _, administers = admin_keys.create("a")
    assert [api_keys.kind_of(text) for text in (asks, manages, administers, "tw-nobody")] == [
        KeyKind.API,
        KeyKind.MANAGEMENT,
        KeyKind.ADMIN,
        None,
    ]
    directory = store.key_directory()
    looked_up = [("management key", manages), ("admin key", administers)]
    for said, text in looked_up:
        with pytest.raises(Refusal, match=said) as refused:
            directory.find(key_digest(text))
        assert refused.value.code == "invalid_api_key"
    keys.revoke(managing.id)
    with pytest.raises(Refusal, match="management key"):
        directory.find(key_digest(manages))
    api_keys.revoke(key.id)
    assert directory.find(key_digest(asks)) is directory.find(key_digest("tw-nobody")) is None

    async def look_up(text: str) -> object:
        return await directory.look_up(key_digest(text))

    with pytest.raises(Refusal, match="management key"):
        asyncio.run(look_up(manages))
    directory.close()


def test_a_rotated_key_is_known_by_both_of_its_texts(store: Store, account: Account) -> None:
    api_keys = Keys(store, store.ids(), tw)
    key, before = api_keys.create(account.id, "k")
    _, after = api_keys.rotate(key.id)
    assert api_keys.kind_of(before) is api_keys.kind_of(after) is KeyKind.API


@on_sqlite
def test_the_text_of_a_management_key_is_not_in_the_store(
    keys: ManagementKeys, account: Account, tmp_path: Path
) -> None:
    _, text = keys.create(account.id, "m", WRITE)
    for file in tmp_path.iterdir():
        assert file.is_dir() or text[8:].encode() not in file.read_bytes()
