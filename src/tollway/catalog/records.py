"""The records of the catalog: a provider, a model, a target, a price card. Values only; knows no file and no environment."""

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from tollway.catalog.signing import Signing
from tollway.money import PPM


class Scheme(StrEnum):
    """How a provider is reached."""

    HTTP = "http"
    HTTPS = "https"


class Reach(StrEnum):
    """Which addresses a base URL may resolve to: the outbound guard's question."""

    PUBLIC = "public"
    """Public addresses only: what accounts configure."""
    PRIVATE = "private"
    """Loopback and private addresses too: what the operator's own file names. Never link-local or metadata."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where connections go: the key of a connection pool."""

    scheme: Scheme
    host: str
    """A name or an address, without brackets, lower case."""
    port: int
    reach: Reach


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long one attempt may wait, in seconds."""

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    """From the request's last byte to the answer's first: reasoning models are silent for minutes."""
    idle_s: float = 120.0
    """Between two reads of an answer that has begun."""
    total_s: float = 900.0


class AfterLeave(StrEnum):
    """What to do with the provider when the client has left a stream."""

    CANCEL = "cancel"
    """Close the connection: the provider stops generating and stops billing."""
    DRAIN = "drain"
    """Read on to the usage (bounded): the provider bills to the end anyway."""


class StreamUsage(StrEnum):
    """How a provider is made to report usage in a stream."""

    ASKED = "asked"
    """By `stream_options.include_usage`."""
    ALWAYS = "always"
    """It always does, and refuses or ignores the option."""


class Streaming(StrEnum):
    """Which answers a provider gives in a dialect."""

    BOTH = "both"
    NEVER = "never"
    """Whole answers only: a client that streams gets its answer at once."""
    ALWAYS = "always"
    """Streams only: they are put together for a client that does not stream."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider varies inside a dialect."""

    stream_usage: StreamUsage = StreamUsage.ASKED
    after_leave: AfterLeave = AfterLeave.CANCEL
    streaming: Streaming = Streaming.BOTH
    renames: Mapping[str, str] = {}
    """Top-level request fields that this provider calls by another name."""
    unsupported: frozenset[str] = frozenset()
    """Top-level request fields that it refuses: left out, and named in the warning."""
    added: Mapping[str, object] = {}
    """Top-level request fields that it demands, with their values where the client gives none."""
    removed: frozenset[str] = frozenset()
    """Top-level request fields that it has elsewhere, such as a model in its path: left out, unnamed."""
    refused: Mapping[str, tuple[str, ...]] = {}
    """Top-level request fields with which it would cost more than its price card knows, or answer with another model: a
    request with one of these values, or with any where none is named, is refused."""
    output_limit: str = "max_tokens"
    """The field in which Tollway sends an output limit where the client sent none."""
    options: Mapping[str, str] = {}
    """What else it varies, in words that its dialect documents beside its renderer."""


class ModelRule(msgspec.Struct, frozen=True, kw_only=True):
    """Where some models of a provider differ from the others."""

    pattern: str
    """A name, in which a star stands for anything."""
    profile: Profile
    """All of it: what the rule does not say is the provider's."""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect that a provider speaks, and where."""

    dialect: str
    origin: Origin
    path_prefix: str
    """What stands before the dialect's own path, without a final slash: `/v1`, or empty."""
    path: str | None = None
    """In the place of the dialect's own path, where the provider has another; `{model}` stands for the model."""
    streamed_path: str | None = None
    """The same for a stream; None is `path`."""
    profile: Profile = Profile()
    rules: tuple[ModelRule, ...] = ()
    """The first one that fits a model counts."""
    only: tuple[str, ...] = ()
    """The models that it has in this dialect, as patterns; empty means all."""
    never: tuple[str, ...] = ()
    """The models that it does not have in this dialect, written the same."""

    def profile_of(self, model_routed: str) -> Profile:
        """Return what holds for a model."""
        for rule in self.rules:
            if fits(rule.pattern, model_routed):
                return rule.profile
        return self.profile

    def has(self, model_routed: str) -> bool:
        """Tell whether a model can be asked in this dialect."""
        if any(fits(pattern, model_routed) for pattern in self.never):
            return False
        return not self.only or any(fits(pattern, model_routed) for pattern in self.only)


def fits(pattern: str, model_routed: str) -> bool:
    """Tell whether a model is one of those that a pattern means: a name, in which a star stands for anything."""
    return fnmatchcase(model_routed, pattern)


class ErrorMeaning(StrEnum):
    """What an error of a provider is about, where its status says something else."""

    CREDENTIALS = "credentials"
    """The operator's key, and not the client's request."""
    FUNDS = "funds"
    """The operator's account at the provider has no money left, and not the client's here."""
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    MODEL = "model"
    """There is no such model."""
    REQUEST = "request"
    """The request itself: no other provider would take it."""


class KeyOf(StrEnum):
    """Whose key lets requests in at a provider."""

    GATEWAY = "gateway"
    """The one that was configured, if any; no key of a client ever goes there."""
    CLIENT = "client"
    """The one that each request brings beside the gateway's."""


OWN_MARK = "@"
"""Before the name of an account's provider where those of the deployment stand as well: no name begins so."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A place that speaks one dialect or more."""

    name: str
    """The alias clients may select: `PROVIDER/NAME`. Those that accounts bring may have the same."""
    speaks: tuple[Spoken, ...]
    """At least one, the preferred one of each operation first."""
    own_id: str | None = None
    """Of a provider that an account brought: what no other has, and what changes with it; None is the operator's."""
    key_of: KeyOf = KeyOf.GATEWAY
    key_header: str | None = None
    """Where a client's key goes; None is `authorization`, as a bearer."""
    calls: tuple["CallPrice", ...] = ()
    """What has a price by the call, the first that fits counts: paths that belong to no dialect."""
    headers: tuple[tuple[str, str], ...] = ()
    """What goes with every request, the one that carries the key included. Lower-case names. Never rendered or logged."""
    secrets: tuple[str, ...] = ()
    """What must never be shown, wherever it stands: keys, without the words around them."""
    signing: Signing | None = None
    """How each request is signed, where a fixed header is not enough."""
    timeouts: Timeouts = Timeouts()
    prices_id: str | None = None
    """What the price library calls this provider; None when it has no prices there."""
    error_words: Mapping[str, ErrorMeaning] = {}
    """What its errors are about: by their code or type, or by words of their message."""
    check_path: str | None = None
    """What can be asked for without cost, below the prefix of its first dialect, to see whether the key is good."""

    def __repr__(self) -> str:
        """Name the provider and nothing else: a repr ends up in logs."""
        return f"Provider({self.name!r})"

    @property
    def identity(self) -> str:
        """What no other provider has: by this, and never by its name, is remembered what belongs to it."""
        return self.own_id or self.name

    @property
    def booked_as(self) -> str:
        """What charges call it: an account's own stands apart from a provider of the deployment that is named the same."""
        return self.name if self.own_id is None else f"{OWN_MARK}{self.name}"

    def meaning_of(self, words: tuple[str | None, ...], message: str) -> ErrorMeaning | None:
        """Return what an error with this code and type, and this message, is about; None leaves it to its status."""
        if not self.error_words:
            return None
        said = message.lower()
        for word, meaning in self.error_words.items():
            if word in words or (" " in word and word.lower() in said):
                return meaning
        return None

    @property
    def home(self) -> Spoken:
        """The dialect that it speaks first: where it is asked for its models, and what stands in lists."""
        return self.speaks[0]

    def speaking(self, dialect: str, model_routed: str | None = None) -> Spoken | None:
        """Return where it speaks a dialect, of a model if one is given; None when it does not."""
        speaks = self.speaks if model_routed is None else self.speaks_of(model_routed)
        return next((spoken for spoken in speaks if spoken.dialect == dialect), None)

    def speaks_of(self, model_routed: str) -> tuple[Spoken, ...]:
        """Return the dialects in which it can be asked for a model."""
        return tuple(spoken for spoken in self.speaks if spoken.has(model_routed))


class UnitPrices(msgspec.Struct, frozen=True, kw_only=True):
    """The price of each unit, in whole nano-units of a currency per million tokens, pictures or calls.

    A unit whose price is None costs what its parent unit costs.
    """

    input: int
    output: int
    cached_input: int | None = None
    """Its parent is `input`."""
    reasoning: int | None = None
    """Its parent is `output`."""
    audio_input: int | None = None
    """Its parent is `input`."""
    audio_output: int | None = None
    """Its parent is `output`."""
    cache_write_5m: int | None = None
    """Its parent is `input`."""
    cache_write_1h: int | None = None
    """Its parent is `cache_write_5m`."""
    image: int | None = None
    """It has no parent: None costs nothing."""
    call: int | None = None
    """It has no parent: None costs nothing. Where it has a price, an answer is one call."""


class PriceTier(UnitPrices, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for the whole of a request with more input than this."""

    above_tokens: int
    """Input of all units together: more than so many."""


class Prices(UnitPrices, frozen=True, kw_only=True):
    """What a price card says, without whom it is for."""

    currency: str
    tiers: tuple[PriceTier, ...] = ()
    """In ascending order of `above_tokens`."""
    batch_ppm: int | None = None
    """What answers of a batch or flex tier cost of the price, in parts per million; None is all of it."""
    valid_from_ms: int | None = None
    """From when on; None is since ever."""


class PriceCard(Prices, frozen=True, kw_only=True):
    """The prices of a model at a provider; never edited, only superseded."""

    id: int
    """Made from the content, so that the same prices are the same card on every host."""
    provider: str
    model: str
    source: str
    """`config`, or the price library and its version."""


class CallPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a call of one kind costs, whatever is in it."""

    method: str
    """In capitals."""
    path: str
    """As clients write it, in which a star stands for anything."""
    card: PriceCard
    """Its one price is that of a call."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a provider, with its prices."""

    provider: Provider
    model_routed: str
    card: PriceCard | None
    """The one in force when the catalog was made, to be asked for by `card_at`; None when nobody knows a price: prepaid
    keys are refused."""
    weight: int = 1
    later_cards: tuple[PriceCard, ...] = ()
    """Those that will supersede it, in ascending order of `valid_from_ms`."""


def card_at(target: Target, now_ms: int) -> PriceCard | None:
    """Return the card in force at the start of an exchange; None while nobody knows a price."""
    card = target.card
    for later in target.later_cards:
        if (later.valid_from_ms or 0) > now_ms:
            break
        card = later
    return card


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for."""

    id: str
    """Exact and case-sensitive; `PROVIDER/*` is a wildcard."""
    targets: tuple[Target, ...]
    listed_as: str | None = None
    """The id of the model that names the same target, where a client asked for that as `PROVIDER/NAME`."""
    context_tokens: int | None = None
    output_tokens_max: int | None = None
    price_ppm: int = PPM
    """The model's discount or markup: what its prices are multiplied by, in parts per million."""
    capabilities: tuple[str, ...] = ()
    """Words of `capabilities.FACTS`; empty means unknown."""
    created_s: int = 0
