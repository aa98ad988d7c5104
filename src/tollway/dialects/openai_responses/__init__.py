"""OpenAI's Responses API, as bytes and facts; no I/O. Answers are not stored: `store` and what refers to it are another's."""

from tollway.dialects.error_body import parse_error, render_error
from tollway.dialects.openai_responses.answer import read_answer, splice_cost
from tollway.dialects.openai_responses.parse_request import parse_request
from tollway.dialects.openai_responses.peek import peek
from tollway.dialects.openai_responses.reader import ResponsesReader, parse_answer
from tollway.dialects.openai_responses.render_request import render_request
from tollway.dialects.openai_responses.request import patch_request
from tollway.dialects.openai_responses.stream import open_stream
from tollway.dialects.openai_responses.writer import open_writer, render_answer
from tollway.dialects.record import ChatTranslator, Dialect

__all__ = ["OPENAI_RESPONSES"]

OPENAI_RESPONSES = Dialect(
    name="openai_responses",
    words={"end_user": "user", "cache_key": "prompt_cache_key"},
    path="/responses",
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
        open_reader=ResponsesReader,
        open_writer=open_writer,
    ),
)
