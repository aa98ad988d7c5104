"""The words for what a model can do, as settings have them. What they mean stands in the catalog."""

CAPABILITIES = (
    "chat",
    "stream",
    "tools",
    "response_format",
    "vision",
    "embeddings",
    "images",
    "speech",
    "transcription",
    "moderation",
    "rerank",
)
