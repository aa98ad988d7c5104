"""A whole Ollama answer: the facts settlement needs, and the costs beside its counts. Knows no price and no provider."""

import msgspec

from tollway.dialects.error_body import parse_error
from tollway.dialects.ollama.closing import with_closing
from tollway.dialects.ollama.wire import (
    CHAT,
    GENERATE,
    Line,
    Said,
    Shape,
    failure_in,
    read_line,
    usage_in,
    written_bytes,
)
from tollway.dialects.record import JSON, Closing, CostFields, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage


def read_chat(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a chat answer; raises UpstreamFailure JUNK when it is none."""
    return _read(body, CHAT)


def read_generate(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a generate answer; raises UpstreamFailure JUNK when it is none."""
    return _read(body, GENERATE)


def read_whole(body: bytes, shape: Shape) -> tuple[Line, Said]:
    """Return a whole answer and what it says; raises UpstreamFailure JUNK when it is none."""
    try:
        line = read_line(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _junk(body) from None
    said = shape.said(line)
    if said is None or failure_in(line, body) is not None:
        raise _junk(body)
    return line, said


def _read(body: bytes, shape: Shape) -> ReadAnswer:
    line, said = read_whole(body, shape)
    usage = usage_in(line)
    text_bytes = 0
    if usage is None or usage.output is None or not usage.tokens:
        text_bytes = written_bytes(said)
        if text_bytes and usage is not None and not usage.tokens:
            usage = None
    return ReadAnswer(body=body, usage=usage, usage_found=None, model_answered=line.model, text_bytes=text_bytes)


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields at its top level, and the estimate where the server reported no usage."""
    closing = Closing(
        usage=answer.usage or estimate or Usage(),
        estimated=answer.usage is None,
        costs=costs,
    )
    return with_closing(answer.body, closing)


def _junk(body: bytes) -> UpstreamFailure:
    said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not an answer of Ollama's form{said}")
