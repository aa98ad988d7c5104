"""OpenAI chat completions, as bytes and facts; no I/O."""

from tollway.dialects.error_body import parse_error, render_error
from tollway.dialects.openai_chat.answer import read_answer, splice_cost
from tollway.dialects.openai_chat.peek import peek
from tollway.dialects.openai_chat.request import patch_request
from tollway.dialects.openai_chat.stream import open_stream
from tollway.dialects.record import Dialect

__all__ = ["OPENAI_CHAT"]

OPENAI_CHAT = Dialect(
    name="openai_chat",
    path="/chat/completions",
    peek=peek,
    patch_request=patch_request,
    read_answer=read_answer,
    splice_cost=splice_cost,
    open_stream=open_stream,
    parse_error=parse_error,
    render_error=render_error,
)
