"""The one edge of both APIs: what fails stays with its call, and an answer that has begun is never followed by another."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tollway.errors import Refusal, StoreUnusable
from tollway.http.asgi import Sending, at_the_edge


class Call:
    """One call: what was sent, and what was refused."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.refused: list[Refusal] = []

    async def answer_by(self, answer: Callable[[Sending], Awaitable[None]]) -> None:
        """Answer the call."""
        sending = Sending(self._send)

        async def refuse(refusal: Refusal) -> None:
            self.refused.append(refusal)

        await at_the_edge(lambda: answer(sending), refuse, sending, request_id="req_1")

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


async def test_a_defect_before_an_answer_is_told_without_its_words() -> None:
    async def fail(send: Sending) -> None:
        raise KeyError("sk-canary")

    call = Call()
    await call.answer_by(fail)
    (refusal,) = call.refused
    assert (refusal.code, refusal.facts.status) == ("internal_error", 500)
    assert "req_1" in refusal.message
    assert "canary" not in refusal.message


async def test_a_defect_after_an_answer_has_begun_is_raised_and_nothing_more_is_said() -> None:
    async def fail(send: Sending) -> None:
        await send({"type": "http.response.start"})
        raise KeyError("x")

    call = Call()
    with pytest.raises(KeyError):
        await call.answer_by(fail)
    assert call.refused == []
    assert len(call.sent) == 1


async def test_what_a_database_says_is_not_told() -> None:
    async def fail(send: Sending) -> None:
        raise StoreUnusable("no such table: exchanges")

    call = Call()
    await call.answer_by(fail)
    (refusal,) = call.refused
    assert refusal.facts.status == 503
    assert "exchanges" not in refusal.message
