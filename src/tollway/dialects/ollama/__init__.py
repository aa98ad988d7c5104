"""Ollama's own forms, as bytes and facts: chat, generate and embeddings; no I/O."""

from tollway.dialects.embedding_form import open_no_stream
from tollway.dialects.embedding_form import patch_request as patch_embed
from tollway.dialects.error_body import parse_error
from tollway.dialects.ollama import embed
from tollway.dialects.ollama.answer import read_chat, read_generate, splice_cost
from tollway.dialects.ollama.client_answer import (
    open_chat_writer,
    open_generate_writer,
    render_chat_answer,
    render_generate_answer,
)
from tollway.dialects.ollama.client_request import parse_chat, parse_generate
from tollway.dialects.ollama.closing import render_error
from tollway.dialects.ollama.peek import peek_chat, peek_generate
from tollway.dialects.ollama.provider_answer import (
    open_chat_reader,
    open_generate_reader,
    parse_chat_answer,
    parse_generate_answer,
)
from tollway.dialects.ollama.provider_request import render_chat, render_generate
from tollway.dialects.ollama.request import patch_request
from tollway.dialects.ollama.stream import open_chat, open_generate
from tollway.dialects.record import LINES, ChatTranslator, Dialect, EmbeddingTranslator, Operation
from tollway.neutral.peek import Peek

__all__ = ["OLLAMA_CHAT", "OLLAMA_EMBED", "OLLAMA_EMBEDDINGS", "OLLAMA_GENERATE"]


def _lines(_peek: Peek) -> str:
    return LINES


OLLAMA_CHAT = Dialect(
    name="ollama_chat",
    words={"reasoning": "think"},
    path="/api/chat",
    peek=peek_chat,
    patch_request=patch_request,
    read_answer=read_chat,
    splice_cost=splice_cost,
    open_stream=open_chat,
    parse_error=parse_error,
    render_error=render_error,
    stream_type=_lines,
    keepalive=b"",
    chat=ChatTranslator(
        parse_request=parse_chat,
        render_request=render_chat,
        parse_answer=parse_chat_answer,
        render_answer=render_chat_answer,
        open_reader=open_chat_reader,
        open_writer=open_chat_writer,
    ),
)

OLLAMA_GENERATE = Dialect(
    name="ollama_generate",
    words={"reasoning": "think"},
    path="/api/generate",
    peek=peek_generate,
    patch_request=patch_request,
    read_answer=read_generate,
    splice_cost=splice_cost,
    open_stream=open_generate,
    parse_error=parse_error,
    render_error=render_error,
    stream_type=_lines,
    keepalive=b"",
    chat=ChatTranslator(
        parse_request=parse_generate,
        render_request=render_generate,
        parse_answer=parse_generate_answer,
        render_answer=render_generate_answer,
        open_reader=open_generate_reader,
        open_writer=open_generate_writer,
    ),
)

OLLAMA_EMBED = Dialect(
    name="ollama_embed",
    operation=Operation.EMBEDDING,
    path="/api/embed",
    peek=embed.peek,
    patch_request=patch_embed,
    read_answer=embed.read_answer,
    splice_cost=embed.splice_cost,
    open_stream=open_no_stream,
    parse_error=parse_error,
    render_error=render_error,
    embedding=EmbeddingTranslator(
        parse_request=embed.parse_request,
        render_request=embed.render_request,
        parse_answer=embed.parse_answer,
        render_answer=embed.render_answer,
    ),
)

OLLAMA_EMBEDDINGS = Dialect(
    name="ollama_embeddings",
    operation=Operation.EMBEDDING,
    path="/api/embeddings",
    peek=embed.peek_older,
    patch_request=patch_embed,
    read_answer=embed.read_older_answer,
    splice_cost=embed.splice_cost,
    open_stream=open_no_stream,
    parse_error=parse_error,
    render_error=render_error,
    embedding=EmbeddingTranslator(
        parse_request=embed.parse_older_request,
        render_request=embed.render_older_request,
        parse_answer=embed.parse_older_answer,
        render_answer=embed.render_older_answer,
    ),
)
