"""The body of a request, read whole but bounded in size and time. Knows no route and no wire format."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tollway.errors import Refusal

BODY_READ_S = 60.0
"""From a request's head to its body's last byte: a client that stops in between must not hold memory for ever."""

Receive = Callable[[], Awaitable[Any]]


def too_large(bytes_max: int) -> Refusal:
    """Return the 413 for a body over the limit."""
    return Refusal("request_too_large", f"The request body is larger than {bytes_max} bytes: send less, or in parts.")


def check_head(headers: list[tuple[bytes, bytes]], *, bytes_max: int) -> None:
    """Raise Refusal when the head alone says that the body cannot be taken: too long, or compressed."""
    for name, value in headers:
        if name == b"content-length" and int(value) > bytes_max:
            raise too_large(bytes_max)
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise Refusal("invalid_request", "Compressed request bodies are not supported: send it uncompressed.")


async def read_body(receive: Receive, *, bytes_max: int) -> bytes:
    """Return the whole body; raises Refusal 413 over the limit, 400 when it does not come whole or in time."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] != "http.request":
        raise Refusal("invalid_request", "The connection was closed before the request body was complete.")
    if not message.get("more_body", False):
        if len(body) > bytes_max:
            raise too_large(bytes_max)
        return body
    try:
        async with asyncio.timeout(BODY_READ_S):
            return await _read_rest(receive, body, bytes_max=bytes_max)
    except TimeoutError:
        raise Refusal("invalid_request", f"The request body did not come whole within {BODY_READ_S:g} s.") from None


async def _read_rest(receive: Receive, first: bytes, *, bytes_max: int) -> bytes:
    body = bytearray(first)
    more = True
    while more:
        if len(body) > bytes_max:
            raise too_large(bytes_max)
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal("invalid_request", "The connection was closed before the request body was complete.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if len(body) > bytes_max:
        raise too_large(bytes_max)
    return bytes(body)
