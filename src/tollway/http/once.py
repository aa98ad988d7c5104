"""Calls with an idempotency key, of what FastAPI answers: done once for all the times they are sent.

Knows no route, no key and no SQL. An answer is held back until it is kept: a caller that has seen one will see the same again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tollway import clock
from tollway.http.asgi import Scope
from tollway.http.caller import idempotency_key
from tollway.ledger.answers import AnswerFound, AnswerState
from tollway.relay.keeping import REPLAY
from tollway.relay.recording import Recording
from tollway.relay.stored_answers import CLAIM_WAIT_S, Asked, Entry, Reply, StoredAnswers

Send = Callable[[Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

SERVER_ERROR = 500
"""What a defect of ours is answered with: nobody knows how far the call came, so it is not done once more."""


class Held:
    """An answer of the inner application, held back."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.status = 0
        self.headers: Headers = []
        self.body = b""
        self.complete = False

    async def take(self, message: dict[str, Any]) -> None:
        """Take a message that the application sends."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], [*message["headers"]]
        else:
            self.body += message.get("body", b"")
            self.complete = not message.get("more_body", False)

    @property
    def undone(self) -> bool:
        """The call was refused, so nothing happened."""
        return self.complete and self.status >= 400 and self.status != SERVER_ERROR


def asked_once(scope: Scope, body: bytes, *, scope_id: int, owner_id: int, exchange_id: int) -> Asked | None:
    """Return what a call asks for that carries an idempotency key, which is its scope's; None for one that carries none.

    Raises Refusal for a key that is none, and for two.
    """
    key = idempotency_key(scope["headers"]) if scope["method"] == "POST" else None
    if key is None:
        return None
    return Asked(
        scope_id=scope_id,
        owner_id=owner_id,
        key=key,
        target=b"POST %b?%b" % (scope["path"].encode("utf-8"), scope["query_string"]),
        body=body,
        exchange_id=exchange_id,
        received_ms=clock.now_ms(),
        state=AnswerState.ACTING,
    )


async def answer_once(
    answers: StoredAnswers, asked: Asked, answer: Callable[[Send], Awaitable[None]], send: Send
) -> None:
    """Have `answer` answer a call, or send what it was answered before; raises Refusal, and then nothing was sent."""
    entry = await answers.enter(asked)
    if isinstance(entry, Reply):
        await _send(send, entry.status, [*_headers(entry.head), *_headers(REPLAY)], entry.body)
        return
    held = Held()
    try:
        await answer(held.take)
    finally:
        await _settle(entry, held)
        if held.complete:
            await _send(send, held.status, held.headers, held.body)


async def _settle(entry: Entry, held: Held) -> None:
    """Keep an answer, release the claim of a call that was refused, and let that of a call without an answer stand."""
    await asyncio.wait((_told(entry, held),), timeout=CLAIM_WAIT_S)


def _told(entry: Entry, held: Held) -> asyncio.Future[AnswerFound | None]:
    if held.undone:
        return entry.give_up()
    recording = Recording()
    recording.add(held.body)
    packed = recording.packed()
    if packed is None or not held.complete:
        return entry.stand(AnswerState.UNKEPT if held.complete else AnswerState.UNCLEAR)
    content_type = dict(held.headers).get(b"content-type", b"").decode("latin-1")
    head = b"".join([b"%b: %b\r\n" % header for header in held.headers])
    return entry.keep(held.status, content_type, head=head, packed=packed)


def _headers(head: bytes) -> Headers:
    lines = [line.partition(b": ") for line in head.split(b"\r\n") if line]
    return [(name, value) for name, _, value in lines]


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
