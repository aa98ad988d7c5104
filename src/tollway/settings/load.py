"""Reads a settings file, and checks what one value cannot say alone. Knows no provider: the catalog checks those."""

import tomllib
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec

from tollway.errors import CODES, SetupError
from tollway.settings.brand import Brand, Brands, brand_names, read_brand, unknown_brand
from tollway.settings.capabilities import CAPABILITIES
from tollway.settings.fields import STORE_URL_EXAMPLES, Reading
from tollway.settings.mistakes import Mistakes
from tollway.settings.prices import check_prices, check_rates
from tollway.settings.records import (
    BrandSettings,
    LocalModelSettings,
    ModelSettings,
    PaymentSettings,
    ProviderSettings,
    ServerSettings,
    Settings,
    StoreSettings,
)
from tollway.settings.secret import ENCRYPTION_KEY_BYTES, SecretUse, encryption_key
from tollway.settings.tables import entry_place, kinds_of, read_table, read_tables, unknown_key

LOCAL_PROVIDER = "local"
"""The name of the provider that the local model is; no other may take it while that is enabled."""

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")

LATER_MANY = "come with a later version; leave it out"

_LISTS = {"brands": BrandSettings, "providers": ProviderSettings, "models": ModelSettings}


def load_settings(path: Path, *, secrets: SecretUse = SecretUse.RESOLVE) -> Settings:
    """Return what the file at `path` says; raises SetupError with every mistake, one line each."""
    settings, mistakes = read_settings(path, secrets=secrets)
    mistakes.raise_if_any()
    return settings


def read_settings(path: Path, *, secrets: SecretUse = SecretUse.RESOLVE) -> tuple[Settings, Mistakes]:
    """Return what could be read of the file at `path`, and the mistakes in it so far.

    The settings are only good for looking for further mistakes when there is one. Raises SetupError when the file
    cannot be read or is not TOML: then nothing else can be said about it.
    """
    source = str(path)
    document = _parse(path)
    mistakes = Mistakes(source)
    reading = Reading(mistakes=mistakes, folder=path.absolute().parent, secrets=secrets)
    sections = kinds_of(Settings)
    values: dict[str, object] = {}
    for name, content in document.items():
        kind = sections.get(name)
        if kind is None or kind.record is None:
            known = {f"[{section}]": None for section, its in sections.items() if its.record is not None}
            mistakes.add(f"[{name}]", unknown_key(f"[{name}]", known))
        elif name in _LISTS:
            values[name] = read_tables(kind.record, content, f"[[{name}]]", reading)
        else:
            values[name] = read_table(kind.record, content, f"[{name}]", reading)
    settings = msgspec.structs.replace(Settings(source=source), **values)
    settings = _with_brand(settings, said=document.get("billing"))
    _check(settings, reading)
    return _with_absolute_paths(settings, reading.folder), mistakes


def built_in_settings(data: Path, *, local_model: LocalModelSettings, port: int | None = None) -> Settings:
    """Return the settings of a deployment without a file, whose books are in the folder `data`."""
    settings = Settings(store=StoreSettings(url=f"{SQLITE}{data.absolute() / 'tollway.db'}"), local_model=local_model)
    if port is None:
        return settings
    return msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, port=port))


def _with_brand(settings: Settings, *, said: object) -> Settings:
    """Take from the brand what `[billing]` leaves open: its currency, its fee, its timezone."""
    given = cast("dict[str, object]", said) if isinstance(said, dict) else {}
    try:
        brand = resolved(settings.brand)
    except KeyError:  # said by the check
        return settings
    left_open: dict[str, object] = {}
    if "currency" not in given:
        left_open["currency"] = brand.currency
    if "platform_fee" not in given:
        left_open["platform_fee_ppm"] = brand.platform_fee_ppm
    if "timezone" not in given:
        left_open["timezone"] = brand.timezone
    return msgspec.structs.replace(settings, billing=msgspec.structs.replace(settings.billing, **left_open))


def resolved(settings: BrandSettings) -> Brand:
    """Return a brand: its preset, and what the operator overrides; raises KeyError for a preset that is none."""
    said = {field: value for field, value in msgspec.structs.asdict(settings).items() if value is not None}
    return msgspec.structs.replace(read_brand(settings.preset), **said)


def brands_of(settings: Settings) -> Brands:
    """Return all brands of settings that were checked."""
    return Brands(resolved(settings.brand), tuple(resolved(brand) for brand in settings.brands))


def _check_brands(settings: Settings, mistakes: Mistakes) -> None:
    places = ["[brand]", *(f"[[brands]] {number}" for number in range(1, len(settings.brands) + 1))]
    brands = (settings.brand, *settings.brands)
    taken: dict[str, str] = {}
    for place, brand in zip(places, brands, strict=True):
        if brand.preset not in brand_names():
            mistakes.add(f"{place}: preset", unknown_brand(brand.preset))
        if brand is not settings.brand and not brand.hosts:
            mistakes.add(f"{place}: hosts", "is missing: the names under which clients reach this brand")
        for host in brand.hosts:
            if taken.setdefault(host, place) != place:
                mistakes.add(f"{place}: hosts", f"{host} is a host of {taken[host]} already")
        for code in brand.refusals or ():
            if code not in CODES:
                mistakes.add(f"{place}: refusals", f"there is no code {code}; docs/errors.md lists them")
    presets = [brand.preset for brand in brands]
    for number, brand in enumerate(settings.brands, 1):
        if presets.index(brand.preset) != number:
            mistakes.add(f"[[brands]] {number}: preset", f'"{brand.preset}" stands twice; each brand is there once')


def _parse(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise SetupError((f"{path}: cannot be read: {error.strerror}",)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SetupError((f"{path}: line {line}: is not UTF-8",)) from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        line = where.removesuffix(")").partition(",")[0] if what else "the end"
        raise SetupError((f"{path}: {line}: is not TOML: {what or error}",)) from None


def _check(settings: Settings, reading: Reading) -> None:
    mistakes = reading.mistakes
    _check_not_yet(settings, mistakes)
    _check_brands(settings, mistakes)
    _check_store(settings.store.url, mistakes)
    _check_encryption(settings.server, mistakes)
    check_rates(settings.billing.rates, currency=settings.billing.currency, mistakes=mistakes)
    _check_payments(settings.payments, mistakes)
    _check_unique("[[providers]]", "name", [provider.name for provider in settings.providers], mistakes)
    _check_unique("[[models]]", "id", [model.id for model in settings.models], mistakes)
    names = {provider.name for provider in settings.providers}
    if settings.local_model.enabled:
        if LOCAL_PROVIDER in names:
            mistakes.add("[local_model]: enabled", f'the name "{LOCAL_PROVIDER}" is taken by one of [[providers]]')
        names.add(LOCAL_PROVIDER)
    for number, provider in enumerate(settings.providers, 1):
        _check_provider(provider, provider_place(number, provider), reading.folder, mistakes)
    for number, model in enumerate(settings.models, 1):
        _check_model(model, model_place(number, model), names, mistakes)


def provider_place(number: int, provider: ProviderSettings) -> str:
    """Return how messages name the provider that stands at `number` (from 1)."""
    return entry_place("[[providers]]", number, {"name": provider.name} if provider.name else {})


def model_place(number: int, model: ModelSettings) -> str:
    """Return how messages name the model that stands at `number` (from 1)."""
    return entry_place("[[models]]", number, {"id": model.id} if model.id else {})


def _check_not_yet(settings: Settings, mistakes: Mistakes) -> None:
    """Refuse what would have no effect: a setting that does nothing in silence is worse than none."""
    if settings.shared.redis_url:
        mistakes.add("[shared]: redis_url", f"limits of rates, which hosts count together by it, {LATER_MANY}")


def _check_store(url: str, mistakes: Mistakes) -> None:
    """Refuse what is no store; what PostgreSQL's driver says of a URL is said when it is opened."""
    if url.startswith(POSTGRES):
        return
    if url.startswith("postgres"):
        mistakes.add("[store]: url", f"must begin with {POSTGRES[0]}, without the name of a driver")
    elif not url.startswith(SQLITE) or not url.removeprefix(SQLITE):
        mistakes.add("[store]: url", f"must be {STORE_URL_EXAMPLES}")
    elif "?" in url or ":memory:" in url:
        mistakes.add("[store]: url", "must name a file, without options: books in memory would be lost")


def _check_encryption(server: ServerSettings, mistakes: Mistakes) -> None:
    key = server.encryption_key
    if key is not None and key.reveal() and encryption_key(key.reveal()) is None:  # an empty one was left unread
        mistakes.add(
            "[server]: encryption_key",
            f"is not {ENCRYPTION_KEY_BYTES} bytes in base64 or hexadecimal: make one with openssl rand -base64 32",
        )


def _check_unique(place: str, key: str, values: Iterable[str], mistakes: Mistakes) -> None:
    first: dict[str, int] = {}
    for number, value in enumerate(values, 1):
        if value and first.setdefault(value, number) != number:
            where = entry_place(place, number, {key: value})
            mistakes.add(f"{where}: {key}", f"is already the {key} of {place} {first[value]}; each needs its own")


def _check_payments(payments: PaymentSettings, mistakes: Mistakes) -> None:
    key, signing = payments.stripe_secret_key, payments.stripe_webhook_secret
    for place, secret, starts in (
        ("stripe_secret_key", key, ("sk_", "rk_")),
        ("stripe_webhook_secret", signing, ("whsec_",)),
    ):
        # An empty one was left unread. What a wrong one is, is not said: it may be another secret.
        if secret is not None and secret.reveal() and not secret.reveal().startswith(starts):
            mistakes.add(f"[payments]: {place}", f"is none of Stripe's: it begins with {' or '.join(starts)}")
    if key is not None and signing is None:
        mistakes.add(
            "[payments]: stripe_webhook_secret",
            "is missing: without it anyone could say that a payment was made; Stripe shows it beside the webhook endpoint",
        )
    if signing is not None and key is None:
        mistakes.add("[payments]: stripe_secret_key", "is missing: the webhook secret alone can start no payment")
    if key is not None and payments.success_url is None:
        mistakes.add("[payments]: success_url", "is missing: the page that a browser is sent to after a payment")
    if payments.api_base is not None and not _may_stand_in(payments.api_base):
        mistakes.add("[payments]: api_base", "must begin with https://, or with http:// and a loopback address")
    if payments.amount_min > payments.amount_max:
        mistakes.add("[payments]: amount_min", "is more than amount_max")


def _may_stand_in(api_base: str) -> bool:
    """Tell whether the secret key may be sent there: encrypted, or not leaving this machine."""
    try:
        parts = urlsplit(api_base)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None or parts.query or parts.fragment:
        return False
    if parts.scheme == "https":
        return True
    try:
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def _check_provider(provider: ProviderSettings, place: str, folder: Path, mistakes: Mistakes) -> None:
    if provider.ca_file is not None and not (folder / provider.ca_file).is_file():
        mistakes.add(f"{place}: ca_file", f"there is no file {folder / provider.ca_file}")


def _check_model(model: ModelSettings, place: str, providers: set[str], mistakes: Mistakes) -> None:
    if not model.targets:
        mistakes.add(f"{place}: targets", 'needs at least one, such as [{ provider = "NAME", model = "NAME" }]')
    for number, target in enumerate(model.targets, 1):
        there = f"{place}: targets {number}"
        if target.provider and target.provider not in providers:
            known = ", ".join(sorted(providers)) or "none is configured"
            mistakes.add(f"{there}: provider", f'no provider is named "{target.provider}" (known: {known})')
        if target.model == "*" and not model.id.endswith("/*"):
            mistakes.add(f"{there}: model", "* needs an id that ends in /*: it stands for what that star matched")
    check_prices(model.prices, place, mistakes)
    if None not in {model.markup_ppm, model.discount_ppm}:
        mistakes.add(f"{place}: discount", "stands beside a markup; say one of the two")
    for word in model.capabilities:
        if word not in CAPABILITIES:
            mistakes.add(f"{place}: capabilities", f'"{word}" is none of {", ".join(CAPABILITIES)}')


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    """Make paths absolute: a relative one would be another file from another working directory, and other books."""
    store = settings.store
    path = store.url.removeprefix(SQLITE)
    if store.url.startswith(SQLITE) and path:
        store = msgspec.structs.replace(store, url=f"{SQLITE}{folder / path}")
    providers = tuple(
        msgspec.structs.replace(provider, ca_file=str(folder / provider.ca_file)) if provider.ca_file else provider
        for provider in settings.providers
    )
    return msgspec.structs.replace(settings, store=store, providers=providers)
