"""The catalog as an account sees it that brought providers: by header, by path, by default. Asks files only in a thread.

What an account brought is made ready once, and again when it changes; another account never sees it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from tollway.access.own_providers import OwnProvider
from tollway.access.principal import Principal
from tollway.catalog.own_providers import OwnTerms
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, Prices, Provider
from tollway.errors import CommandRefused, Refusal
from tollway.logs import get_log
from tollway.relay.ports import Models

log = get_log(__name__)

ACCOUNTS_MAX = 10_000
"""Accounts whose providers are kept ready: a few kilobytes each."""

REMEMBERED_MAX = 1024
"""Models of one account's providers that are remembered: clients choose their names."""

MODEL_CHARS_MAX = 256
"""No model has a longer name."""

SHOWN = 64


class Priced(Models, Protocol):
    """The catalog, which also knows what any model costs at any provider."""

    @property
    def models(self) -> Mapping[str, Model]:
        """The models with an id of their own."""
        ...

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The deployment's providers, by name."""
        ...

    def model_at(self, provider: Provider, model_routed: str, *, prices: tuple[Prices, ...], price_ppm: int) -> Model:
        """Return a model at a provider that is none of the deployment's, with its price where anybody knows it."""
        ...

    def load_prices(self) -> None:
        """Import the price library; takes 0.15 s."""
        ...


Make = Callable[[OwnProvider], Provider]
"""Makes a provider as requests go to it; raises CommandRefused. May read files."""


class OwnModels:
    """Keeps the providers of accounts ready. Belongs to the event loop."""

    def __init__(self, models: Priced, make: Make, terms: OwnTerms) -> None:
        """Take the catalog, what makes a provider, and what the operator decided about those of accounts."""
        self._models = models
        self._make = make
        self._terms = terms
        self._seen: dict[int, AccountModels] = {}
        self.providers = models.providers
        """The deployment's own, by name."""
        self.price_ppm = terms.price_ppm
        """The share of each price that is charged at those of accounts."""

    async def of(self, principal: Principal) -> "AccountModels":
        """Return the catalog as the account of a key sees it."""
        own = principal.terms.providers
        found = self._seen.get(principal.account_id)
        if found is not None and (found.own is own or found.own == own):
            return found
        made = await asyncio.to_thread(self._made, own)
        if len(self._seen) >= ACCOUNTS_MAX:
            self._seen.clear()
        found = self._seen[principal.account_id] = AccountModels(self._models, own, made, self._terms)
        return found

    def _made(self, own: tuple[OwnProvider, ...]) -> "dict[str, Provider | str]":
        """Return each provider by its alias, or why it cannot be asked."""
        made: dict[str, Provider | str] = {}
        for each in own:
            try:
                made[each.name] = provider = self._make(each)
            except CommandRefused as error:
                log.warning("an account's provider cannot be used", provider_id=each.id, reason=str(error))
                made[each.name] = str(error)
                continue
            if provider.prices_id is not None:
                self._models.load_prices()
        return made


class AccountModels:
    """Satisfies the relay's Models, for the keys of one account."""

    def __init__(
        self,
        models: Priced,
        own: tuple[OwnProvider, ...],
        made: "dict[str, Provider | str]",
        terms: OwnTerms,
    ) -> None:
        """Take the deployment's catalog, and what the account brought."""
        self.own = own
        self._models = models
        self._made = made
        self._presets = {each.name: each.preset for each in own}
        self._default = next((each.name for each in own if each.is_default), None)
        self._terms = terms
        self._remembered: dict[tuple[str, str], Model | None] = {}

    @property
    def rates(self) -> RateTable:
        """What the currencies of its prices cost in each other."""
        return self._models.rates

    @property
    def listed(self) -> Iterable[Model]:
        """The deployment's models."""
        return self._models.listed

    def provider(self, name: str | None) -> Provider | None:
        """Return the account's provider of a name, or its default one for none; None when there is none.

        Raises Refusal where it cannot be asked.
        """
        name = self._default if name is None else name
        made = None if name is None else self._made.get(name)
        if isinstance(made, str):
            raise Refusal(
                "upstream_unavailable",
                f"The provider {name!r}, which this account brought, cannot be asked: {made}.",
                metadata={"provider": name},
            )
        return made

    def resolve(self, model_asked: str) -> Model | None:
        """Return the deployment's model of an exact id, else ALIAS/NAME, else what the deployment makes of it."""
        alias, _, name = model_asked.partition("/")
        if not name or alias not in self._made or model_asked in self._models.models:
            return self._models.resolve(model_asked)
        return self._at(alias, name)

    def resolve_at(self, provider: str, model_asked: str) -> Model | None:
        """Return a model at one provider, the account's own first; raises Refusal when there is no such provider."""
        if provider not in self._made:
            return self._models.resolve_at(provider, model_asked)
        whole, name = model_asked, model_asked.removeprefix(f"{provider}/")
        found = self._known(provider, name) or self._known(provider, whole)
        return found or self._at(provider, name)

    def resolve_by_dialect(self, dialect: str, model_asked: str) -> Model | None:
        """Return a model by its provider's own name for it: the deployment's, else the account's, else at its default."""
        found = self._models.resolve_by_dialect(dialect, model_asked)
        if found is not None:
            return found
        for name, made in self._made.items():
            # Like the deployment's: by whose names the price library knows, and not by what takes any name.
            if isinstance(made, Provider) and made.prices_id is not None and made.home.dialect == dialect:
                found = None if "/" in model_asked else self._known(name, model_asked)
                if found is not None:
                    return found
        return None if self._default is None else self._at(self._default, model_asked)

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Return the deployment's ids that are closest to one that does not exist."""
        return self._models.suggest(model_asked)

    # -- inside

    def _at(self, alias: str, name: str) -> Model | None:
        """Return a model of the account's own provider; raises Refusal where nobody said what it costs."""
        self.provider(alias)
        if not name or len(name) > MODEL_CHARS_MAX or "*" in name:
            return None
        found = self._known(alias, name)
        if found is None:
            raise Refusal(
                "model_not_allowed",
                f"The model {name[:SHOWN]!r} has no price at {alias!r}, a provider that this account brought. The operator "
                f'must set one: [[own_providers.models]] id = "{name[:SHOWN]}", price = {{ input = "…", output = "…" }}.',
                param="model",
            )
        return found

    def _known(self, alias: str, name: str) -> Model | None:
        """Return a model whose price is known; None otherwise."""
        provider = self._made[alias]
        if not isinstance(provider, Provider) or not name or len(name) > MODEL_CHARS_MAX or "*" in name:
            return None
        key = alias, name
        remembered = self._remembered
        if key not in remembered:
            if len(remembered) >= REMEMBERED_MAX:
                remembered.clear()
            terms = self._terms
            prices = terms.prices_of(name, preset=self._presets[alias])
            model = self._models.model_at(provider, name, prices=prices, price_ppm=terms.price_ppm)
            target = model.targets[0]
            remembered[key] = model if target.card is not None or target.later_cards else None
        return remembered[key]
