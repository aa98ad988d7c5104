"""Every dialect that Tollway speaks, by its name: the only module that knows them all."""

from collections.abc import Mapping

from tollway.dialects.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from tollway.dialects.bedrock_converse import BEDROCK_CONVERSE
from tollway.dialects.cohere_chat import COHERE_CHAT
from tollway.dialects.cohere_embeddings import COHERE_EMBED
from tollway.dialects.gemini import GEMINI, GEMINI_COUNT_TOKENS
from tollway.dialects.gemini_embeddings import GEMINI_EMBED, GEMINI_EMBED_ONE
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_EMBEDDINGS, OLLAMA_GENERATE
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_completions import OPENAI_COMPLETIONS
from tollway.dialects.openai_embeddings import OPENAI_EMBEDDINGS
from tollway.dialects.openai_media import (
    OPENAI_IMAGE_EDITS,
    OPENAI_IMAGES,
    OPENAI_MODERATIONS,
    OPENAI_SPEECH,
    OPENAI_SPEECH_TRANSLATIONS,
    OPENAI_TRANSCRIPTIONS,
)
from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.record import Dialect
from tollway.dialects.rerank import RERANK

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        ANTHROPIC_COUNT_TOKENS,
        ANTHROPIC_MESSAGES,
        BEDROCK_CONVERSE,
        COHERE_CHAT,
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
        OPENAI_COMPLETIONS,
        OPENAI_EMBEDDINGS,
        OPENAI_IMAGE_EDITS,
        OPENAI_IMAGES,
        OPENAI_MODERATIONS,
        OPENAI_RESPONSES,
        OPENAI_SPEECH,
        OPENAI_SPEECH_TRANSLATIONS,
        OPENAI_TRANSCRIPTIONS,
        RERANK,
    )
}
