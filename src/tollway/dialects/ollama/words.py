"""Words of Ollama's form and the neutral ones, both ways; and what the first bytes of a picture say of it. Pure."""

import binascii
from base64 import b64decode

from tollway.neutral.events import StopReason
from tollway.neutral.request import Effort, ReasoningWish, Role

ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}
"""Servers hand unknown roles to the model's template; the second is OpenAI's newer word for the first."""

STOP_REASONS = {
    "stop": StopReason.STOP,
    "length": StopReason.LENGTH,
    "content_filter": StopReason.CONTENT_FILTER,
    "load": StopReason.STOP,
    "unload": StopReason.STOP,
}
"""The third is no word of Ollama's own; its clients show any, and `stop` would hide what happened."""

DONE_REASONS = {
    StopReason.STOP: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.TOOL_CALLS: "stop",
    StopReason.LENGTH: "length",
    StopReason.CONTEXT_FULL: "length",
    StopReason.CONTENT_FILTER: "content_filter",
}

EFFORTS = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
"""The words that `think` knows besides true and false."""

_WISHES: dict[bool | str, ReasoningWish] = {
    True: ReasoningWish(budget_tokens=-1),
    False: ReasoningWish(effort=Effort.NONE),
    **{effort.value: ReasoningWish(effort=effort) for effort in Effort},
}

_MAGIC = (
    (0, b"\x89PNG", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
)
_HEAD_CHARS = 16
"""Base64 of the twelve bytes that tell."""


def stop_reason(word: str | None, *, called: int) -> StopReason:
    """Return why an answer ended that called so many tools: the server says `stop` then as well."""
    reason = StopReason.STOP if word is None else STOP_REASONS.get(word, StopReason.OTHER)
    return StopReason.TOOL_CALLS if called and reason is StopReason.STOP else reason


def done_reason(reason: StopReason) -> str:
    """Return the word for why an answer ended."""
    return DONE_REASONS.get(reason, "stop")


def wish_of(think: bool | str) -> ReasoningWish | None:  # noqa: FBT001  the word of the wire
    """Return how much a model is to think; None for a word that nobody knows."""
    return _WISHES.get(think)


def media_type(data: str) -> str | None:
    """Return the media type of a picture in base64; None when its first bytes do not say it."""
    try:
        head = b64decode(data[:_HEAD_CHARS], validate=True)
    except (binascii.Error, ValueError):
        return None
    return next((kind for at, magic, kind in _MAGIC if head.startswith(magic, at)), None)
