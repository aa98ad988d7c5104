"""What clients may ask for: exact models, wildcards, and any priced model of a configured provider by PROVIDER/NAME.

Knows no file and no environment: the loader puts it together.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from tollway.catalog.cards import Timeline, make_card, timeline
from tollway.catalog.price_library import CURRENCY as LIBRARY_CURRENCY
from tollway.catalog.price_library import PriceLibrary
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, Prices, Provider, Target
from tollway.errors import Refusal
from tollway.money import PPM, divide_up

REMEMBERED_MAX = 4096
"""Names resolved through wildcards are remembered. Clients choose them, so that memory must have a bound."""

ASKED_CHARACTERS_MAX = 256
"""No model has a longer name; a longer one is not worth comparing with all that exist."""

SUGGESTIONS = 3


class Priced(NamedTuple):
    """What a model at a provider costs."""

    cards: Timeline
    reason: str
    """Why nobody knows; empty when somebody does."""
    context_tokens: int | None = None


UNPRICED = Timeline(None, ())


class Pricing:
    """Where prices come from: the operator's file first, else the price library."""

    def __init__(self, *, rates: RateTable, library: PriceLibrary) -> None:
        """Take what each currency costs, and the library, as of whose moment the cards in force are chosen."""
        self.library = library
        self.rates = rates

    def price(self, provider: Provider, model_routed: str, configured: tuple[Prices, ...]) -> Priced:
        """Return the price of a model at a provider, or why there is none."""
        if configured:
            cards = self._timeline(provider, model_routed, configured, "config")
            return Priced(cards, "" if cards.card is not None else "its price begins later")
        if provider.prices_id is None:
            return Priced(UNPRICED, f"the price library has no prices of provider {provider.name}")
        if LIBRARY_CURRENCY not in self.rates.currencies:
            return Priced(
                UNPRICED, f"the price library is in {LIBRARY_CURRENCY}: set {self.rates.missing(LIBRARY_CURRENCY)}"
            )
        entry = self.library.entry(provider.prices_id, model_routed)
        if not entry.prices:
            return Priced(UNPRICED, entry.reason, entry.context_tokens)
        cards = self._timeline(provider, model_routed, entry.prices, self.library.source)
        return Priced(cards, "", entry.context_tokens)

    def _timeline(self, provider: Provider, model_routed: str, prices: tuple[Prices, ...], source: str) -> Timeline:
        cards = [make_card(provider.booked_as, model_routed, each, source=source) for each in prices]
        return timeline(cards, now_ms=self.library.at_ms)


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """A configured model before its prices are known: an exact id, or a wildcard that each request fills in."""

    id: str
    targets: tuple[tuple[Provider, str, int], ...]
    """Provider, name of the model there (or ``*``), weight."""
    prices: tuple[Prices, ...] = ()
    """What the operator says; empty takes the price library's."""
    price_ppm: int = PPM
    context_tokens: int | None = None
    output_tokens_max: int | None = None
    capabilities: tuple[str, ...] = ()

    def fill(self, model_asked: str, pricing: Pricing) -> tuple[Model, tuple[str, ...]]:
        """Return the model that `model_asked` stands for, and why targets of it have no price."""
        star = model_asked[len(self.id) - 1 :] if self.id.endswith("*") else ""
        targets: list[Target] = []
        reasons: list[str] = []
        context_tokens = self.context_tokens
        for provider, name, weight in self.targets:
            model_routed = star if name == "*" else name
            priced = pricing.price(provider, model_routed, self.prices)
            card, later = priced.cards
            targets.append(
                Target(provider=provider, model_routed=model_routed, card=card, later_cards=later, weight=weight)
            )
            if priced.reason:
                reasons.append(priced.reason)
            if context_tokens is None:
                context_tokens = priced.context_tokens
        model = Model(
            id=model_asked,
            targets=tuple(targets),
            context_tokens=context_tokens,
            output_tokens_max=self.output_tokens_max,
            price_ppm=self.price_ppm,
            capabilities=self.capabilities,
        )
        return model, tuple(reasons)


class Catalog:
    """Everything that can be asked for. `resolve` and `suggest` are called in the event loop and do no I/O."""

    def __init__(self, *, providers: Mapping[str, Provider], sketches: tuple[Sketch, ...], pricing: Pricing) -> None:
        """Take the configured providers by name, and the configured models; price the exact ones."""
        self.providers = providers
        self._pricing = pricing
        self._sketches = sketches
        self._wildcards = sorted(
            (sketch for sketch in sketches if sketch.id.endswith("*")), key=lambda sketch: len(sketch.id), reverse=True
        )
        exact = [sketch for sketch in sketches if not sketch.id.endswith("*")]
        filled = {sketch.id: sketch.fill(sketch.id, pricing) for sketch in exact}
        self.models: Mapping[str, Model] = {name: model for name, (model, _) in filled.items()}
        """The models with an id of their own: what `GET /v1/models` lists."""
        self.unpriced: Mapping[str, tuple[str, ...]] = {
            name: reasons for name, (_, reasons) in filled.items() if reasons
        }
        """For each model with a target that nobody knows a price of: why."""
        self._remembered: dict[str, Model | None] = {}

    @property
    def rates(self) -> RateTable:
        """What the currencies of its prices cost in each other."""
        return self._pricing.rates

    @property
    def listed(self) -> Iterable[Model]:
        """The models with an id of their own, in their configured order."""
        return self.models.values()

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The ids that end in a star."""
        return tuple(sketch.id for sketch in self._wildcards)

    def warm(self) -> None:
        """Import the price library if any request may need it. Takes 0.15 s: call it off the event loop."""
        if any(provider.prices_id for provider in self.providers.values()):
            self._pricing.library.load()

    def load_prices(self) -> None:
        """Import the price library. Takes 0.15 s the first time: call it off the event loop."""
        self._pricing.library.load()

    def model_at(self, provider: Provider, model_routed: str, *, prices: tuple[Prices, ...], price_ppm: int) -> Model:
        """Return a model at a provider that is none of this deployment's, at these prices.

        Without any, at what the operator charges for a model of that name, else at the price library's; its card is None
        where nobody knows one.
        """
        alike = next((sketch for sketch in self._sketches if sketch.id == model_routed and not prices), None)
        sketch = Sketch(
            id=f"{provider.name}/{model_routed}",
            targets=((provider, model_routed, 1),),
            prices=prices if alike is None else alike.prices,
            price_ppm=price_ppm if alike is None else divide_up(price_ppm * alike.price_ppm, PPM),
            context_tokens=None if alike is None else alike.context_tokens,
            output_tokens_max=None if alike is None else alike.output_tokens_max,
        )
        return sketch.fill(sketch.id, self._pricing)[0]

    def resolve(self, model_asked: str) -> Model | None:
        """Return the model of an exact id, else of the longest wildcard, else of PROVIDER/NAME with a known price."""
        model = self.models.get(model_asked)
        if model is not None:
            return model
        if len(model_asked) > ASKED_CHARACTERS_MAX:  # nor worth remembering: a few thousand of them fill the memory
            return None
        remembered = self._remembered
        if model_asked in remembered:
            return remembered[model_asked]
        model = self._derive(model_asked)
        if len(remembered) >= REMEMBERED_MAX:
            remembered.clear()
        remembered[model_asked] = model
        return model

    def resolve_at(self, provider: str, model_asked: str) -> Model | None:
        """Return a model at one provider, by the name it has there or by PROVIDER/NAME; raises Refusal for no such provider."""
        if provider not in self.providers:
            close = difflib.get_close_matches(provider[:ASKED_CHARACTERS_MAX], list(self.providers), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise Refusal("not_found", f"There is no provider {provider[:ASKED_CHARACTERS_MAX]!r} here.{hint}")
        named = model_asked.startswith(f"{provider}/")
        for name in (model_asked, f"{provider}/{model_asked}") if named else (f"{provider}/{model_asked}", model_asked):
            model = self.resolve(name)
            if model is None:
                continue
            targets = tuple(target for target in model.targets if target.provider.name == provider)
            if len(targets) == len(model.targets):
                return model
            if targets:  # an id of the operator's that begins with the provider's name may lead elsewhere as well
                return msgspec.structs.replace(model, targets=targets)
        return None

    def resolve_by_dialect(self, dialect: str, model_asked: str) -> Model | None:
        """Return a model by its provider's own name for it: the first provider at home in a dialect that has a price for it."""
        if "/" in model_asked or len(model_asked) > ASKED_CHARACTERS_MAX:
            return None
        for provider in self.providers.values():
            # Not what a wildcard would make of it: that takes any name, and a mistyped one is to be told.
            known = provider.prices_id is not None and provider.home.dialect == dialect
            if known and self._pricing.library.entry(provider.prices_id or "", model_asked).prices:
                return self.resolve(f"{provider.name}/{model_asked}")
        return None

    def _derive(self, model_asked: str) -> Model | None:
        for sketch in self._wildcards:
            if model_asked.startswith(sketch.id[:-1]) and len(model_asked) >= len(sketch.id):
                return sketch.fill(model_asked, self._pricing)[0]
        name, _, model_routed = model_asked.partition("/")
        provider = self.providers.get(name)
        if provider is None or not model_routed:
            return None
        for model in self.models.values():
            for target in model.targets:
                if target.provider is provider and target.model_routed == model_routed and target.card is not None:
                    # Its price is known because the operator said it, under another id.
                    return msgspec.structs.replace(model, id=model_asked, listed_as=model.id, targets=(target,))
        sketch = Sketch(id=model_asked, targets=((provider, model_routed, 1),))
        model, reasons = sketch.fill(model_asked, self._pricing)
        return None if reasons else model

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Return up to three ids that `model_asked` may have meant, the likeliest first."""
        asked = model_asked[:ASKED_CHARACTERS_MAX]
        found = [f"{name}/{asked}" for name in self.providers if self.resolve(f"{name}/{asked}") is not None]
        names = list(self.models)
        provider = self.providers.get(asked.partition("/")[0])
        if provider is not None and provider.prices_id is not None:
            names += [f"{provider.name}/{name}" for name in self._pricing.library.names(provider.prices_id)]
        close = difflib.get_close_matches(asked, names, n=SUGGESTIONS)
        # A wildcard takes any name, a mistyped one too: what only such a one knows is the last thing to say.
        by_star = tuple(sketch.id[:-1] for sketch in self._wildcards)
        known = [name for name in found if not name.startswith(by_star)]
        # What was asked may be there, but not at the provider that was named, or not for this key.
        return tuple(dict.fromkeys(name for name in [*known, *close, *found] if name != asked))[:SUGGESTIONS]
