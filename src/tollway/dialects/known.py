"""Every dialect that Tollway speaks, by its name: the only module that knows them all."""

from collections.abc import Mapping

from tollway.dialects.cohere_embeddings import COHERE_EMBED
from tollway.dialects.gemini import GEMINI, GEMINI_COUNT_TOKENS
from tollway.dialects.gemini_embeddings import GEMINI_EMBED, GEMINI_EMBED_ONE
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_EMBEDDINGS, OLLAMA_GENERATE
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_embeddings import OPENAI_EMBEDDINGS
from tollway.dialects.openai_media import (
    OPENAI_IMAGE_EDITS,
    OPENAI_IMAGES,
    OPENAI_MODERATIONS,
    OPENAI_SPEECH,
    OPENAI_SPEECH_TRANSLATIONS,
    OPENAI_TRANSCRIPTIONS,
)
from tollway.dialects.record import Dialect
from tollway.dialects.rerank import RERANK

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        COHERE_EMBED,
        GEMINI,
        GEMINI_COUNT_TOKENS,
        GEMINI_EMBED,
        GEMINI_EMBED_ONE,
        OLLAMA_CHAT,
        OLLAMA_EMBED,
        OLLAMA_EMBEDDINGS,
        OLLAMA_GENERATE,
        OPENAI_CHAT,
        OPENAI_EMBEDDINGS,
        OPENAI_IMAGE_EDITS,
        OPENAI_IMAGES,
        OPENAI_MODERATIONS,
        OPENAI_SPEECH,
        OPENAI_SPEECH_TRANSLATIONS,
        OPENAI_TRANSCRIPTIONS,
        RERANK,
    )
}
