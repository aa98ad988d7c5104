"""Anthropic Messages and its counting of tokens, as bytes and facts; no I/O."""

from tollway.dialects.anthropic_messages.answer import read_answer, splice_cost
from tollway.dialects.anthropic_messages.counting import read_counted, render_count, splice_nothing
from tollway.dialects.anthropic_messages.errors import render_error
from tollway.dialects.anthropic_messages.events import PING
from tollway.dialects.anthropic_messages.parse_answer import parse_answer
from tollway.dialects.anthropic_messages.parse_request import parse_request
from tollway.dialects.anthropic_messages.peek import peek, peek_counted
from tollway.dialects.anthropic_messages.reader import open_reader
from tollway.dialects.anthropic_messages.render_answer import render_answer
from tollway.dialects.anthropic_messages.render_request import render_request
from tollway.dialects.anthropic_messages.request import patch_request
from tollway.dialects.anthropic_messages.stream import open_stream
from tollway.dialects.anthropic_messages.writer import open_writer
from tollway.dialects.error_body import parse_error
from tollway.dialects.record import ChatTranslator, Dialect, Operation

__all__ = ["ANTHROPIC_COUNT_TOKENS", "ANTHROPIC_MESSAGES"]

_VERSION = (("anthropic-version", "2023-06-01"),)
_PASSED = frozenset((b"anthropic-version", b"anthropic-beta"))

ANTHROPIC_MESSAGES = Dialect(
    name="anthropic_messages",
    words={"end_user": "metadata.user_id", "reasoning": "thinking"},
    path="/v1/messages",
    request_headers=_VERSION,
    passed_headers=_PASSED,
    peek=peek,
    patch_request=patch_request,
    read_answer=read_answer,
    splice_cost=splice_cost,
    open_stream=open_stream,
    parse_error=parse_error,
    render_error=render_error,
    keepalive=PING,
    chat=ChatTranslator(
        parse_request=parse_request,
        render_request=render_request,
        parse_answer=parse_answer,
        render_answer=render_answer,
        open_reader=open_reader,
        open_writer=open_writer,
    ),
)

ANTHROPIC_COUNT_TOKENS = Dialect(
    name="anthropic_count_tokens",
    operation=Operation.TOKEN_COUNT,
    path="/v1/messages/count_tokens",
    request_headers=_VERSION,
    passed_headers=_PASSED,
    peek=peek_counted,
    patch_request=patch_request,
    read_answer=read_counted,
    splice_cost=splice_nothing,
    open_stream=open_stream,
    parse_error=parse_error,
    render_error=render_error,
    render_count=render_count,
)
