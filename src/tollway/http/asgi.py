"""What stands around an application of FastAPI, whoever may ask it: addresses checked, bodies handed on, headers added.

Knows no route and no key.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tollway.errors import Refusal
from tollway.http.request_body import Receive
from tollway.logs import get_log

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

log = get_log(__name__)


def check_target(scope: Scope) -> None:
    """Raise Refusal for an address that some databases cannot even be asked for."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise Refusal("invalid_request", "The address has a character zero, which no text has.")


def peer_of(scope: Scope) -> str | None:
    """Return the address that a connection comes from, where it has one."""
    client = scope.get("client")
    return None if not client else str(client[0])


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body that was read, then whatever comes next."""
    whole: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Any:  # noqa: ANN401 ASGI's messages have no closer type
        return whole.pop() if whole else await receive()

    return replayed


def with_headers(send: Send, more: Headers) -> Send:
    """Return a `send` that puts more headers on the answer."""

    async def sent(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sent


class Sending:
    """A `send` that knows whether an answer has begun: then nothing else can be said in its place."""

    __slots__ = ("_send", "begun")

    def __init__(self, send: Send) -> None:
        """Send by `send`."""
        self._send = send
        self.begun = False

    async def __call__(self, message: dict[str, Any]) -> None:
        """Send a part of the answer."""
        self.begun = True
        await self._send(message)


async def at_the_edge(
    answer: Callable[[], Awaitable[None]],
    refuse: Callable[[Refusal], Awaitable[None]],
    send: Sending,
    *,
    request_id: str,
) -> None:
    """Answer one call by `answer`, and by `refuse` what it raises, a defect of ours too: it stays with that call.

    `send` is what both send by. What fails after an answer has begun was told by the application, which raises it once more.
    """
    try:
        await answer()
    except Refusal as refusal:
        await refuse(refusal)
    except Exception:
        if send.begun:
            raise
        log.exception("a call failed inside Tollway", request_id=request_id)
        await refuse(Refusal("internal_error", f"Tollway failed on this request: quote {request_id} to its operator."))


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer of JSON."""
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
