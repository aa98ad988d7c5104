"""Which target is tried next after a failure: all the decisions of fallback, and none of its waiting. Pure."""

from collections.abc import Generator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from tollway.catalog.records import ErrorMeaning, KeyOf, Provider, Target
from tollway.errors import FailureKind, Refusal, UpstreamFailure

REQUEST_STATUSES = frozenset({400, 413, 415, 422})
"""Answers that say the request itself is wrong: every provider would say so, and the client must mend it."""


class Holder(StrEnum):
    """Whose key, and whose account at a provider, a request went there with."""

    OPERATOR = "operator"
    ACCOUNT = "account"
    CLIENT = "client"


def holder_at(provider: Provider) -> Holder:
    """Return whose key a provider is asked with."""
    if provider.key_of is KeyOf.CLIENT:
        return Holder.CLIENT
    return Holder.OPERATOR if provider.own_id is None else Holder.ACCOUNT


_TO_MEND = {
    Holder.OPERATOR: (
        "this gateway's credentials: the operator must check its key",
        "the operator must top up its account",
    ),
    Holder.ACCOUNT: ("the key that this account brought for it: give it a good one", "top up your account"),
    Holder.CLIENT: ("the key that came with this request: check the one that you have for it", "top up your account"),
}
"""Who is to do what about credentials, and about money."""


class ProviderRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's own error answer, read: no byte of it has reached the client."""

    status: int
    message: str
    code: str | None
    param: str | None
    retry_after_s: int | None
    holder: Holder = Holder.OPERATOR
    """Whose key it was asked with."""
    meaning: ErrorMeaning | None = None
    """What it is about, where the provider is known to say it otherwise than by the status."""

    @property
    def status_meant(self) -> int:
        """The status that says what it is about."""
        return self.status if self.meaning is None else MEANT[self.meaning]


STATUS_FUNDS = 402

MEANT = {
    ErrorMeaning.CREDENTIALS: 401,
    ErrorMeaning.FUNDS: 402,
    ErrorMeaning.RATE_LIMIT: 429,
    ErrorMeaning.OVERLOADED: 503,
    ErrorMeaning.MODEL: 404,
    ErrorMeaning.REQUEST: 400,
}

Setback = UpstreamFailure | ProviderRefusal | Refusal
"""A Refusal is ours: the request cannot be put to this target without a loss, and another may take it."""


RETRY_TIME_S_MAX = 8.0
"""No target is asked again later than this after the first attempt began: clients wait no longer for a first sign."""

BACKOFF_S, BACKOFF_S_MAX = 0.25, 2.0
"""How long is waited before the first retry, doubled with each: a server that is overloaded needs room to recover."""

TRANSIENT_KINDS = frozenset({FailureKind.CONNECT, FailureKind.TIMEOUT})
"""Failures after which the same provider may well answer. One that broke off may have worked, and bills it."""

TRANSIENT_STATUSES = frozenset({408, 429})
"""So with these, and with every 5xx that says nothing of the request."""


class Try(NamedTuple):
    """What is to be tried."""

    target: Target
    after_s: float = 0.0
    """How long to wait before."""


class Happened(NamedTuple):
    """How a try ended."""

    setback: Setback
    elapsed_s: float = 0.0
    """Since the first one began."""
    draw: float = 0.5
    """Chance, in [0, 1): clients that were refused together must not come again together."""


def attempts(targets: tuple[Target, ...], *, retries: int = 0) -> Generator[Try, Happened, Refusal]:
    """Yield what to try; take how it ended; return the refusal when nothing is left to try.

    Each target in order, at once; then again those whose setback may pass, in the same order, `retries` times in all. A
    wait costs nothing where another provider is at hand. Used only while no byte of an answer has reached the client. A
    request that is itself wrong is not tried again.
    """
    refusal: Refusal | None = None
    happened: Happened | None = None
    waiting: list[tuple[Target, float]] = []
    for target in targets:
        happened = yield Try(target)
        refusal = explain(happened.setback, provider=target.provider.name)
        if is_final(happened.setback):
            return refusal
        _queue(waiting, target, happened.setback)
    for count in range(retries):
        if not waiting:
            break
        assert happened is not None, "what waits has been tried"
        target, asked_s = waiting.pop(0)
        after_s = max(_backoff_s(count, happened.draw), asked_s)
        if happened.elapsed_s + after_s > RETRY_TIME_S_MAX:
            break
        happened = yield Try(target, after_s)
        refusal = explain(happened.setback, provider=target.provider.name)
        if is_final(happened.setback):
            return refusal
        _queue(waiting, target, happened.setback)
    return refusal or Refusal("upstream_unavailable", "No provider is configured for this model.")


def is_final(setback: Setback) -> bool:
    """Tell whether every other target would say the same."""
    return isinstance(setback, ProviderRefusal) and setback.status_meant in REQUEST_STATUSES


def pause_s(setback: Setback) -> float | None:
    """Return how long a provider wants to be left alone; None where asking it again would change nothing."""
    if isinstance(setback, UpstreamFailure):
        return 0.0 if setback.kind in TRANSIENT_KINDS else None
    if isinstance(setback, ProviderRefusal):
        status = setback.status_meant
        if status in TRANSIENT_STATUSES or status >= 500:
            return float(setback.retry_after_s or 0)
    return None


def _queue(waiting: list[tuple[Target, float]], target: Target, setback: Setback) -> None:
    asked_s = pause_s(setback)
    if asked_s is not None and asked_s <= RETRY_TIME_S_MAX:
        waiting.append((target, asked_s))


def _backoff_s(count: int, draw: float) -> float:
    """Return how long to wait before a retry: half of it for certain, the other half by chance."""
    return min(BACKOFF_S * 2**count, BACKOFF_S_MAX) * (0.5 + draw / 2)


FAILURE_CODES = {
    FailureKind.BLOCKED: "upstream_unavailable",
    FailureKind.CONNECT: "upstream_unavailable",
    FailureKind.TIMEOUT: "upstream_timeout",
    FailureKind.BROKE: "upstream_error",
    FailureKind.JUNK: "upstream_error",
}

STATUS_CODES = {
    400: "invalid_request",
    413: "invalid_request",
    415: "invalid_request",
    422: "invalid_request",
    404: "model_not_found",
    408: "upstream_timeout",
    429: "rate_limit_exceeded",
    503: "upstream_unavailable",
    504: "upstream_timeout",
    529: "upstream_unavailable",
}
"""What a provider's status becomes; any other is `upstream_error`. Its 401 and 403 speak of the operator's key, not of the client's."""


def explain(setback: Setback, *, provider: str) -> Refusal:
    """Return the refusal that a client gets for what a provider did, naming the provider and nothing internal."""
    if isinstance(setback, Refusal):
        return setback
    if isinstance(setback, UpstreamFailure):
        return Refusal(
            FAILURE_CODES[setback.kind],
            f"The provider {provider!r} could not answer: {setback.message}.",
            metadata={"provider": provider},
        )
    code = STATUS_CODES.get(setback.status_meant, "upstream_error")
    refused, unpaid = _TO_MEND[setback.holder]
    if setback.status_meant in (401, 403):
        message = f"The provider {provider!r} refused {refused}."
        if setback.holder is Holder.CLIENT:
            code = "invalid_api_key"
    elif setback.status_meant == STATUS_FUNDS:
        message = f"The provider {provider!r} wants to be paid: {unpaid} there."
    else:
        message = f"The provider {provider!r} answered {setback.status}: {setback.message}"
    return Refusal(
        code,
        message,
        param=setback.param,
        metadata={"provider": provider, "provider_status": setback.status, "provider_code": setback.code},
        retry_after_s=setback.retry_after_s,
    )
