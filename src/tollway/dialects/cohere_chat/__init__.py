"""Cohere's chat, version 2, as its provider speaks it; no I/O. No client speaks this dialect to Tollway."""

from typing import NoReturn

from tollway.dialects.cohere_chat.answer import parse_answer
from tollway.dialects.cohere_chat.reader import open_reader
from tollway.dialects.cohere_chat.render_request import render_request
from tollway.dialects.error_body import parse_error
from tollway.dialects.record import ChatTranslator, Dialect

__all__ = ["COHERE_CHAT"]


def _provider_only(*_facts: object) -> NoReturn:
    raise NotImplementedError("no client speaks cohere_chat")


COHERE_CHAT = Dialect(
    name="cohere_chat",
    path="/v2/chat",
    peek=_provider_only,
    patch_request=_provider_only,
    read_answer=_provider_only,
    splice_cost=_provider_only,
    open_stream=_provider_only,
    parse_error=parse_error,
    render_error=_provider_only,
    chat=ChatTranslator(render_request=render_request, parse_answer=parse_answer, open_reader=open_reader),
)
