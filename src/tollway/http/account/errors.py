"""How the accounts' API tells errors: in the brand's envelope, and on some paths in one that their clients read more in."""

from datetime import UTC, datetime
from typing import cast

import msgspec

from tollway import clock
from tollway.errors import Refusal
from tollway.http.account.asking import Call
from tollway.http.account.parts import AccountParts
from tollway.http.asgi import Headers
from tollway.http.brand_errors import retold
from tollway.http.replies import advice

OUTCOME_PATHS = ("/api/v1/whoami", "/api/v1/pricing", "/api/v1/public/pricing")
"""Whose answers say `success`, and whose errors hold status, request id and time."""


def told(parts: AccountParts, call: Call, refusal: Refusal) -> tuple[int, Headers, bytes]:
    """Return status, further headers and body of an error."""
    said = retold(refusal, call.heads.brand)

    def render(refusal: Refusal) -> bytes:
        body = parts.render_error(refusal)
        return _with_outcome(body, refusal, call) if call.path in OUTCOME_PATHS else body

    body = call.heads.error_body(said, request_id=call.request_id, render_error=render)
    return said.facts.status, advice(said), body


def _with_outcome(body: bytes, refusal: Refusal, call: Call) -> bytes:
    shown = cast("dict[str, dict[str, object]]", msgspec.json.decode(body))
    at = datetime.fromtimestamp(clock.now_ms() / 1000, tz=UTC)
    shown["error"] |= {
        "statusCode": refusal.facts.status,
        "requestId": call.request_id,
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return msgspec.json.encode({"success": False, **shown})
