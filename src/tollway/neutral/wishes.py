"""What a client wishes of the choice of models and providers, beside what it asks of the model. Values only; knows no wire format."""

from enum import StrEnum

import msgspec

MODELS_MAX = 8
"""Models of one request, fallbacks included: each may be waited for, and the hold covers the dearest of them."""

RETRIES_MAX = 5


class Policy(StrEnum):
    """In which order the targets of a request are tried."""

    LOWEST_LATENCY = "lowest_latency"
    LOWEST_COST = "lowest_cost"
    HIGHEST_THROUGHPUT = "highest_throughput"
    PINNED = "pinned"
    """The first one, and no other."""


class Bias(StrEnum):
    """What counts where the gateway chooses the model."""

    COST = "cost"
    SPEED = "speed"
    QUALITY = "quality"
    AUTO = "auto"


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the body of a request says of it. Its top-level members are the gateway's: no provider gets them."""

    models: tuple[str, ...] = ()
    """In the order in which they are tried; empty where the body names none."""
    fallbacks: tuple[str, ...] = ()
    """Tried behind all of `models`."""
    fallback: bool = True
    """False: what is tried first is tried alone."""
    policy: Policy | None = None
    input_price_max_nanos: int | None = None
    """Nano-dollars per million tokens of input."""
    providers: tuple[str, ...] = ()
    """The only ones that may be asked, the preferred ones first; empty means all."""
    baseline_model: str | None = None
    """What the gateway chooses must not be dearer than this."""
    bias: Bias | None = None


NO_WISHES = Wishes()


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers of a request say of the same."""

    fallbacks: tuple[str, ...] = ()
    baseline_model: str | None = None
    timeout_ms: int | None = None
    """How long one attempt may take."""
    retries: int | None = None
    """How often a target may be asked again, over the whole request; None leaves it to the deployment."""


UNSTEERED = Steering()
