"""Providers that accounts bring: what the operator allows and charges there, and how one is made of what an account said.

Knows no account and no key of its own; reads presets, so it is called where a file may be read.
"""

import msgspec

from tollway.catalog.assembly import make_provider
from tollway.catalog.cards import make_card
from tollway.catalog.presets import LOCAL_PRESET, Preset, preset_names, read_preset, unknown_preset
from tollway.catalog.records import CallPrice, Prices, Provider, Reach, Scheme, fits
from tollway.money import PPM
from tollway.settings import Mistakes, ProviderSettings
from tollway.settings.own_providers import CallSettings

PLACE = "provider"
"""How mistakes name what an account configures."""


class OwnPrices(msgspec.Struct, frozen=True, kw_only=True):
    """What some models cost at providers that accounts bring."""

    model: str
    """A name, in which a star stands for anything."""
    preset: str | None
    """None is any."""
    prices: tuple[Prices, ...]


class OwnCall(msgspec.Struct, frozen=True, kw_only=True):
    """What some calls cost there."""

    call: CallSettings
    preset: str | None
    """None is any."""


class OwnTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator decided about providers that accounts bring."""

    reach: Reach = Reach.PUBLIC
    """Where they may be."""
    price_ppm: int = PPM
    """The share of every price that is charged, in parts per million."""
    currency: str = "USD"
    """Of prices of calls that name no other."""
    models: tuple[OwnPrices, ...] = ()
    calls: tuple[OwnCall, ...] = ()

    def prices_of(self, model_routed: str, *, preset: str) -> tuple[Prices, ...]:
        """Return what the operator says of a model; nothing when nothing fits."""
        for each in self.models:
            if each.preset in (None, preset) and fits(each.model, model_routed):
                return each.prices
        return ()


class OwnProviderError(ValueError):
    """What an account says makes no provider; the message says what to mend, and repeats nothing that may be a secret."""


def own_presets() -> tuple[str, ...]:
    """Return the presets that accounts may choose: all but the model that a deployment runs itself."""
    return tuple(name for name in preset_names() if name != LOCAL_PRESET)


def make_own(settings: ProviderSettings, terms: OwnTerms, *, own_id: str) -> Provider:
    """Return the provider that an account described, under an identity of its own; raises OwnProviderError."""
    mistakes = Mistakes(PLACE)
    place = settings.name
    provider = None
    preset = _preset(settings.preset, place, mistakes)
    if preset is not None:
        provider = make_provider(settings, preset, place=place, mistakes=mistakes, reach=terms.reach)
    if provider is not None and terms.reach is Reach.PUBLIC:
        _check_schemes(provider, place, mistakes)
    if lines := mistakes.lines():
        raise OwnProviderError("; ".join(lines))
    assert provider is not None, "what is missing is a mistake"
    provider = msgspec.structs.replace(provider, own_id=own_id)
    calls = [each.call for each in terms.calls if each.preset in (None, settings.preset)]
    return msgspec.structs.replace(
        provider, calls=tuple(call_price(call, provider=provider.booked_as, currency=terms.currency) for call in calls)
    )


def call_price(call: CallSettings, *, provider: str, currency: str) -> CallPrice:
    """Return the price of a call at a provider, in `currency` unless it names another."""
    prices = Prices(currency=call.currency or currency, input=0, output=0, call=call.price)
    card = make_card(provider, f"{call.method} {call.path}", prices, source="config")
    return CallPrice(method=call.method, path=call.path, card=card)


def _preset(name: str, place: str, mistakes: Mistakes) -> Preset | None:
    if name == LOCAL_PRESET:
        mistakes.add(f"{place}: preset", "is the model that this deployment runs itself, which no account brings")
        return None
    try:
        return read_preset(name)
    except KeyError:
        mistakes.add(f"{place}: preset", unknown_preset(name, own_presets()))
        return None


def _check_schemes(provider: Provider, place: str, mistakes: Mistakes) -> None:
    """Note an address without encryption; whether it is a public one, the outbound guard judges at each connection."""
    if any(spoken.origin.scheme is not Scheme.HTTPS for spoken in provider.speaks):
        mistakes.add(f"{place}: base_url", "must start with https://: no key travels in the clear")
