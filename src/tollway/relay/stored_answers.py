"""Answers that clients may ask for again: a key is claimed before anything is held or sent, then kept or released.

Knows no connection and no SQL: it hands steps to the group commit, and hears what a claim met.
"""

import asyncio
import importlib
from typing import Protocol, cast

import msgspec

from tollway.errors import Refusal, StillRunning, TollwayError
from tollway.ids import EXCHANGE, render_id
from tollway.ledger.answers import AnswerClaim, AnswerFound, AnswerState, KeepAnswer, ReleaseAnswer
from tollway.relay.ports import Answers
from tollway.relay.recording import ANSWER_BYTES_MAX, unpacked

CLAIM_WAIT_S = 5.0
"""How long a request waits for its claim: longer than any commit of a healthy disk, shorter than a client's patience."""

AGAIN_S_MIN = 1
AGAIN_S_MAX = 30
"""What `Retry-After` says while an answer is on its way: as long as it has been until now, within these bounds. So a client
that obeys asks a few times for an answer of minutes, and loses little on one of seconds."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request with an idempotency key."""

    scope_id: int
    """The account; zero for the admin API."""
    owner_id: int
    """Within the scope: the sub-account, or the admin key; zero for none. Keys of two owners never meet."""
    key: str
    target: bytes
    """Method and path."""
    body: bytes
    exchange_id: int
    received_ms: int
    state: AnswerState = AnswerState.RUNNING


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was given before."""

    exchange_id: int
    """Of the request that it was given to."""
    status: int
    content_type: str
    head: bytes
    body: bytes


class Seal(Protocol):
    """What `sealing.Seal` does, which is imported when it is needed."""

    key_digest: bytes
    request_digest: bytes

    def close(self, head: bytes, packed: bytes, *, exchange_id: int) -> bytes:
        """Encrypt an answer."""
        ...

    def open(self, sealed: bytes, *, exchange_id: int) -> tuple[bytes, bytes]:
        """Return head and body of an answer."""
        ...


class _Sealing(Protocol):
    def Seal(self, *, owner: tuple[int, int], key: str, target: bytes, body: bytes) -> Seal: ...  # noqa: N802


class StoredAnswers:
    """The use case; belongs to the running event loop."""

    def __init__(self, commits: Answers) -> None:
        """Take what makes claims durable."""
        self._commits = commits
        self._sealing: _Sealing | None = None

    async def enter(self, asked: Asked) -> "Entry | Reply":
        """Claim the key of a request, durably; or return the answer that was kept under it.

        Raises Refusal `idempotency_conflict` when the key is another request's, when its request is still running
        (StillRunning), or when its answer was not kept; `not_ready` when nothing can be written.
        """
        if not self._commits.accepting:
            raise _not_ready()
        seal = await self._seal(asked)
        claim = AnswerClaim(
            scope_id=asked.scope_id,
            key_digest=seal.key_digest,
            request_digest=seal.request_digest,
            exchange_id=asked.exchange_id,
            created_ms=asked.received_ms,
            state=asked.state,
        )
        entry = Entry(self._commits, claim, seal)
        found = await self._claimed(entry)
        if found is None:
            return entry
        if found.state is AnswerState.DONE and found.same_request:
            return _reply(found, seal)
        raise conflict(found, now_ms=asked.received_ms)

    async def _seal(self, asked: Asked) -> Seal:
        if self._sealing is None:
            module = await asyncio.to_thread(importlib.import_module, "tollway.relay.sealing")
            self._sealing = cast(_Sealing, module)
        owner = (asked.scope_id, asked.owner_id)
        return self._sealing.Seal(owner=owner, key=asked.key, target=asked.target, body=asked.body)

    async def _claimed(self, entry: "Entry") -> AnswerFound | None:
        claiming = self._commits.answer(entry.claim)
        claiming.add_done_callback(_look)
        try:
            await asyncio.wait((claiming,), timeout=CLAIM_WAIT_S)
            if claiming.done():
                return claiming.result()
        except TollwayError:
            raise _not_ready() from None
        except asyncio.CancelledError:
            entry.give_up()
            raise
        entry.give_up()  # it may still be made, behind this request's back
        raise _not_ready()


class Entry:
    """A claim that was made. Whoever has it says what became of it."""

    __slots__ = ("_commits", "_seal", "claim", "stands")

    def __init__(self, commits: Answers, claim: AnswerClaim, seal: Seal) -> None:
        """Use `StoredAnswers.enter`."""
        self._commits = commits
        self._seal = seal
        self.claim = claim
        self.stands = False
        """No other request under the key will be served."""

    def stand(self, state: AnswerState = AnswerState.UNKEPT) -> asyncio.Future[AnswerFound | None]:
        """Let the claim stand, with or without an answer: its request is charged in the very commit that comes next."""
        self.stands = True
        return self._told(KeepAnswer(claim=self.claim, state=state))

    def keep(self, status: int, content_type: str, *, head: bytes, packed: bytes) -> asyncio.Future[AnswerFound | None]:
        """Keep the answer, as `Recording.packed` gave it, for everybody who sends the same request under the same key."""
        sealed = self._seal.close(head, packed, exchange_id=self.claim.exchange_id)
        kept = KeepAnswer(
            claim=self.claim, state=AnswerState.DONE, status=status, content_type=content_type, body=sealed
        )
        return self._told(kept)

    def give_up(self) -> asyncio.Future[AnswerFound | None]:
        """Release the claim, because nothing was charged or done; the future says when the next request may come."""
        return self._told(ReleaseAnswer(self.claim))

    def _told(self, step: KeepAnswer | ReleaseAnswer) -> asyncio.Future[AnswerFound | None]:
        told = self._commits.answer(step)
        told.add_done_callback(_look)
        return told


def conflict(found: AnswerFound, *, now_ms: int) -> Refusal:
    """Return why a request is not served whose idempotency key has been used."""
    first = render_id(EXCHANGE, found.exchange_id)
    metadata = {"request_id": first}
    if not found.same_request:
        return Refusal(
            "idempotency_conflict",
            f"This Idempotency-Key was used for another request ({first}): send the same path and body, or another key.",
            metadata=metadata | {"reason": "another_request"},
        )
    if found.state is AnswerState.RUNNING or (found.state is AnswerState.ACTING and found.worker_lives):
        age_s = (now_ms - found.created_ms) // 1000
        return StillRunning(
            "idempotency_conflict",
            f"The first request with this Idempotency-Key ({first}) is still being answered: send it again later.",
            metadata=metadata | {"reason": "still_running"},
            retry_after_s=min(max(age_s, AGAIN_S_MIN), AGAIN_S_MAX),
        )
    if found.state in {AnswerState.ACTING, AnswerState.UNCLEAR}:
        return Refusal(
            "idempotency_conflict",
            f"The first request with this Idempotency-Key ({first}) was cut off before it was answered: look whether it "
            "took effect, and send it under another key if it did not.",
            metadata=metadata | {"reason": "unclear"},
        )
    return Refusal(
        "idempotency_conflict",
        f"The first request with this Idempotency-Key ({first}) was answered, and its answer was not kept: those over "
        f"{ANSWER_BYTES_MAX} bytes are not. Under another key it is a new request, and is charged anew.",
        metadata=metadata | {"reason": "not_kept"},
    )


def _reply(found: AnswerFound, seal: Seal) -> Reply:
    assert found.body is not None, "a kept answer has a body"
    assert found.status is not None, "and a status"
    head, packed = seal.open(found.body, exchange_id=found.exchange_id)
    return Reply(
        exchange_id=found.exchange_id,
        status=found.status,
        content_type=found.content_type or "",
        head=head,
        body=unpacked(packed),
    )


def _not_ready() -> Refusal:
    return Refusal("not_ready", "The store cannot be written at the moment. Try again soon.", retry_after_s=1)


def _look(told: asyncio.Future[AnswerFound | None]) -> None:
    """Look at an outcome that nobody may be waiting for, so that it is not reported as forgotten."""
    if not told.cancelled():
        told.exception()
