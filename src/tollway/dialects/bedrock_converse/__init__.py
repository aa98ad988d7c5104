"""Bedrock's Converse and ConverseStream as a provider speaks them; no I/O. No client speaks this dialect to Tollway."""

from typing import NoReturn

from tollway.dialects.bedrock_converse.answer import parse_answer
from tollway.dialects.bedrock_converse.errors import parse_error
from tollway.dialects.bedrock_converse.reader import open_reader
from tollway.dialects.bedrock_converse.render_request import render_request
from tollway.dialects.record import ChatTranslator, Dialect

__all__ = ["BEDROCK_CONVERSE"]


def _provider_only(*_facts: object) -> NoReturn:
    raise NotImplementedError("no client speaks bedrock_converse")


BEDROCK_CONVERSE = Dialect(
    name="bedrock_converse",
    path="/model/{model}/converse",
    streamed_path="/model/{model}/converse-stream",
    peek=_provider_only,
    patch_request=_provider_only,
    read_answer=_provider_only,
    splice_cost=_provider_only,
    open_stream=_provider_only,
    parse_error=parse_error,
    render_error=_provider_only,
    chat=ChatTranslator(render_request=render_request, parse_answer=parse_answer, open_reader=open_reader),
)
