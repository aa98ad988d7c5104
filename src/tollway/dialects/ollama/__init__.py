"""Ollama's own forms, as bytes and facts: chat, generate and embeddings; no I/O."""

from tollway.dialects.error_body import parse_error
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
from tollway.dialects.record import LINES, ChatTranslator, Dialect
from tollway.neutral.peek import Peek

__all__ = ["OLLAMA_CHAT", "OLLAMA_GENERATE"]


def _lines(_peek: Peek) -> str:
    return LINES


OLLAMA_CHAT = Dialect(
    name="ollama_chat",
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
