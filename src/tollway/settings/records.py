"""The records of the settings: what an operator may decide, and what holds when they do not. Values only; no file is read.

Each field's type says what a value must be; docs/settings.md explains each and a test compares the two.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tollway.money import NANOS_PER_UNIT, PPM
from tollway.settings.brand import DEFAULT_PRESET, ToldAs, UsageChunk
from tollway.settings.fields import (
    CredentialsReference,
    Fee,
    FeeText,
    HeaderName,
    HeaderPrefix,
    HostNames,
    KeyPrefix,
    MemberName,
    Members,
    ModelId,
    Money,
    Name,
    Networks,
    OneOrMany,
    PageUrl,
    PositiveInt,
    RoutedModel,
    Seconds,
    SecretReference,
    StoreUrl,
    Texts,
    Timezone,
    WantedSecretReference,
)
from tollway.settings.own_providers import AccountAddresses, AuthChoice, CallSettings, OwnProvidersSettings
from tollway.settings.prices import Currency, Markup, PriceSettings, Rates, Share
from tollway.settings.routing import AutoSettings, RoutingSettings
from tollway.settings.secret import Secret

BODY_BYTES_MAX = 32 * 1024 * 1024
"""What the large providers take at most, inlined images included: a longer body would only be refused further on."""

RETENTION_DAYS_MAX = 36_500
"""A hundred years: beyond it somebody means seconds."""

RATE_MAX = 2**32
"""A limit that nobody reaches: more is a slip of the pen."""

Rate = Annotated[int, Meta(ge=1, le=RATE_MAX)]
Comers = Annotated[int, Meta(ge=1, le=240)]
"""As many as `limits.distinct` can count."""

WORKERS_MAX = 256
"""Worker numbers are ten bits of every id, and each restart takes a fresh one: this leaves room for both."""


class Durability(StrEnum):
    """When a charge counts as written."""

    FULL = "full"
    """When it is on the disk: it survives a power cut."""
    NORMAL = "normal"
    """When the operating system has it: it survives a crash of Tollway, not of the machine."""


class AfterLeaveChoice(StrEnum):
    """What to do with the provider when the client has left a stream."""

    CANCEL = "cancel"
    DRAIN = "drain"


class MediaAddresses(StrEnum):
    """What clients may send providers to fetch."""

    PUBLIC = "public"
    ANY = "any"
    """Addresses of a private network too: for providers that the operator runs, and clients that the operator trusts."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[server]`: where and how Tollway listens."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """0 takes a free one."""
    workers: Annotated[int, Meta(ge=1, le=WORKERS_MAX)] = 1
    body_bytes_max: Annotated[int, Meta(ge=1024, le=1024 * 1024 * 1024)] = BODY_BYTES_MAX
    trusted_proxies: Networks = ()
    """Addresses and networks whose forwarding headers are believed."""
    media_addresses: MediaAddresses = MediaAddresses.PUBLIC
    """Which addresses of pictures, sounds and files are passed on to providers, who fetch them."""
    account_addresses: AccountAddresses = AccountAddresses.PUBLIC
    """Where accounts may have providers of their own."""
    encryption_key: Annotated[Secret, WantedSecretReference] | None = None
    """What secrets are encrypted with in the store: 32 bytes as base64 or hexadecimal; None takes the file beside SQLite's."""
    shutdown_grace_s: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    """How long running exchanges may go on after a stop was asked for."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[store]`: where the books are kept."""

    url: StoreUrl = "sqlite:///tollway-data/tollway.db"
    """A relative path is relative to the folder of the settings file; absolute once loaded. May hold a password."""
    durability: Durability = Durability.FULL


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[retention]`: what is not kept for ever. Charges and transfers always are."""

    events_days: Annotated[int, Meta(ge=0, le=RETENTION_DAYS_MAX)] = 365
    """0 keeps them for ever."""


class RateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One table of `[limits]`; None is no limit of that kind."""

    rpm: Rate | None = None
    """Requests in any 60 seconds."""
    burst: Rate | None = None
    """Requests in any 10 seconds."""
    tpm: Rate | None = None
    """Tokens in any 60 seconds, input and output together."""
    concurrency: Rate | None = None
    """Requests that run at a time."""


class LimitsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[limits]`: how fast requests may come, where an account has no rule of its own for the same scope."""

    key: RateSettings = RateSettings()
    account: RateSettings = RateSettings()
    sub_account: RateSettings = RateSettings()
    end_user: RateSettings = RateSettings()
    key_ip: RateSettings = RateSettings()
    """Of one key from one address."""
    ip: RateSettings = RateSettings()
    ips_per_key_hour: Comers | None = None
    """Different addresses from which one key comes in an hour."""
    keys_per_ip_hour: Comers | None = None
    """Different keys that come from one address in an hour."""


class SharedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[shared]`: what several hosts share."""

    redis_url: str = ""


class BrandSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[brand]`, and each of `[[brands]]`: how the deployment presents itself; None leaves what the preset says."""

    preset: str = DEFAULT_PRESET
    hosts: HostNames = ()
    """The names under which clients reach it; `[brand]` answers for every other name as well."""
    name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    logo: Annotated[str, Meta(min_length=1, max_length=65_536)] | None = None
    """A small SVG drawing."""
    key_prefix: KeyPrefix | None = None
    management_key_prefix: KeyPrefix | None = None
    header_prefix: HeaderPrefix | None = None
    error_members: Members | None = None
    """What stands beside `error`."""
    refusals: Mapping[str, ToldAs] | None = None
    """By our code: the status, code and type that are told instead."""
    cost_cents_header: HeaderName | None = None
    usage_cost_name: MemberName | None = None
    stream_usage: UsageChunk | None = None
    currency: Currency | None = None
    """Of accounts that are made under it."""
    platform_fee: FeeText | None = None
    """Of accounts that are made under it."""
    timezone: Timezone | None = None


class BillingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[billing]`: money."""

    currency: Currency = "USD"
    """Of prices that name no other, and of accounts that are made without one."""
    rates: Rates = {}
    """What one unit of another currency costs in this one, in nano-units; written as ``{ USD = "7.2" }``."""
    platform_fee_ppm: Fee = msgspec.field(default=0, name="platform_fee")
    """Parts per million of the base cost; written as ``"10%"``."""
    timezone: Timezone = "UTC"
    """In whose days and months caps are counted."""
    packages_active_max: Annotated[int, Meta(ge=0, le=1000)] = 1
    """Packages that an account may have at a time, those aside that are used up or over; 0 for any number."""
    own_provider_ppm: Fee = msgspec.field(default=PPM, name="own_provider_price")
    """The share of the price that is charged where an account brought the provider; written as ``"100%"``."""


class PaymentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[payments]`: how accounts top up by themselves, through Stripe; without a key, only the operator credits."""

    stripe_secret_key: Annotated[Secret, SecretReference] | None = None
    stripe_webhook_secret: Annotated[Secret, SecretReference] | None = None
    """What Stripe signs its events with; required with the key, for an event that is not verified is a stranger's."""
    success_url: PageUrl | None = None
    """Where the browser goes after a payment; required with the key."""
    cancel_url: PageUrl | None = None
    """Where it goes when the person turns back; None takes the success URL."""
    api_base: str | None = None
    """Of a stand-in for Stripe: https, or http on loopback; None is Stripe."""
    amount_min: Money = NANOS_PER_UNIT
    amount_max: Money = 10_000 * NANOS_PER_UNIT
    """Of one top-up: what people may be charged by a slip of the pen."""


class LocalModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[local_model]`: the small model that needs no key."""

    enabled: bool = False
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """Where it listens, on loopback; 0 takes a free one."""


class TimeoutSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`timeouts` of a provider: how long one attempt may wait, in seconds."""

    connect_s: Seconds = 5.0
    first_byte_s: Seconds = 300.0
    idle_s: Seconds = 120.0
    total_s: Seconds = 900.0


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[[providers]]`: a place that serves models."""

    name: Name
    preset: str
    base_url: str | None = None
    """What the provider's official client would be given; None takes the preset's."""
    base_urls: Texts = {}
    """The same for single dialects, by their names; each takes the place of what would follow from `base_url`."""
    dialects: tuple[str, ...] = ()
    """Those that it speaks, the preferred ones first; empty takes the preset's."""
    parameters: Texts = {}
    """What the preset's addresses are filled in with, such as a region."""
    auth: AuthChoice = AuthChoice.API_KEY
    """Whose key goes there."""
    api_key: Annotated[Secret, SecretReference] | None = None
    access_key_id: Annotated[Secret, SecretReference] | None = None
    """With the next two, what requests are signed with at Amazon's."""
    secret_access_key: Annotated[Secret, SecretReference] | None = None
    session_token: Annotated[Secret, SecretReference] | None = None
    """None for keys that do not expire."""
    credentials_file: Annotated[Secret, CredentialsReference] | None = None
    """The content of a service account's JSON file."""
    timeouts: TimeoutSettings = TimeoutSettings()
    after_leave: AfterLeaveChoice | None = None
    """None takes the preset's."""
    ca_file: str | None = None
    """Certificates to trust beside the system's; absolute once loaded."""
    calls: tuple[CallSettings, ...] = ()
    """What has a price by the call, the first that fits counts."""


class TargetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a model's `targets`."""

    provider: str
    model: RoutedModel
    """The provider's name for it; ``*`` stands for what the star of the model's id matched."""
    weight: Annotated[int, Meta(ge=0, le=1_000_000)] = 1
    """Its share of the first tries; 0 is only ever a fallback."""


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[[models]]`: what a client may ask for."""

    id: ModelId
    targets: tuple[TargetSettings, ...]
    prices: Annotated[tuple[PriceSettings, ...], OneOrMany()] = msgspec.field(default=(), name="price")
    """One, or several that begin at different times; none takes the price library's."""
    markup_ppm: Markup | None = msgspec.field(default=None, name="markup")
    """What is put on its prices, in parts per million of them."""
    discount_ppm: Share | None = msgspec.field(default=None, name="discount")
    """What is taken off its prices."""
    context_tokens: PositiveInt | None = None
    output_tokens_max: PositiveInt | None = None
    capabilities: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the operator decided."""

    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    retention: RetentionSettings = RetentionSettings()
    limits: LimitsSettings = LimitsSettings()
    shared: SharedSettings = SharedSettings()
    brand: BrandSettings = BrandSettings()
    brands: tuple[BrandSettings, ...] = ()
    """Further ones, told apart by the host name that a client asks."""
    billing: BillingSettings = BillingSettings()
    payments: PaymentSettings = PaymentSettings()
    local_model: LocalModelSettings = LocalModelSettings()
    providers: tuple[ProviderSettings, ...] = ()
    models: tuple[ModelSettings, ...] = ()
    routing: RoutingSettings = RoutingSettings()
    auto: AutoSettings = AutoSettings()
    own_providers: OwnProvidersSettings = OwnProvidersSettings()
    source: str = "built-in settings"
    """The file they came from: what every message about them names. Not a setting."""
