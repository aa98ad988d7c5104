"""Puts a deployment together from its settings: presets, providers, models, prices; every mistake at once."""

from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from tollway import clock
from tollway.catalog.assembly import make_provider
from tollway.catalog.cards import configured_prices
from tollway.catalog.catalog import Catalog, Pricing, Sketch
from tollway.catalog.own_providers import OwnCall, OwnPrices, OwnTerms, call_price, own_presets
from tollway.catalog.presets import LOCAL_PRESET, Preset, preset_names, read_preset, unknown_preset
from tollway.catalog.price_library import PriceLibrary
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Provider, Reach
from tollway.money import PPM
from tollway.settings import (
    BillingSettings,
    Brand,
    Brands,
    Mistakes,
    ModelSettings,
    PriceSettings,
    ProviderSettings,
    SecretUse,
    Settings,
    brands_of,
    read_settings,
)
from tollway.settings.load import LOCAL_PROVIDER, model_place, provider_place
from tollway.settings.own_providers import AccountAddresses, CallSettings
from tollway.settings.prices import check_prices


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One installation of Tollway: what its operator decided, and what follows from that."""

    settings: Settings
    catalog: Catalog
    rates: RateTable
    """What currencies cost in each other."""
    brands: Brands
    own_terms: OwnTerms = OwnTerms()
    """What holds for providers that accounts bring."""

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
    rates = RateTable(settings.billing.currency, settings.billing.rates)
    providers: dict[str, Provider] = {}
    for number, provider in enumerate(settings.providers, 1):
        built = _provider(provider, provider_place(number, provider), mistakes, rates)
        if built is not None:
            providers[built.name] = built
    models = settings.models
    for number, model in enumerate(models, 1):
        _check_currencies(model.prices, f"{model_place(number, model)}: price", rates, mistakes)
    if settings.local_model.enabled:
        preset = read_preset(LOCAL_PRESET)
        providers[LOCAL_PROVIDER] = _local_provider(preset, settings.local_model.port)
        taken = {model.id for model in models}
        models += tuple(model for model in preset.models if model.id not in taken)
    own = _own_terms(settings, mistakes, rates)
    mistakes.raise_if_any()
    pricing = Pricing(rates=rates, library=PriceLibrary(clock.now_ms()))
    sketches = tuple(sketch for model in models if (sketch := _sketch(model, providers, settings.billing)).targets)
    catalog = Catalog(providers=providers, sketches=sketches, pricing=pricing)
    _check_auto(settings, catalog, mistakes)
    return Deployment(
        settings=settings,
        catalog=catalog,
        rates=rates,
        brands=brands_of(settings),
        own_terms=own,
    )


def _check_auto(settings: Settings, catalog: Catalog, mistakes: Mistakes) -> None:
    """Refuse names in `[auto]` that stand for no model, and those that stand there twice."""
    for modality, names in settings.auto.by_modality().items():
        for place, name in enumerate(names):
            if "*" in name or catalog.resolve(name) is None:
                hint = "".join(f"; did you mean {close}?" for close in catalog.suggest(name)[:1])
                mistakes.add(f"[auto]: {modality}", f'"{name}" is no model with a price that is known{hint}')
            elif name in names[:place]:
                mistakes.add(f"[auto]: {modality}", f'"{name}" stands twice')
    mistakes.raise_if_any()


def _check_currencies(
    prices: Iterable[PriceSettings | CallSettings], place: str, rates: RateTable, mistakes: Mistakes
) -> None:
    for price in prices:
        if price.currency is not None and price.currency not in rates.currencies:
            mistakes.add(
                f"{place}: currency", f"{price.currency} needs a rate of exchange: {rates.missing(price.currency)}"
            )


def _provider(settings: ProviderSettings, place: str, mistakes: Mistakes, rates: RateTable) -> Provider | None:
    """Return the provider, or None when a mistake makes it impossible; what a file got wrong is noted already."""
    _check_currencies(settings.calls, f"{place}: calls", rates, mistakes)
    preset = _preset(settings.preset, place, mistakes)
    made = None if preset is None else make_provider(settings, preset, place=place, mistakes=mistakes)
    if made is None or not settings.calls:
        return made
    calls = [call_price(call, provider=made.name, currency=rates.currency) for call in settings.calls]
    return msgspec.structs.replace(made, calls=tuple(calls))


def own_terms(settings: Settings) -> OwnTerms:
    """Return what holds for providers that accounts bring, of settings that were checked."""
    rates = RateTable(settings.billing.currency, settings.billing.rates)
    return _own_terms(settings, Mistakes(settings.source), rates)


def _own_terms(settings: Settings, mistakes: Mistakes, rates: RateTable) -> OwnTerms:
    """Return what holds for providers that accounts bring."""
    own, zone = settings.own_providers, ZoneInfo(settings.billing.timezone)
    _check_currencies(own.calls, "[own_providers]: calls", rates, mistakes)
    known = own_presets()
    for number, entry in enumerate((*own.models, *own.calls)):
        place = f"models {number + 1}" if number < len(own.models) else f"calls {number - len(own.models) + 1}"
        if entry.preset is not None and entry.preset not in known:
            mistakes.add(f"[own_providers]: {place}: preset", unknown_preset(entry.preset, known))
    for number, model in enumerate(own.models, 1):
        place = f"[own_providers]: models {number}"
        check_prices(model.prices, place, mistakes)
        _check_currencies(model.prices, f"{place}: price", rates, mistakes)
    return OwnTerms(
        reach=Reach.PUBLIC if settings.server.account_addresses is AccountAddresses.PUBLIC else Reach.PRIVATE,
        price_ppm=settings.billing.own_provider_ppm,
        currency=rates.currency,
        models=tuple(
            OwnPrices(
                model=model.id,
                preset=model.preset,
                prices=tuple(configured_prices(price, currency=rates.currency, zone=zone) for price in model.prices),
            )
            for model in own.models
        ),
        calls=tuple(OwnCall(call=call, preset=call.preset) for call in own.calls),
    )


def _preset(name: str, place: str, mistakes: Mistakes) -> Preset | None:
    if not name:
        return None
    try:
        return read_preset(name)
    except KeyError:
        mistakes.add(f"{place}: preset", unknown_preset(name, preset_names()))
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
