"""Where a payment provider delivers its messages. Open to anyone: the signature on a message is its key.

Reaches no provider of models and tells no secret; knows no store: it is given who hears.
"""

import asyncio
from collections.abc import Callable

import msgspec

from tollway.billing.payments import Heard, Hearing
from tollway.errors import Refusal
from tollway.http.routes import Call, Gate, Page, Route
from tollway.logs import get_log

log = get_log(__name__)

PATH = "/webhooks/stripe"

BODY_BYTES_MAX = 256 * 1024
"""A message is a few kilobytes; this much is what strangers may make us keep for the time of a check."""

SIGNATURE = b"stripe-signature"

Hear = Callable[[bytes, str], Heard]


def payment_routes(hear: Hear) -> dict[str, Route]:
    """Return the route of a deployment that takes payments; `hear` verifies a message, acts on it, and may wait."""

    async def webhook(call: Call) -> Page:
        signature = next((value for name, value in call.headers if name == SIGNATURE), b"")
        try:
            heard = await asyncio.to_thread(hear, call.body, signature.decode("latin-1"))
        except Refusal as refusal:
            log.warning("a payment message was refused", code=refusal.code, reason=refusal.message)
            raise
        if heard.hearing is Hearing.DIFFERS:
            log.error("a payment message differs from the books: nothing was moved", **_about(heard))
        else:
            log.info("a payment message was heard", **_about(heard))
        # Also for what differs: to send it again would change nothing, and an event says what people must look at.
        return Page(200, msgspec.json.encode({"received": True, "outcome": heard.hearing.value}))

    return {PATH: Route(method=b"POST", gate=Gate.OPEN, page=webhook, body_bytes_max=BODY_BYTES_MAX)}


def _about(heard: Heard) -> dict[str, object]:
    about: dict[str, object] = {"event_id": heard.event_id, "kind": heard.kind, "outcome": heard.hearing.value}
    return about | ({"differences": list(heard.differences)} if heard.differences else {})
