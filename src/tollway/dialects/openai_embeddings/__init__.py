"""OpenAI's embeddings, as bytes and facts; no I/O."""

from tollway.dialects.embedding_form import open_no_stream, patch_request
from tollway.dialects.error_body import parse_error, render_error
from tollway.dialects.openai_embeddings.answer import parse_answer, read_answer, render_answer, splice_cost
from tollway.dialects.openai_embeddings.request import parse_request, peek, render_request
from tollway.dialects.record import Dialect, EmbeddingTranslator, Operation

__all__ = ["OPENAI_EMBEDDINGS"]

OPENAI_EMBEDDINGS = Dialect(
    name="openai_embeddings",
    words={"end_user": "user"},
    operation=Operation.EMBEDDING,
    path="/embeddings",
    peek=peek,
    patch_request=patch_request,
    read_answer=read_answer,
    splice_cost=splice_cost,
    open_stream=open_no_stream,
    parse_error=parse_error,
    render_error=render_error,
    embedding=EmbeddingTranslator(
        parse_request=parse_request,
        render_request=render_request,
        parse_answer=parse_answer,
        render_answer=render_answer,
    ),
)
