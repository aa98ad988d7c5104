"""Gemini's embeddings, one content (`:embedContent`) or several (`:batchEmbedContents`), as bytes and facts; no I/O.

Two dialects, because a path belongs to each: a provider that speaks only the second serves clients of the first as well.
"""

from tollway.dialects.embedding_form import open_no_stream
from tollway.dialects.error_body import parse_error
from tollway.dialects.gemini_embeddings import answer, request
from tollway.dialects.gemini_embeddings.errors import render_error
from tollway.dialects.record import Dialect, EmbeddingTranslator, Operation

__all__ = ["GEMINI_EMBED", "GEMINI_EMBED_ONE"]

GEMINI_EMBED = Dialect(
    name="gemini_embed",
    operation=Operation.EMBEDDING,
    path="/models/{model}:batchEmbedContents",
    peek=request.peek,
    patch_request=request.patch_request,
    read_answer=answer.read_answer,
    splice_cost=answer.splice_cost,
    open_stream=open_no_stream,
    parse_error=parse_error,
    render_error=render_error,
    embedding=EmbeddingTranslator(
        parse_request=request.parse_request,
        render_request=request.render_request,
        parse_answer=answer.parse_answer,
        render_answer=answer.render_answer,
    ),
)

GEMINI_EMBED_ONE = Dialect(
    name="gemini_embed_one",
    operation=Operation.EMBEDDING,
    path="/models/{model}:embedContent",
    peek=request.peek_one,
    patch_request=request.patch_one,
    read_answer=answer.read_answer_of_one,
    splice_cost=answer.splice_cost,
    open_stream=open_no_stream,
    parse_error=parse_error,
    render_error=render_error,
    embedding=EmbeddingTranslator(
        parse_request=request.parse_one,
        render_request=request.render_one,
        parse_answer=answer.parse_answer_of_one,
        render_answer=answer.render_answer_of_one,
    ),
)
