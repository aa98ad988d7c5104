"""Errors in the form of Messages: `{"type": "error", "error": {...}}`, with our code beside the dialect's word. Pure."""

import msgspec

from tollway.errors import Refusal

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""The API's own word for each status that it has; it has none for a conflict, which is the request's fault too."""

_FAULT_OF_REQUEST, _FAULT_OF_SERVER = "invalid_request_error", "api_error"
_SERVER_STATUS = 500
_ENCODE = msgspec.json.Encoder().encode


def render_error(refusal: Refusal) -> bytes:
    """Return the body of a refusal: the dialect's `type` and `message`, and our `code`, `param` and `metadata`."""
    status = refusal.facts.status
    other = _FAULT_OF_SERVER if status >= _SERVER_STATUS else _FAULT_OF_REQUEST
    return _ENCODE(
        {
            "type": "error",
            "error": {
                "type": _TYPES.get(status, other),
                "message": refusal.message,
                "code": refusal.code,
                "param": refusal.param,
                "metadata": dict(refusal.metadata or {}),
            },
        }
    )
