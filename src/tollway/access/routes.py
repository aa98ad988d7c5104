"""What a key may be used for, in words: one for each thing that paths lead to. Pure; knows no path."""

from collections.abc import Iterable

ROUTE_WORDS = (
    "chat",
    "completions",
    "responses",
    "messages",
    "embeddings",
    "images",
    "audio",
    "moderations",
    "rerank",
    "gemini",
    "ollama",
    "models",
    "proxy",
)
"""All that a key's list of routes may name; `proxy` is any path that is none of ours."""


def unknown_routes(words: Iterable[str]) -> tuple[str, ...]:
    """Return those of the words that name no route."""
    return tuple(word for word in words if word not in ROUTE_WORDS)
