"""A whole answer of Cohere's chat, read into the neutral form. Knows no request."""

import msgspec
from msgspec import Raw, Struct

from tollway.dialects.cohere_chat.usage import read_usage
from tollway.dialects.cohere_chat.words import (
    FAILED,
    FINISH_REASONS,
    Cited,
    Likelihood,
    broke_off,
    read_citations,
    read_likelihoods,
)
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Citation, Part, Reasoning, Text, ToolCall

NO_ARGUMENTS = "{}"
"""What stands for the arguments of a call for which the model wrote none."""


class _Content(Struct, gc=False):
    type: str = ""
    text: str | None = None
    thinking: str | None = None


class _Function(Struct, gc=False):
    name: str
    arguments: str | None = None


class _ToolCall(Struct, gc=False):
    id: str
    function: _Function


class _Message(Struct, gc=False):
    content: list[_Content] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[_ToolCall] | None = None
    citations: list[Cited] | None = None


class _Answer(Struct, gc=False):
    message: _Message
    id: str | None = None
    finish_reason: str | None = None
    usage: Raw = Raw(b"null")
    logprobs: list[Likelihood] | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def parse_answer(body: bytes) -> ChatAnswer:
    """Return the answer; raises UpstreamFailure JUNK when the body is none of Cohere's, BROKE when it says that it failed."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailure(FailureKind.JUNK, "the provider's answer is not in its dialect") from None
    said = answer.finish_reason
    if said in FAILED:
        raise broke_off(said, None)
    choice = Choice(
        parts=tuple(_parts(answer.message)),
        reason=None if said is None else FINISH_REASONS.get(said, StopReason.OTHER),
        logprobs=read_likelihoods(answer.logprobs or ()),
    )
    return ChatAnswer(choices=(choice,), usage=read_usage(answer.usage), id=answer.id)


def _parts(message: _Message) -> list[Part]:
    parts: list[Part] = [Reasoning(text=message.tool_plan)] if message.tool_plan else []
    content = message.content
    if isinstance(content, str):
        content = [_Content(text=content)]
    cited = _cited(message.citations or (), content or ())
    for index, piece in enumerate(content or ()):
        if piece.thinking:
            parts.append(Reasoning(text=piece.thinking))
        elif piece.text or index in cited:
            parts.append(Text(text=piece.text or "", citations=tuple(cited.get(index, ()))))
    for call in message.tool_calls or ():
        written = call.function.arguments or NO_ARGUMENTS
        parts.append(ToolCall(id=call.id, name=call.function.name, arguments=written))
    return parts


def _cited(found: "list[Cited] | tuple[()]", content: "list[_Content] | tuple[()]") -> dict[int, list[Citation]]:
    """Return the citations of each piece of content: of the last text, where they do not say of which."""
    last = max((index for index, piece in enumerate(content) if piece.text is not None), default=0)
    cited: dict[int, list[Citation]] = {}
    for one in found:
        index = last if one.content_index is None else one.content_index
        cited.setdefault(index, []).extend(read_citations(one))
    return cited
