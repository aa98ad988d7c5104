"""Gemini's `generateContent`, which Vertex speaks as well, as bytes and facts; no I/O."""

from tollway.dialects.gemini.answer import keep_count, read_answer, read_count, render_count, splice_cost
from tollway.dialects.gemini.errors import parse_error, render_error
from tollway.dialects.gemini.frames import stream_type
from tollway.dialects.gemini.parse import parse_request
from tollway.dialects.gemini.patch import patch_count, patch_request
from tollway.dialects.gemini.peek import peek, peek_count
from tollway.dialects.gemini.reader import open_reader, parse_answer
from tollway.dialects.gemini.render import render_request
from tollway.dialects.gemini.stream import open_stream
from tollway.dialects.gemini.writer import open_writer, render_answer
from tollway.dialects.record import ChatTranslator, Dialect, Operation
from tollway.neutral.seals import is_marked_in_base64

__all__ = ["GEMINI", "GEMINI_COUNT_TOKENS"]

GEMINI = Dialect(
    name="gemini",
    is_marked=is_marked_in_base64,
    words={
        "top_p": "topP",
        "top_k": "topK",
        "frequency_penalty": "frequencyPenalty",
        "presence_penalty": "presencePenalty",
        "logprobs": "responseLogprobs",
        "top_logprobs": "logprobs",
        "reasoning": "thinkingConfig",
    },
    path="/v1beta/models/{model}:generateContent",
    streamed_path="/v1beta/models/{model}:streamGenerateContent?alt=sse",
    peek=peek,
    patch_request=patch_request,
    read_answer=read_answer,
    splice_cost=splice_cost,
    open_stream=open_stream,
    parse_error=parse_error,
    render_error=render_error,
    stream_type=stream_type,
    # Google's own clients of several years match `^data: ` at the start of each event and stop at anything else, a
    # comment or a blank line among it; inside an array a comment would be no JSON.
    keepalive=b"",
    chat=ChatTranslator(
        parse_request=parse_request,
        render_request=render_request,
        parse_answer=parse_answer,
        render_answer=render_answer,
        open_reader=open_reader,
        open_writer=open_writer,
    ),
)

GEMINI_COUNT_TOKENS = Dialect(
    name="gemini_count_tokens",
    operation=Operation.TOKEN_COUNT,
    path="/v1beta/models/{model}:countTokens",
    peek=peek_count,
    patch_request=patch_count,
    read_answer=read_count,
    splice_cost=keep_count,
    open_stream=open_stream,
    parse_error=parse_error,
    render_error=render_error,
    render_count=render_count,
    keepalive=b"",
)
