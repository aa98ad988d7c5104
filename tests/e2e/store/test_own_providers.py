"""Providers that accounts bring, on each kind of database: sealed, told in the trail, read with the account's keys."""

import hashlib
from pathlib import Path

import pytest

from tollway.access.audit import Actor, ActorKind, AuditQuery
from tollway.access.own_providers import OwnProvider, ProviderAuth
from tollway.billing import own_providers as module
from tollway.billing.accounts import Accounts
from tollway.billing.audit import Audit
from tollway.billing.keys import Keys
from tollway.billing.own_providers import NewProvider, OwnProviders, ProviderChanges, view_own_provider
from tollway.billing.sealing import GivenKey, Sealer
from tollway.catalog.own_providers import OwnTerms
from tollway.catalog.records import KeyOf, Reach
from tollway.errors import CommandRefused, NotThere
from tollway.ids import OWN_PROVIDER, render_id
from tollway.ledger.records import Account
from tollway.settings import Secret
from tollway.store.sqlite import database_path
from tollway.store.store import Store

KEY = Secret("sk-canary-0123456789-wxyz")
SEALER = Sealer(GivenKey(bytes(range(32))))
ROBOT = Actor(kind=ActorKind.MANAGEMENT_KEY, id=77, ip="192.0.2.7")
NEW = NewProvider(name="mine", preset="openai", key=KEY)


@pytest.fixture
def providers(store: Store) -> OwnProviders:
    return OwnProviders(store, store.ids(), SEALER, OwnTerms())


def of_the_keys(store: Store, account: Account) -> tuple[OwnProvider, ...]:
    """Return the providers that a key of an account comes with."""
    _, secret = Keys(store, store.ids(), lambda _: "tw-").create(account.id, "k")
    principal = store.key_directory().find(hashlib.sha256(secret.encode()).digest())
    assert principal is not None
    return principal.terms.providers


def test_a_provider_is_kept_with_its_key_sealed_and_comes_with_the_accounts_keys(
    store: Store, providers: OwnProviders, account: Account, url: str
) -> None:
    made = providers.create(account.id, NEW, by=ROBOT)
    assert providers.show(made.id) == providers.find(account.id, made.id) == made
    assert providers.find_named(account.id, "mine") == made
    assert providers.list(account.id) == providers.list() == (made,) == of_the_keys(store, account)
    assert made.sealed_key is not None
    assert b"canary" not in made.sealed_key
    assert SEALER.open(made.sealed_key, context=f"provider:{made.id}") == KEY.reveal().encode()
    assert view_own_provider(made)["key_hint"] == "...wxyz"
    assert "canary" not in repr((made, view_own_provider(made)))
    if url.startswith("sqlite"):
        kept = b"".join(path.read_bytes() for path in database_path(url).parent.iterdir() if path.is_file())
        assert b"canary" not in kept


def test_what_was_done_to_a_provider_is_in_the_trail_without_its_key(
    store: Store, providers: OwnProviders, account: Account
) -> None:
    made = providers.create(account.id, NEW, by=ROBOT)
    providers.update(made.id, ProviderChanges(enabled=False), by=ROBOT)
    providers.remove(made.id, by=ROBOT)
    entries = Audit(store).list(AuditQuery(account_id=account.id, resource_type="provider")).entries
    assert [entry.action for entry in entries] == ["provider.remove", "provider.update", "provider.create"]
    assert {entry.resource_id for entry in entries} == {render_id(OWN_PROVIDER, made.id)}
    assert {entry.actor for entry in entries} == {ROBOT}
    assert (entries[1].metadata["enabled"], entries[2].metadata["enabled"]) == (False, True)
    assert "canary" not in repr([entry.metadata for entry in entries])


def test_a_provider_as_requests_go_to_it_has_the_key_and_an_identity_that_changes_with_it(
    providers: OwnProviders, account: Account
) -> None:
    made = providers.create(account.id, NEW)
    provider = providers.make(made)
    assert dict(provider.headers)["authorization"] == f"Bearer {KEY.reveal()}"
    assert provider.secrets == (KEY.reveal(),)
    assert provider.identity.startswith(f"mine@{made.id:x}-")
    assert providers.make(made).identity == provider.identity
    for changes in (ProviderChanges(key=Secret("sk-another-one")), ProviderChanges(name="ours")):
        changed = providers.make(providers.update(made.id, changes))
        assert changed.identity != provider.identity
    disabled = providers.update(made.id, ProviderChanges(enabled=False))
    assert providers.make(disabled).identity == changed.identity


def test_a_key_of_another_deployment_is_not_opened(store: Store, providers: OwnProviders, account: Account) -> None:
    made = providers.create(account.id, NEW)
    elsewhere = OwnProviders(store, store.ids(), Sealer(GivenKey(bytes(32))), OwnTerms())
    with pytest.raises(CommandRefused, match="cannot be opened"):
        elsewhere.make(made)


def test_what_was_allowed_once_is_not_made_under_stricter_terms(
    store: Store, providers: OwnProviders, account: Account
) -> None:
    trusting = OwnProviders(store, store.ids(), SEALER, OwnTerms(reach=Reach.PRIVATE))
    new = NewProvider(name="box", preset="openai-compatible", base_url="http://10.0.0.7/v1")
    made = trusting.create(account.id, new)
    assert trusting.make(made).home.origin.host == "10.0.0.7"
    with pytest.raises(CommandRefused, match="https://"):
        providers.make(made)


def test_a_name_belongs_to_one_provider_of_an_account_and_to_any_number_of_accounts(
    providers: OwnProviders, account: Account, accounts: Accounts
) -> None:
    made = providers.create(account.id, NEW)
    with pytest.raises(CommandRefused, match="has a provider mine already"):
        providers.create(account.id, NEW)
    other = accounts.create("other")
    assert providers.create(other.id, NEW).id != made.id
    second = providers.create(account.id, NewProvider(name="second", preset="openai", key=KEY))
    with pytest.raises(CommandRefused, match="has a provider mine already"):
        providers.update(second.id, ProviderChanges(name="mine"))
    providers.remove(made.id)
    assert providers.update(second.id, ProviderChanges(name="mine")).name == "mine"


def test_what_belongs_to_another_account_is_not_there(
    providers: OwnProviders, account: Account, accounts: Accounts
) -> None:
    made = providers.create(account.id, NEW)
    other = accounts.create("other")
    for ask in (
        lambda: providers.find(other.id, made.id),
        lambda: providers.find_named(other.id, "mine"),
        lambda: providers.find(account.id, 1),
        lambda: providers.create(1, NEW),
    ):
        with pytest.raises(NotThere):
            ask()


def test_an_account_has_one_default_provider(store: Store, providers: OwnProviders, account: Account) -> None:
    first = providers.create(account.id, NewProvider(name="first", preset="openai", key=KEY, is_default=True))
    second = providers.create(account.id, NewProvider(name="second", preset="openai", key=KEY, is_default=True))
    assert [each.is_default for each in providers.list(account.id)] == [False, True]
    providers.update(first.id, ProviderChanges(is_default=True))
    assert [each.is_default for each in of_the_keys(store, account)] == [True, False]
    providers.update(first.id, ProviderChanges(is_default=False))
    assert not any(each.is_default for each in providers.list(account.id))
    assert second.is_default


def test_a_removed_provider_is_gone_with_its_key(store: Store, providers: OwnProviders, account: Account) -> None:
    made = providers.create(account.id, NEW)
    removed = providers.remove(made.id)
    assert removed.removed_ms is not None
    assert removed.sealed_key is None
    assert providers.list(account.id) == of_the_keys(store, account) == ()
    for again in (
        lambda: providers.remove(made.id),
        lambda: providers.update(made.id, ProviderChanges(enabled=True)),
        lambda: providers.find(account.id, made.id),
    ):
        with pytest.raises(NotThere):
            again()


def test_a_disabled_provider_does_not_come_with_keys(store: Store, providers: OwnProviders, account: Account) -> None:
    made = providers.create(account.id, NEW)
    providers.update(made.id, ProviderChanges(enabled=False))
    assert of_the_keys(store, account) == ()
    assert providers.list(account.id)[0].enabled is False


def test_with_another_address_the_key_is_given_again(providers: OwnProviders, account: Account) -> None:
    made = providers.create(account.id, NEW)
    elsewhere = "https://elsewhere.example/v1"
    with pytest.raises(CommandRefused, match="give its key again"):
        providers.update(made.id, ProviderChanges(base_url=elsewhere))
    assert providers.show(made.id) == made
    moved = providers.update(made.id, ProviderChanges(base_url=elsewhere, key=Secret("sk-for-elsewhere")))
    assert dict(providers.make(moved).headers)["authorization"] == "Bearer sk-for-elsewhere"
    assert providers.update(made.id, ProviderChanges(base_url=elsewhere)) == moved


def test_with_pass_through_no_key_is_kept(providers: OwnProviders, account: Account) -> None:
    made = providers.create(account.id, NEW)
    passing = providers.update(made.id, ProviderChanges(auth=ProviderAuth.PASSTHROUGH))
    assert (passing.sealed_key, passing.key_hint) == (None, None)
    assert providers.make(passing).key_of is KeyOf.CLIENT
    with pytest.raises(CommandRefused, match="api_key: is missing"):
        providers.update(made.id, ProviderChanges(auth=ProviderAuth.API_KEY))
    with pytest.raises(CommandRefused, match="has no use beside"):
        providers.update(made.id, ProviderChanges(key=KEY))


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (NewProvider(name="a b", preset="openai", key=KEY), "1 to 64 letters"),
        (NewProvider(name="auto", preset="openai", key=KEY), "and not auto"),
        (NewProvider(name="x", preset="openai", key=Secret("sk canary")), "this is no key"),
        (NewProvider(name="x", preset="openai", key=Secret("sk\r\ncanary")), "this is no key"),
        (NewProvider(name="x", preset="openai", key=Secret("")), "this is no key"),
        (NewProvider(name="x", preset="openai", key=Secret("k" * 8193)), "this is no key"),
        (NewProvider(name="x", preset="openai"), "api_key: is missing"),
        (NewProvider(name="x", preset="nothing", key=KEY), "is no preset"),
        (NewProvider(name="x", preset="openai-compatible", base_url="http://a.example", key=KEY), "https://"),
    ],
)
def test_what_makes_no_provider_is_refused(
    providers: OwnProviders, account: Account, new: NewProvider, said: str
) -> None:
    with pytest.raises(CommandRefused, match=said) as caught:
        providers.create(account.id, new)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "localhost",
        "a.internal",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[fd00::1]",
    ],
)
def test_lesson_ssrf_an_own_provider_is_at_a_public_address(
    providers: OwnProviders, account: Account, host: str
) -> None:
    new = NewProvider(name="x", preset="openai-compatible", base_url=f"https://{host}/v1")
    with pytest.raises(CommandRefused, match="not a public address"):
        providers.create(account.id, new)


def test_an_account_has_no_more_providers_than_its_keys_can_come_with(
    providers: OwnProviders, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROVIDERS_MAX", 1)
    providers.create(account.id, NEW)
    with pytest.raises(CommandRefused, match="at most 1 providers"):
        providers.create(account.id, NewProvider(name="second", preset="openai", key=KEY))


def test_short_keys_are_not_hinted_at(providers: OwnProviders, account: Account, tmp_path: Path) -> None:
    made = providers.create(account.id, NewProvider(name="x", preset="openai", key=Secret("short")))
    assert view_own_provider(made)["key_hint"] is None
