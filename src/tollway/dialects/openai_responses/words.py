"""Words of the Responses API and what they are called in the neutral form: tables, two-way where both ways are gone."""

from tollway.neutral.events import StopReason
from tollway.neutral.request import Role

ROLES = {"user": Role.USER, "system": Role.SYSTEM, "developer": Role.SYSTEM, "assistant": Role.ASSISTANT}
ROLE_WORDS = {Role.USER: "user", Role.SYSTEM: "system"}
"""`system`, which every server of this dialect knows; OpenAI takes it for `developer` where a model wants that."""

REASONS = {"max_output_tokens": StopReason.LENGTH, "content_filter": StopReason.CONTENT_FILTER}
"""Why a response is incomplete."""
REASON_WORDS = {
    StopReason.LENGTH: "max_output_tokens",
    StopReason.CONTEXT_FULL: "max_output_tokens",
    StopReason.CONTENT_FILTER: "content_filter",
}
"""Every other reason makes a response complete."""

AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}

FILE_TYPES = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
}
"""What a file without a media type is, by the end of its name; else a PDF, the only kind that all models read."""
FILE_NAMES = {media_type: f"document.{end}" for end, media_type in FILE_TYPES.items()}
"""What a file without a name is called: the dialect demands one."""

TIERS = frozenset(("auto", "default", "flex", "scale", "priority"))
"""Service tiers that the official clients know in an answer."""

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
"""Words of `include`."""

ASKED_AGAIN = "ask for a model whose provider speaks the Responses API itself, or leave it out"
"""What a client can do where nothing else can carry what it sends."""
