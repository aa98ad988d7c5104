"""Puts a deployment together from its settings: presets, providers, models, prices; every mistake at once."""

import difflib
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from tollway import clock
from tollway.catalog.assembly import make_provider
from tollway.catalog.cards import configured_prices
from tollway.catalog.catalog import Catalog, Pricing, Sketch
from tollway.catalog.presets import LOCAL_PRESET, Preset, preset_names, read_preset
from tollway.catalog.price_library import PriceLibrary
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Provider
from tollway.money import PPM
from tollway.settings import (
    BillingSettings,
    Brand,
    Brands,
    Mistakes,
    ModelSettings,
    ProviderSettings,
    SecretUse,
    Settings,
    brands_of,
    read_settings,
)
from tollway.settings.load import LOCAL_PROVIDER, model_place, provider_place


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One installation of Tollway: what its operator decided, and what follows from that."""

    settings: Settings
    catalog: Catalog
    rates: RateTable
    """What currencies cost in each other."""
    brands: Brands

    @property
    def brand(self) -> Brand:
        """The one that answers for every host that no other has."""
        return self.brands.default


def read_deployment(path: Path, *, secrets: SecretUse = SecretUse.RESOLVE) -> Deployment:
    """Return the deployment that the settings file at `path` describes; raises SetupError with every mistake."""
    settings, mistakes = read_settings(path, secrets=secrets)
    return _deploy(settings, mistakes)


def deploy(settings: Settings) -> Deployment:
    """Return the deployment of settings that were read or built before; raises SetupError with every mistake."""
    return _deploy(settings, Mistakes(settings.source))


def load_catalog(settings: Settings) -> Catalog:
    """Return the catalog of `settings`; raises SetupError with every mistake."""
    return deploy(settings).catalog


def _deploy(settings: Settings, mistakes: Mistakes) -> Deployment:
    providers: dict[str, Provider] = {}
    for number, provider in enumerate(settings.providers, 1):
        built = _provider(provider, provider_place(number, provider), mistakes)
        if built is not None:
            providers[built.name] = built
    models = settings.models
    rates = RateTable(settings.billing.currency, settings.billing.rates)
    for number, model in enumerate(models, 1):
        _check_currencies(model, model_place(number, model), rates, mistakes)
    if settings.local_model.enabled:
        preset = read_preset(LOCAL_PRESET)
        providers[LOCAL_PROVIDER] = _local_provider(preset, settings.local_model.port)
        taken = {model.id for model in models}
        models += tuple(model for model in preset.models if model.id not in taken)
    mistakes.raise_if_any()
    pricing = Pricing(rates=rates, library=PriceLibrary(clock.now_ms()))
    sketches = tuple(sketch for model in models if (sketch := _sketch(model, providers, settings.billing)).targets)
    return Deployment(
        settings=settings,
        catalog=Catalog(providers=providers, sketches=sketches, pricing=pricing),
        rates=rates,
        brands=brands_of(settings),
    )


def _check_currencies(model: ModelSettings, place: str, rates: RateTable, mistakes: Mistakes) -> None:
    for price in model.prices:
        if price.currency is not None and price.currency not in rates.currencies:
            mistakes.add(
                f"{place}: price: currency",
                f"{price.currency} needs a rate of exchange: {rates.missing(price.currency)}",
            )


def _provider(settings: ProviderSettings, place: str, mistakes: Mistakes) -> Provider | None:
    """Return the provider, or None when a mistake makes it impossible; what a file got wrong is noted already."""
    preset = _preset(settings.preset, place, mistakes)
    return None if preset is None else make_provider(settings, preset, place=place, mistakes=mistakes)


def _preset(name: str, place: str, mistakes: Mistakes) -> Preset | None:
    if not name:
        return None
    try:
        return read_preset(name)
    except KeyError:
        known = preset_names()
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
        mistakes.add(f"{place}: preset", f'"{name}" is no preset; {hint}')
        return None


def _local_provider(preset: Preset, port: int) -> Provider:
    """Return the provider that the local model is, at the port that it was started on."""
    settings = ProviderSettings(name=LOCAL_PROVIDER, preset=LOCAL_PRESET)
    provider = make_provider(settings, preset, place=LOCAL_PROVIDER, mistakes=Mistakes(LOCAL_PRESET))
    assert provider is not None, "its preset is complete"
    return msgspec.structs.replace(
        provider,
        speaks=tuple(
            msgspec.structs.replace(spoken, origin=msgspec.structs.replace(spoken.origin, port=port))
            for spoken in provider.speaks
        ),
    )


def _sketch(model: ModelSettings, providers: dict[str, Provider], billing: BillingSettings) -> Sketch:
    """Return the model as configured. A target at the local model falls away where that cannot run."""
    zone = ZoneInfo(billing.timezone)
    return Sketch(
        id=model.id,
        targets=tuple(
            (providers[target.provider], target.model, target.weight)
            for target in model.targets
            if target.provider in providers
        ),
        prices=tuple(configured_prices(price, currency=billing.currency, zone=zone) for price in model.prices),
        price_ppm=PPM + (model.markup_ppm or 0) - (model.discount_ppm or 0),
        context_tokens=model.context_tokens,
        output_tokens_max=model.output_tokens_max,
        capabilities=model.capabilities,
    )
