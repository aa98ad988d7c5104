"""Ranking of documents by a query, in the form of Cohere's v2 API, which Jina, Voyage and others speak too; no I/O."""

from tollway.dialects.error_body import parse_error, render_error
from tollway.dialects.record import Dialect, Operation
from tollway.dialects.rerank.answer import read_answer, splice_cost
from tollway.dialects.rerank.peek import peek
from tollway.dialects.rerank.request import open_stream, patch_request

__all__ = ["RERANK"]

RERANK = Dialect(
    name="rerank",
    operation=Operation.RERANK,
    path="/rerank",
    peek=peek,
    patch_request=patch_request,
    read_answer=read_answer,
    splice_cost=splice_cost,
    open_stream=open_stream,
    parse_error=parse_error,
    render_error=render_error,
)
