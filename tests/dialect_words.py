"""What each dialect can say of the end of an answer and of its usage: the coarser of two is what comes through a pair.

Written down here once more, beside the tables of the dialects and without them: a change of those is to be noticed.
"""

from collections.abc import Mapping

from tollway.neutral.events import StopReason
from tollway.neutral.usage import Usage

_OPENAI = {
    StopReason.STOP_SEQUENCE: StopReason.STOP,
    StopReason.CONTEXT_FULL: StopReason.LENGTH,
    StopReason.DECLINED: StopReason.CONTENT_FILTER,
    StopReason.PAUSED: StopReason.STOP,
    StopReason.OTHER: StopReason.STOP,
}
_PLAIN = _OPENAI | {StopReason.DECLINED: StopReason.STOP}
_CONVERSE: dict[StopReason, StopReason] = {
    StopReason.DECLINED: StopReason.STOP,
    StopReason.PAUSED: StopReason.STOP,
    StopReason.OTHER: StopReason.STOP,
}

COARSER: Mapping[str, Mapping[StopReason, StopReason]] = {
    "openai_chat": _OPENAI,
    "openai_completions": _OPENAI | {StopReason.TOOL_CALLS: StopReason.STOP},
    "openai_responses": _PLAIN,
    "anthropic_messages": {StopReason.CONTENT_FILTER: StopReason.DECLINED, StopReason.OTHER: StopReason.STOP},
    "gemini": {
        StopReason.STOP_SEQUENCE: StopReason.STOP,
        StopReason.CONTEXT_FULL: StopReason.LENGTH,
        StopReason.DECLINED: StopReason.CONTENT_FILTER,
        StopReason.PAUSED: StopReason.OTHER,
    },
    "ollama_chat": _PLAIN,
    "ollama_generate": _PLAIN | {StopReason.TOOL_CALLS: StopReason.STOP},
    "bedrock_converse": _CONVERSE,
    "cohere_chat": {
        **_CONVERSE,
        StopReason.CONTEXT_FULL: StopReason.STOP,
        StopReason.CONTENT_FILTER: StopReason.STOP,
    },
}
"""Reasons that a dialect has no word for, to the one that it says in their place."""

SPLITS: Mapping[str, frozenset[str]] = {
    "openai_chat": frozenset(("cached_input", "cache_write_5m", "reasoning")),
    "openai_completions": frozenset(("cached_input", "cache_write_5m", "reasoning")),
    "openai_responses": frozenset(("cached_input", "cache_write_5m", "reasoning")),
    "anthropic_messages": frozenset(("cached_input", "cache_write_5m", "reasoning")),
    "gemini": frozenset(("cached_input", "reasoning")),
    "ollama_chat": frozenset(),
    "ollama_generate": frozenset(),
    "bedrock_converse": frozenset(("cached_input", "cache_write_5m")),
    "cohere_chat": frozenset(("reasoning",)),
}
"""The counts that a dialect tells apart; the others stand in its input or its output."""

END_MARKS: Mapping[str, tuple[bytes, ...]] = {
    "openai_chat": (b"[DONE]", b'"finish_reason":"'),
    "openai_completions": (b"[DONE]", b'"finish_reason":"'),
    "openai_responses": (b"response.completed", b"response.incomplete"),
    "anthropic_messages": (b"message_stop", b'"stop_reason":"'),
    "gemini": (b'"finishReason":"',),
    "ollama_chat": (b'"done":true',),
    "ollama_generate": (b'"done":true',),
}
"""What a client takes for the good end of a stream."""


def reason_through(dialect: str, reason: StopReason, *, called: bool) -> StopReason:
    """Return why an answer ended, as a dialect says it: one with calls ends for them where no other word is."""
    coarse = COARSER[dialect].get(reason, reason)
    return StopReason.TOOL_CALLS if called and coarse is StopReason.STOP else coarse


def usage_through(dialect: str, usage: Usage) -> Usage:
    """Return what an answer used, as a dialect counts it."""
    splits = SPLITS[dialect]
    told = {name: getattr(usage, name) for name in splits}
    read = sum(getattr(usage, name) or 0 for name in READ if name not in splits)
    written = sum(getattr(usage, name) or 0 for name in WRITTEN if name not in splits)
    return Usage(
        input=usage.input + read if usage.input is not None else read or None,
        output=usage.output + written if usage.output is not None else written or None,
        **told,
    )


READ = ("cached_input", "cache_write_5m", "cache_write_1h", "audio_input")
WRITTEN = ("reasoning", "audio_output")


def counted(usage: Usage) -> Mapping[str, int]:
    """Return the counts that are not nothing: some dialects must say nought of what nobody reported."""
    return {name: count for name in Usage.__struct_fields__ if (count := getattr(usage, name))}
