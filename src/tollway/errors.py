"""Every error that Tollway raises on purpose, in three branches: what a client is refused, what a provider did, what an operator must mend.

Knows no wire format: a dialect renders a Refusal.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class TollwayError(Exception):
    """The root of all that Tollway raises on purpose."""


class CodeFacts(NamedTuple):
    """What a code means on the wire: HTTP status, the `type` word beside it, and whether trying again can help."""

    status: int
    type: str
    retry: bool | None
    """False sends `x-should-retry: false`; None leaves the client's own rule."""


CODES: Mapping[str, CodeFacts] = {
    "invalid_request": CodeFacts(400, "invalid_request_error", None),
    "invalid_api_key": CodeFacts(401, "authentication_error", None),
    "account_suspended": CodeFacts(403, "permission_error", None),
    "model_not_allowed": CodeFacts(403, "permission_error", None),
    "not_permitted": CodeFacts(403, "permission_error", None),
    "address_not_allowed": CodeFacts(403, "permission_error", None),
    "route_not_allowed": CodeFacts(403, "permission_error", None),
    "model_not_found": CodeFacts(404, "model_not_found", None),
    "not_found": CodeFacts(404, "not_found", None),
    "idempotency_conflict": CodeFacts(409, "idempotency_conflict", False),
    "request_too_large": CodeFacts(413, "request_too_large", None),
    "insufficient_quota": CodeFacts(429, "insufficient_quota", False),
    "cap_reached": CodeFacts(429, "cap_reached", False),
    "rate_limit_exceeded": CodeFacts(429, "rate_limit_exceeded", None),
    "transfer_agent_capacity_reached": CodeFacts(429, "transfer_agent_capacity_reached", None),
    "internal_error": CodeFacts(500, "internal_error", None),
    "not_supported": CodeFacts(501, "not_supported", False),
    "upstream_error": CodeFacts(502, "upstream_error", None),
    "upstream_unavailable": CodeFacts(503, "upstream_unavailable", None),
    "not_ready": CodeFacts(503, "not_ready", None),
    "upstream_timeout": CodeFacts(504, "upstream_timeout", None),
}
"""The contract of design section 9, for what exists so far; docs/errors.md explains each and a test compares the two."""


class Refusal(TollwayError):
    """A request is answered with an error; the message speaks to the person who can act on it."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        metadata: Mapping[str, object] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        """Take one of CODES, the sentence for the client, the field at fault, further facts, and when to try again."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.metadata = metadata
        self.retry_after_s = retry_after_s
        self.attempted: tuple[str, int] | None = None
        """The provider that failed last, and how many attempts there were; None where nobody was asked."""

    @property
    def facts(self) -> CodeFacts:
        """The status and words that go with the code."""
        return CODES[self.code]


class Retold(Refusal):
    """A refusal in the words of a brand: the same thing under another status, code or type."""

    def __init__(self, refusal: Refusal, facts: CodeFacts, *, code: str) -> None:
        """Take the refusal, and what is told instead of its own facts and code."""
        super().__init__(
            code,
            refusal.message,
            param=refusal.param,
            metadata=refusal.metadata,
            retry_after_s=refusal.retry_after_s,
        )
        self._facts = facts

    @property
    def facts(self) -> CodeFacts:
        """The status and words that are told."""
        return self._facts


class StoreUnusable(Refusal):
    """The database is locked, full, gone or damaged: its own words are for the operator, and no client's business."""

    def __init__(self, trouble: str) -> None:
        """Take what is wrong, in the database's words."""
        super().__init__("not_ready", "The store cannot be used at the moment: try again soon.", retry_after_s=1)
        self.trouble = trouble

    def __str__(self) -> str:
        """Say what is wrong: what commands and logs show."""
        return f"The store cannot be used at the moment: {self.trouble}."


class StillRunning(Refusal):
    """What was asked is being done already: the same request may be sent again."""

    @property
    def facts(self) -> CodeFacts:
        """The status and words that go with the code, and that trying again helps."""
        return super().facts._replace(retry=True)


class FailureKind(StrEnum):
    """What went wrong on the way to or from a provider."""

    BLOCKED = "blocked"
    """The outbound guard refuses the address."""
    CONNECT = "connect"
    """No connection: refused, unresolvable, TLS not verified, or the connect timeout passed."""
    TIMEOUT = "timeout"
    """Connected, but the first byte, the next byte or the end did not come in time."""
    BROKE = "broke"
    """The connection ended before the answer did."""
    JUNK = "junk"
    """What came is not HTTP, not within the bounds, or not in the dialect."""


class UpstreamFailure(TollwayError):
    """A provider did not answer properly; whether anything else may be tried is the attempts' decision."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        """Take the kind and a sentence that names no key and no internal address."""
        super().__init__(message)
        self.kind = kind
        self.message = message


class Shortage(TollwayError):
    """A purse has less to spend than a hold needs; no part of it was set aside."""

    def __init__(self, *, purse_id: int, available_nanos: int) -> None:
        """Take which purse, and what could be spent of it at that moment."""
        super().__init__(f"only {available_nanos} nano-units are available")
        self.purse_id = purse_id
        self.available_nanos = available_nanos


class PaymentRefused(TollwayError):
    """The payment provider said no (a card, an amount, our key): nothing was paid. Its words are for a person."""


class PaymentUnclear(TollwayError):
    """The payment provider did not answer: a payment may have been made or not. The same call may be made again."""


class SetupError(TollwayError):
    """An operator must mend something before Tollway can start; holds every mistake found, not only the first."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        """Take one line for each mistake, each naming the file and key and saying what to do."""
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class CommandRefused(TollwayError):
    """A command or admin call cannot be done as asked (no such account, a bad amount); said in one line."""


class NotThere(CommandRefused):
    """What is named does not exist, or belongs to another account: the words are the same for both."""


class OnlyTheOperator(CommandRefused):
    """An account's owner would change what the operator set."""


class InputRefused(CommandRefused):
    """What was handed in has mistakes; all of them, not only the first."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        """Take one sentence for each mistake, each naming its place."""
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes
