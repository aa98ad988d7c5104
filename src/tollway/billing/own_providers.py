"""Providers that accounts bring: described, checked, and their keys sealed. Knows no SQL, no connection and no request."""

import hashlib
import re
from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.access.media_addresses import is_public
from tollway.access.own_providers import Obstacle, OwnProvider, ProviderAuth
from tollway.billing.accounts import Ids
from tollway.billing.audit import Notary
from tollway.billing.sealing import Sealer
from tollway.billing.views import View, view_time
from tollway.catalog.base_url import render_base_url
from tollway.catalog.own_providers import OwnProviderError, OwnTerms, make_own
from tollway.catalog.records import KeyOf, Provider, Reach
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, OWN_PROVIDER, render_id
from tollway.ledger.records import Account
from tollway.settings import ProviderSettings, Secret
from tollway.settings.fields import NAME_RULE, FieldError
from tollway.settings.own_providers import AuthChoice

PROVIDERS_MAX = 64
"""Of one account: all of them are read with each of its keys."""
KEY_BYTES_MAX = 8192
HINT_CHARS = 4
HINTED_BYTES_MIN = 16
"""A shorter key is not hinted at: four of its characters would be too much of it."""

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")


def seal_context(provider_id: int) -> str:
    """Return what the key of a provider is bound to when it is sealed."""
    return f"provider:{provider_id}"


class NewProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider to be added."""

    name: str
    preset: str
    base_url: str | None = None
    """None is the preset's."""
    auth: ProviderAuth = ProviderAuth.API_KEY
    key: Secret | None = None
    is_default: bool = False
    enabled: bool = True


class ProviderChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is to have other than it has; UNSET stays as it is."""

    name: str | UnsetType = UNSET
    base_url: str | UnsetType | None = UNSET
    """With another address, the key is to be given again: it is nobody's to send elsewhere but its owner's."""
    auth: ProviderAuth | UnsetType = UNSET
    key: Secret | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class OwnProviderRows(Protocol):
    """What own providers want from the store; every call is one transaction, with effect on the next request."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def add_own_provider(self, provider: OwnProvider, entry: AuditEntry, *, count_max: int) -> Obstacle | None:
        """Write a provider; a default one takes the place of the account's default before."""
        ...

    def own_provider(self, provider_id: int) -> OwnProvider | None:
        """Read one provider, removed or not."""
        ...

    def own_providers(self, account_id: int | None) -> tuple[OwnProvider, ...]:
        """Read the providers of an account, or all, that were not removed, oldest first."""
        ...

    def change_own_provider(self, provider: OwnProvider, entry: AuditEntry) -> Obstacle | None:
        """Give a provider what `provider` has; a default one takes the place of the account's default before."""
        ...

    def remove_own_provider(self, provider_id: int, entry: AuditEntry, removed_ms: int) -> bool:
        """Remove a provider and forget its key; False when it was removed before, or never was."""
        ...


class OwnProviders:
    """The use cases of own providers. Errors are CommandRefused with a sentence, NotThere where nothing has the id."""

    def __init__(
        self,
        store: OwnProviderRows,
        ids: Ids,
        sealer: Sealer,
        terms: OwnTerms,
        *,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        """Work on `store`; keys are sealed by `sealer`, and `terms` say where providers may be."""
        self._store = store
        self._ids = ids
        self._sealer = sealer
        self._terms = terms
        self._now_ms = now_ms
        self._notary = Notary(ids.next, now_ms)

    def create(self, account_id: int, new: NewProvider, *, by: Actor = OPERATOR) -> OwnProvider:
        """Add a provider to an account; its key is kept encrypted, and never shown."""
        if self._store.account(account_id) is None:
            raise NotThere(f"there is no account {render_id(ACCOUNT, account_id)}")
        provider = OwnProvider(
            id=self._ids.next(),
            account_id=account_id,
            name=checked_alias(new.name),
            preset=new.preset,
            base_url=new.base_url or None,
            auth=new.auth,
            is_default=new.is_default,
            enabled=new.enabled,
            created_ms=self._now_ms(),
        )
        provider = self._with_key(provider, new.key)
        entry = self._note(by, "provider.create", provider)
        self._refuse(self._store.add_own_provider(provider, entry, count_max=PROVIDERS_MAX), provider)
        return provider

    def list(self, account_id: int | None = None) -> tuple[OwnProvider, ...]:
        """Return the providers of an account, or all, oldest first; not those that were removed."""
        return self._store.own_providers(account_id)

    def show(self, provider_id: int) -> OwnProvider:
        """Return one provider of anybody's, removed or not."""
        found = self._store.own_provider(provider_id)
        if found is None:
            raise _no(provider_id)
        return found

    def find(self, account_id: int, provider_id: int) -> OwnProvider:
        """Return a provider of this account that was not removed; any other is not there."""
        found = self._standing(provider_id)
        if found.account_id != account_id:
            raise _no(provider_id)
        return found

    def find_named(self, account_id: int, name: str) -> OwnProvider:
        """Return the provider that an account calls so."""
        for provider in self._store.own_providers(account_id):
            if provider.name == name:
                return provider
        raise NotThere(f"the account has no provider {name[:64]!r}")

    def update(self, provider_id: int, changes: ProviderChanges, *, by: Actor = OPERATOR) -> OwnProvider:
        """Change what is given, from the next request on, in every worker; what is left out stays."""
        found = self._standing(provider_id)
        fields = {
            field: value
            for field in ("name", "auth", "is_default", "enabled", "base_url")
            if (value := getattr(changes, field)) is not UNSET
        }
        if "name" in fields:
            fields["name"] = checked_alias(fields["name"])
        if "base_url" in fields:
            fields["base_url"] = fields["base_url"] or None
        wanted = msgspec.structs.replace(found, **fields)
        key = None if changes.key is UNSET else changes.key
        moved = (wanted.base_url, wanted.auth) != (found.base_url, found.auth)
        if moved or key is not None:
            if key is None and found.sealed_key is not None and wanted.auth is ProviderAuth.API_KEY:
                raise CommandRefused(
                    f"provider {wanted.name}: give its key again: with another address it goes elsewhere"
                )
            wanted = self._with_key(msgspec.structs.replace(wanted, sealed_key=None, key_hint=None), key)
        self._refuse(self._store.change_own_provider(wanted, self._note(by, "provider.update", wanted)), wanted)
        return wanted

    def remove(self, provider_id: int, *, by: Actor = OPERATOR) -> OwnProvider:
        """Remove a provider and its key for good; what went through it stays in the books."""
        found = self._standing(provider_id)
        entry = self._note(by, "provider.remove", found)
        if not self._store.remove_own_provider(provider_id, entry, entry.created_ms):
            raise _no(provider_id)
        return self.show(provider_id)

    def make(self, provider: OwnProvider) -> Provider:
        """Return a provider as requests go to it, its key opened; raises CommandRefused where it cannot be made any more.

        May read a file, and import the library of ciphers: not for the event loop.
        """
        sealed, key = provider.sealed_key, None
        if sealed is not None:
            key = Secret(self._sealer.open(sealed, context=seal_context(provider.id)).decode("ascii"))
        try:
            return make_own(_described(provider, key), self._terms, own_id=_identity(provider))
        except OwnProviderError as error:
            raise CommandRefused(str(error)) from None

    # -- inside

    def _with_key(self, provider: OwnProvider, key: Secret | None) -> OwnProvider:
        """Return a provider with its key, if any, sealed; raises CommandRefused for what makes no provider."""
        if key is not None and not (len(key.reveal()) <= KEY_BYTES_MAX and _VISIBLE_ASCII.fullmatch(key.reveal())):
            raise CommandRefused(
                f"provider {provider.name}: this is no key: it has 1 to {KEY_BYTES_MAX} visible characters, and no spaces"
            )
        try:
            make_own(_described(provider, key), self._terms, own_id=_identity(provider))
        except OwnProviderError as error:
            raise CommandRefused(str(error)) from None
        if self._terms.reach is Reach.PUBLIC and provider.base_url is not None and not is_public(provider.base_url):
            raise CommandRefused(
                f"provider {provider.name}: base_url is not a public address, and this deployment allows accounts no other; "
                'its operator can, by [server] account_addresses = "any"'
            )
        if key is None:
            return provider
        text = key.reveal()
        return msgspec.structs.replace(
            provider,
            sealed_key=self._sealer.seal(text.encode("ascii"), context=seal_context(provider.id)),
            key_hint=text[-HINT_CHARS:] if len(text) >= HINTED_BYTES_MIN else None,
        )

    def _standing(self, provider_id: int) -> OwnProvider:
        found = self.show(provider_id)
        if found.removed_ms is not None:
            raise _no(provider_id)
        return found

    def _refuse(self, obstacle: Obstacle | None, provider: OwnProvider) -> None:
        match obstacle:
            case None:
                return
            case Obstacle.NAME:
                raise CommandRefused(f"the account has a provider {provider.name} already: choose another name")
            case Obstacle.COUNT:
                raise CommandRefused(f"an account has at most {PROVIDERS_MAX} providers: remove one first")
            case Obstacle.GONE:
                raise _no(provider.id)

    def _note(self, by: Actor, action: str, provider: OwnProvider) -> AuditEntry:
        set_to = {
            "name": provider.name,
            "preset": provider.preset,
            "base_url": provider.base_url,
            "auth": provider.auth.value,
            "key": provider.sealed_key is not None,
            "default": provider.is_default,
            "enabled": provider.enabled,
        }
        return self._notary.note(by, action, provider.account_id, render_id(OWN_PROVIDER, provider.id), set_to)


def _described(provider: OwnProvider, key: Secret | None) -> ProviderSettings:
    """Return an own provider as the settings would describe it."""
    return ProviderSettings(
        name=provider.name,
        preset=provider.preset,
        base_url=provider.base_url,
        api_key=key,
        auth=AuthChoice.API_KEY if provider.auth is ProviderAuth.API_KEY else AuthChoice.PASSTHROUGH,
    )


def _identity(provider: OwnProvider) -> str:
    """Return what no other provider has, and what changes whenever requests would go elsewhere, or with another key."""
    said = (provider.name, provider.preset, provider.base_url, provider.auth.value, provider.sealed_key)
    version = hashlib.blake2b(repr(said).encode(), digest_size=8).hexdigest()
    return f"{provider.name}@{provider.id:x}-{version}"


def checked_alias(name: str) -> str:
    """Return the name of an own provider; raises CommandRefused for one that cannot stand before a model's."""
    try:
        return str(NAME_RULE.read(name))
    except FieldError as error:
        raise CommandRefused(f"a provider's name {error}") from None


def view_own_provider(provider: OwnProvider) -> View:
    """Show a provider that an account brought, and of its key the last characters at most."""
    return {
        "id": render_id(OWN_PROVIDER, provider.id),
        "account": render_id(ACCOUNT, provider.account_id),
        "name": provider.name,
        "preset": provider.preset,
        "base_url": provider.base_url,
        "auth": provider.auth.value,
        "key_hint": None if provider.key_hint is None else f"...{provider.key_hint}",
        "default": provider.is_default,
        "enabled": provider.enabled,
        "created": view_time(provider.created_ms),
        "removed": view_time(provider.removed_ms),
    }


def view_provider(provider: Provider) -> View:
    """Show a provider of the operator's settings beside those that accounts bring."""
    home = provider.home
    return {
        "id": None,
        "account": None,
        "name": provider.name,
        "base_url": render_base_url(home.origin, home.path_prefix),
        "auth": (ProviderAuth.API_KEY if provider.key_of is KeyOf.GATEWAY else ProviderAuth.PASSTHROUGH).value,
        "dialects": [spoken.dialect for spoken in provider.speaks],
    }


def _no(provider_id: int) -> NotThere:
    return NotThere(f"there is no provider {render_id(OWN_PROVIDER, provider_id)}")
