"""Cohere's embeddings (`/v2/embed`), which providers speak and no client does; no I/O."""

from tollway.dialects.cohere_embeddings.form import parse_answer, render_request
from tollway.dialects.embedding_form import no_answer, no_error, no_patch, no_peek, no_splice, open_no_stream
from tollway.dialects.error_body import parse_error
from tollway.dialects.record import Dialect, EmbeddingTranslator, Operation

__all__ = ["COHERE_EMBED"]

COHERE_EMBED = Dialect(
    name="cohere_embed",
    operation=Operation.EMBEDDING,
    path="/v2/embed",
    peek=no_peek,
    patch_request=no_patch,
    read_answer=no_answer,
    splice_cost=no_splice,
    open_stream=open_no_stream,
    parse_error=parse_error,
    render_error=no_error,
    embedding=EmbeddingTranslator(render_request=render_request, parse_answer=parse_answer),
)
