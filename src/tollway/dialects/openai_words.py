"""The words with which OpenAI's dialects and those that imitate them say why a choice ended. Knows no provider by name."""

from tollway.neutral.events import StopReason

STOP_REASONS = {
    "stop": StopReason.STOP,
    "eos": StopReason.STOP,
    "eos_token": StopReason.STOP,
    "end_turn": StopReason.STOP,
    "complete": StopReason.STOP,
    "completed": StopReason.STOP,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "length": StopReason.LENGTH,
    "max_tokens": StopReason.LENGTH,
    "max_output_tokens": StopReason.LENGTH,
    "model_length": StopReason.CONTEXT_FULL,
    "context_length": StopReason.CONTEXT_FULL,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "tool_calls": StopReason.TOOL_CALLS,
    "tool_use": StopReason.TOOL_CALLS,
    "tool_call": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.CONTENT_FILTER,
    "content_filtered": StopReason.CONTENT_FILTER,
    "safety": StopReason.CONTENT_FILTER,
    "sensitive": StopReason.CONTENT_FILTER,
    "recitation": StopReason.CONTENT_FILTER,
    "refusal": StopReason.DECLINED,
    "pause_turn": StopReason.PAUSED,
}
"""What a provider says; a word that is not here is OTHER. Case does not matter."""

BROKEN = frozenset(("error", "network_error", "insufficient_system_resource", "abort"))
"""With these words a provider ends an answer that it could not finish."""

STOP_WORDS = {
    StopReason.STOP: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.LENGTH: "length",
    StopReason.CONTEXT_FULL: "length",
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.DECLINED: "content_filter",
    StopReason.PAUSED: "stop",
    StopReason.OTHER: "stop",
}
"""What a client is told: the words that OpenAI's own types know, and no other."""


DETAIL_DEFAULT = "auto"
"""How closely to look at a picture, where nobody says it."""


def stop_reason(word: str) -> StopReason:
    """Return what a provider's word means."""
    return STOP_REASONS.get(word.lower(), StopReason.OTHER)
