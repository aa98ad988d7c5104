"""Counting the tokens of a Messages request: what is asked and answered passes, and nothing of it is billed. Pure."""

import msgspec

from tollway.dialects.anthropic_messages.answer import junk
from tollway.dialects.record import JSON, CostFields, ReadAnswer
from tollway.neutral.usage import Usage


class _Counted(msgspec.Struct, gc=False):
    input_tokens: int


_COUNTED = msgspec.json.Decoder(_Counted)


def read_counted(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the answer as it came: it used nothing. Raises UpstreamFailure JUNK when it is no count."""
    try:
        _COUNTED.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise junk(body) from None
    return ReadAnswer(body=body, usage=Usage(), usage_found=None, model_answered=None, text_bytes=0)


def render_count(tokens: int) -> bytes:
    """Return an answer that counts so many tokens."""
    return b'{"input_tokens":%d}' % tokens


def splice_nothing(answer: ReadAnswer, _costs: CostFields, _estimate: Usage | None) -> bytes:
    """Return the body as it came: it has no place for costs, and there are none."""
    return answer.body
