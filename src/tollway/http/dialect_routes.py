"""Which paths are asked in which dialect: one table. Knows no provider and no connection."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from tollway.dialects.record import Called, Dialect
from tollway.errors import Refusal
from tollway.http.routes import Gate, Route

PATHS: Mapping[str, tuple[str, ...]] = {
    "openai_chat": ("/v1/chat/completions", "/chat/completions"),
    "openai_completions": ("/v1/completions", "/completions"),
    "openai_responses": ("/v1/responses", "/responses"),
    "openai_embeddings": ("/v1/embeddings", "/embeddings"),
    "openai_images": ("/v1/images/generations", "/images/generations"),
    "openai_image_edits": ("/v1/images/edits", "/images/edits"),
    "openai_speech": ("/v1/audio/speech", "/audio/speech"),
    "openai_transcriptions": ("/v1/audio/transcriptions", "/audio/transcriptions"),
    "openai_speech_translations": ("/v1/audio/translations", "/audio/translations"),
    "openai_moderations": ("/v1/moderations", "/moderations"),
    "rerank": ("/v1/rerank", "/v2/rerank", "/rerank"),
    "anthropic_messages": ("/v1/messages", "/anthropic/v1/messages"),
    "anthropic_count_tokens": ("/v1/messages/count_tokens", "/anthropic/v1/messages/count_tokens"),
    "ollama_chat": ("/api/chat",),
    "ollama_generate": ("/api/generate",),
    "ollama_embed": ("/api/embed",),
    "ollama_embeddings": ("/api/embeddings",),
}
"""Where each dialect of clients is asked. OpenAI's also without `/v1`, which some programs leave out."""

WORDS: Mapping[str, str] = {
    "openai_chat": "chat",
    "openai_completions": "completions",
    "openai_responses": "responses",
    "openai_embeddings": "embeddings",
    "openai_images": "images",
    "openai_image_edits": "images",
    "openai_speech": "audio",
    "openai_transcriptions": "audio",
    "openai_speech_translations": "audio",
    "openai_moderations": "moderations",
    "rerank": "rerank",
    "anthropic_messages": "messages",
    "anthropic_count_tokens": "messages",
    "ollama_chat": "ollama",
    "ollama_generate": "ollama",
    "ollama_embed": "ollama",
    "ollama_embeddings": "ollama",
}
"""What a key that is kept to certain routes calls each."""

GEMINI_WORD = "gemini"

GEMINI_PATHS = ("/v1beta/models/", "/v1/models/", "/v1alpha/models/", "/v1/publishers/google/models/")
"""Below these stands `MODEL:METHOD`. Google's client asks at `/v1` since its third version, and at `/v1beta` before."""

GEMINI_METHODS: Mapping[str, tuple[str, bool]] = {
    "generateContent": ("gemini", False),
    "streamGenerateContent": ("gemini", True),
    "countTokens": ("gemini_count_tokens", False),
    "embedContent": ("gemini_embed_one", False),
    "batchEmbedContents": ("gemini_embed", False),
}
"""Method to dialect, and whether it streams."""

ERRORS_BELOW: tuple[tuple[str, str], ...] = (
    ("/v1beta/", "gemini"),
    ("/v1alpha/", "gemini"),
    ("/v1/publishers/", "gemini"),
    ("/anthropic/", "anthropic_messages"),
    ("/v1/messages", "anthropic_messages"),
    ("/api/v1", "openai_chat"),
    ("/api/", "ollama_chat"),
)
"""In which dialect an error is told below a path at which there is nothing."""


def dialect_routes(dialects: Mapping[str, Dialect]) -> dict[str, Route]:
    """Return the routes of every dialect that clients speak."""
    routes: dict[str, Route] = {}
    for name, paths in PATHS.items():
        route = Route(method=b"POST", gate=Gate.ADMISSION, dialect=dialects[name], word=WORDS[name])
        routes |= dict.fromkeys(paths, route)
    gemini = Route(method=b"POST", gate=Gate.ADMISSION, find_dialect=_gemini_of(dialects), word=GEMINI_WORD)
    return routes | dict.fromkeys(GEMINI_PATHS, gemini)


def speakers(dialects: Mapping[str, Dialect]) -> tuple[tuple[str, Callable[[Refusal], bytes]], ...]:
    """Return how errors are written below the paths of ERRORS_BELOW."""
    return tuple((start, dialects[name].render_error) for start, name in ERRORS_BELOW)


def _gemini_of(dialects: Mapping[str, Dialect]) -> Callable[[str, str], tuple[Dialect, Called] | None]:
    def find(path: str, query: str) -> tuple[Dialect, Called] | None:
        model, _, method = path.rpartition(":")
        start = next(start for start in GEMINI_PATHS if path.startswith(start))
        model = model[len(start) :]
        found = GEMINI_METHODS.get(method)
        if found is None or not model:
            return None
        name, streamed = found
        array = streamed and parse_qs(query).get("alt") != ["sse"]
        return dialects[name], Called(model=model, streamed=streamed, variant="array" if array else "")

    return find
