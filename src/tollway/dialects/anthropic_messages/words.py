"""The words of Messages beside the neutral form's: why an answer ended, tools, tiers, efforts. Tables only."""

from tollway.neutral.events import StopReason
from tollway.neutral.request import Effort, ToolUse

STOP_REASONS = {
    "end_turn": StopReason.STOP,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "tool_use": StopReason.TOOL_CALLS,
    "refusal": StopReason.DECLINED,
    "pause_turn": StopReason.PAUSED,
}
"""What a provider says, to what it means; any other word is OTHER."""

STOP_WORDS = {reason: word for word, reason in STOP_REASONS.items()} | {
    StopReason.CONTENT_FILTER: "refusal",
    StopReason.OTHER: "end_turn",
}
"""What a client is told. A provider's filter is a refusal here too: the API says so of its own classifiers."""

TOOL_USES = {"auto": ToolUse.AUTO, "any": ToolUse.REQUIRED, "tool": ToolUse.NAMED, "none": ToolUse.NONE}
TOOL_USE_WORDS = {use: word for word, use in TOOL_USES.items()}

TIERS = {"auto": "auto", "standard_only": "default"}
"""The dialect's word for a tier to the one that stands in the neutral form."""
TIER_WORDS = {tier: word for word, tier in TIERS.items()}

EFFORTS = {effort.value: effort for effort in (Effort.LOW, Effort.MEDIUM, Effort.HIGH, Effort.XHIGH, Effort.MAX)}
"""The words that `output_config.effort` knows."""

SHOWN = {"summarized": True, "omitted": False}
"""What a client says of `thinking.display`, to whether it wants to read the thoughts."""

SHOWN_WORDS = {shown: word for word, shown in SHOWN.items()}
