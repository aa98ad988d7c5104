"""Answers that are kept for clients that ask again: who may claim one, what becomes of it. Values and their rules; no SQL.

A client that sends an Idempotency-Key claims it before anything is held or sent. The claim ends in one of two ways: the
answer is kept, in the transaction that writes its charge, or the claim is released because nothing was charged.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

KEPT_MS = 24 * 60 * 60 * 1000
"""How long a key is remembered, from the first request on: what the design promises, and what clients know of others."""


class AnswerState(StrEnum):
    """What is known of the answer to a key."""

    RUNNING = "running"
    """An exchange answers it. When its worker dies it was not charged: the claim is void."""
    ACTING = "acting"
    """An admin call answers it. When its worker dies nobody knows how far it came: the claim stands."""
    DONE = "done"
    """It is kept."""
    UNKEPT = "unkept"
    """It was given, and charged where it had a price, but not kept."""
    UNCLEAR = "unclear"
    """An admin call ended without one: nobody knows how far it came."""


class AnswerClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A request under an idempotency key, by digests: neither the key nor the request is in the store."""

    scope_id: int
    """The account; zero for the admin API."""
    key_digest: bytes
    request_digest: bytes
    exchange_id: int
    """Of the request that answers it; this claim's own name."""
    created_ms: int
    state: AnswerState = AnswerState.RUNNING

    @property
    def expires_ms(self) -> int:
        """When the key may be used for anything again."""
        return self.created_ms + KEPT_MS


class KeepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a claim whose request was charged, or done."""

    claim: AnswerClaim
    state: AnswerState = AnswerState.UNKEPT
    status: int | None = None
    content_type: str | None = None
    body: bytes | None = None
    """Encrypted."""


class ReleaseAnswer(msgspec.Struct, frozen=True):
    """Nothing was charged and nothing done: the next request under the key is a new one."""

    claim: AnswerClaim


AnswerStep = AnswerClaim | KeepAnswer | ReleaseAnswer


class AnswerFound(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim met: somebody was here before."""

    state: AnswerState
    same_request: bool
    """The digests of the two requests are equal."""
    exchange_id: int
    """Of the request that came first."""
    worker_lives: bool
    """The worker that took it is registered."""
    created_ms: int
    status: int | None
    content_type: str | None
    body: bytes | None


def after_refusals(steps: Sequence[AnswerStep], refused: frozenset[int]) -> list[AnswerStep]:
    """Return what remains to be done when the closing lines of the exchanges `refused` are not in the books.

    They were closed by another hand, free of charge, so their claims are released.
    """
    return [
        ReleaseAnswer(step.claim) if isinstance(step, KeepAnswer) and step.claim.exchange_id in refused else step
        for step in steps
    ]


def without_claims(steps: Sequence[AnswerStep]) -> list[AnswerStep]:
    """Return what remains to be done for a worker that was taken for dead: it claims nothing any more."""
    return [ReleaseAnswer(step) if isinstance(step, AnswerClaim) else step for step in steps]
