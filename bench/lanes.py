"""The lanes: who speaks which dialect on either side, whole and streamed, each a kind of request of its own."""

from answers import frames, output_tokens
from payloads import CHAT, GEMINI, MESSAGES, OLLAMA, Ask

NAMES = {CHAT: "openai", MESSAGES: "anthropic", GEMINI: "gemini", OLLAMA: "ollama"}
OTHERS = (MESSAGES, GEMINI, OLLAMA)

PAIRS = (
    *((dialect, dialect) for dialect in (CHAT, *OTHERS)),
    *((CHAT, provider) for provider in OTHERS),
    *((client, CHAT) for client in OTHERS),
)
"""Client and provider: the same bytes on both sides, and a translation to and from the dialect that most clients speak."""


def lane(client: str, provider: str, *, stream: bool) -> Ask:
    """Return the kind of request that takes one lane."""
    return Ask(
        model=f"lane-{NAMES[client]}-{NAMES[provider]}{'-stream' if stream else ''}",
        stream=stream,
        output_tokens=output_tokens(provider, stream=stream),
        client=client,
        provider=provider,
        frames=frames(provider) if stream else 0,
    )


LANES = tuple(lane(client, provider, stream=stream) for client, provider in PAIRS for stream in (False, True))
"""Every pair, whole and streamed."""
