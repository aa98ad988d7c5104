"""A refusal in Google's form, for clients that ask for embeddings. Knows no provider."""

import msgspec

from tollway.errors import Refusal

STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's canonical word for an HTTP status."""

_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_ENCODE = msgspec.json.Encoder().encode


def render_error(refusal: Refusal) -> bytes:
    """Return the body of a refusal: Google's members, our code as the reason, and the rest beside them."""
    facts = refusal.facts
    info = {"@type": _INFO, "reason": refusal.code, "domain": "tollway"}
    return _ENCODE(
        {
            "error": {
                "code": facts.status,
                "message": refusal.message,
                "status": STATUS_WORDS.get(facts.status, "UNKNOWN"),
                "details": [info],
                "type": facts.type,
                "param": refusal.param,
                "metadata": dict(refusal.metadata or {}),
            }
        }
    )
