"""Gemini's words and what they mean in the neutral form, as tables for both directions. Knows no bytes."""

from collections.abc import Mapping

from tollway.neutral.events import StopReason
from tollway.neutral.request import Effort, ToolUse

REASONS: Mapping[str, StopReason] = {
    "STOP": StopReason.STOP,
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.CONTENT_FILTER,
    "RECITATION": StopReason.CONTENT_FILTER,
    "LANGUAGE": StopReason.CONTENT_FILTER,
    "BLOCKLIST": StopReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "SPII": StopReason.CONTENT_FILTER,
    "IMAGE_SAFETY": StopReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "IMAGE_RECITATION": StopReason.CONTENT_FILTER,
    "MODEL_ARMOR": StopReason.CONTENT_FILTER,
    "ESCALATION": StopReason.CONTENT_FILTER,
    "PUP_LIMITED_DISABLED": StopReason.CONTENT_FILTER,
    "CONTINUATION": StopReason.PAUSED,
    "FINISH_REASON_UNSPECIFIED": StopReason.OTHER,
    "OTHER": StopReason.OTHER,
    "MALFORMED_FUNCTION_CALL": StopReason.OTHER,
    "UNEXPECTED_TOOL_CALL": StopReason.OTHER,
    "TOO_MANY_TOOL_CALLS": StopReason.OTHER,
    "MISSING_THOUGHT_SIGNATURE": StopReason.OTHER,
    "MALFORMED_RESPONSE": StopReason.OTHER,
    "IMAGE_OTHER": StopReason.OTHER,
    "NO_IMAGE": StopReason.OTHER,
}
"""What each finish reason means; one that is not here is OTHER. STOP of a choice with a call is TOOL_CALLS."""

REASON_WORDS: Mapping[StopReason, str] = {
    StopReason.STOP: "STOP",
    StopReason.STOP_SEQUENCE: "STOP",
    StopReason.TOOL_CALLS: "STOP",
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.CONTEXT_FULL: "MAX_TOKENS",
    StopReason.CONTENT_FILTER: "SAFETY",
    StopReason.DECLINED: "PROHIBITED_CONTENT",
    StopReason.PAUSED: "OTHER",
    StopReason.OTHER: "OTHER",
}
"""How each reason is written. CONTINUATION needs a token that only its issuer has."""

BLOCK_UNSPECIFIED = "BLOCKED_REASON_UNSPECIFIED"

MODES: Mapping[str, ToolUse] = {
    "MODE_UNSPECIFIED": ToolUse.AUTO,
    "AUTO": ToolUse.AUTO,
    "VALIDATED": ToolUse.AUTO,
    "ANY": ToolUse.REQUIRED,
    "NONE": ToolUse.NONE,
}
"""Whether the model calls functions; case does not matter, as recorded traffic shows."""

MODE_WORDS: Mapping[ToolUse, str] = {
    ToolUse.AUTO: "AUTO",
    ToolUse.NONE: "NONE",
    ToolUse.REQUIRED: "ANY",
    ToolUse.NAMED: "ANY",
}

LEVELS: Mapping[str, Effort] = {
    "minimal": Effort.MINIMAL,
    "low": Effort.LOW,
    "medium": Effort.MEDIUM,
    "high": Effort.HIGH,
    "xhigh": Effort.XHIGH,
}
"""Thinking levels, in lower case."""

LEVELS_KNOWN = (Effort.MINIMAL, Effort.LOW, Effort.MEDIUM, Effort.HIGH)
"""What every model takes that takes levels."""

STATUS_WORDS: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's canonical word for an HTTP status."""
