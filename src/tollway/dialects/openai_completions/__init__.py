"""OpenAI's legacy text completions, as bytes and facts; no I/O."""

from tollway.dialects.error_body import parse_error, render_error
from tollway.dialects.openai_completions.answer import read_answer
from tollway.dialects.openai_completions.parse_request import parse_request
from tollway.dialects.openai_completions.peek import peek
from tollway.dialects.openai_completions.reading import open_reader, parse_answer
from tollway.dialects.openai_completions.render_request import render_request
from tollway.dialects.openai_completions.request import patch_request
from tollway.dialects.openai_completions.stream import open_stream
from tollway.dialects.openai_completions.writing import open_writer, render_answer
from tollway.dialects.openai_usage import splice_cost
from tollway.dialects.record import ChatTranslator, Dialect

__all__ = ["OPENAI_COMPLETIONS"]

OPENAI_COMPLETIONS = Dialect(
    name="openai_completions",
    words={"end_user": "user"},
    path="/completions",
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
