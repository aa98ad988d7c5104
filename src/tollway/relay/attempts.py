"""Which target is tried next after a failure: all the decisions of fallback, and none of its waiting. Pure."""

from collections.abc import Generator

import msgspec

from tollway.catalog.records import ErrorMeaning, Target
from tollway.errors import FailureKind, Refusal, UpstreamFailure

REQUEST_STATUSES = frozenset({400, 413, 415, 422})
"""Answers that say the request itself is wrong: every provider would say so, and the client must mend it."""


class ProviderRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's own error answer, read: no byte of it has reached the client."""

    status: int
    message: str
    code: str | None
    param: str | None
    retry_after_s: int | None
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


def attempts(targets: tuple[Target, ...]) -> Generator[Target, Setback, Refusal]:
    """Yield the target to try; take what went wrong with it; return the refusal when nothing is left to try.

    Used only while no byte of an answer has reached the client. A request that is itself wrong is not tried again.
    """
    refusal = None
    for target in targets:
        setback = yield target
        refusal = explain(setback, provider=target.provider.name)
        if isinstance(setback, ProviderRefusal) and setback.status_meant in REQUEST_STATUSES:
            break
    return refusal or Refusal("upstream_unavailable", "No provider is configured for this model.")


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
    if setback.status_meant in (401, 403):
        message = f"The provider {provider!r} refused this gateway's credentials: the operator must check its key."
    elif setback.status_meant == STATUS_FUNDS:
        message = f"The provider {provider!r} wants to be paid: the operator must top up its account there."
    else:
        message = f"The provider {provider!r} answered {setback.status}: {setback.message}"
    return Refusal(
        code,
        message,
        param=setback.param,
        metadata={"provider": provider, "provider_status": setback.status, "provider_code": setback.code},
        retry_after_s=setback.retry_after_s,
    )
