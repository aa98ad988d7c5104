"""OpenAI chat completions, as bytes and facts; no I/O."""

from tollway.dialects.error_body import parse_error, render_error
from tollway.dialects.openai_chat.answer import read_answer
from tollway.dialects.openai_chat.parse_request import parse_request
from tollway.dialects.openai_chat.peek import peek
from tollway.dialects.openai_chat.reading import open_reader, parse_answer
from tollway.dialects.openai_chat.render_answer import render_answer
from tollway.dialects.openai_chat.render_request import render_request
from tollway.dialects.openai_chat.request import patch_request
from tollway.dialects.openai_chat.stream import open_stream
from tollway.dialects.openai_chat.writer import open_writer
from tollway.dialects.openai_usage import splice_cost
from tollway.dialects.record import ChatTranslator, Dialect

__all__ = ["OPENAI_CHAT"]

OPENAI_CHAT = Dialect(
    name="openai_chat",
    words={"end_user": "user", "cache_key": "prompt_cache_key", "reasoning": "reasoning_effort"},
    path="/chat/completions",
    peek=peek,
    patch_request=patch_request,
    read_answer=read_answer,
    splice_cost=splice_cost,
    open_stream=open_stream,
    parse_error=parse_error,
    render_error=render_error,
    chat=ChatTranslator(
        parse_request=parse_request,
        render_request=render_request,
        parse_answer=parse_answer,
        render_answer=render_answer,
        open_reader=open_reader,
        open_writer=open_writer,
    ),
)
