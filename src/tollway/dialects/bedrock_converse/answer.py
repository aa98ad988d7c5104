"""A whole answer of Converse, read into the neutral form. Knows no request."""

import msgspec
from msgspec import Raw, Struct

from tollway.dialects.bedrock_converse.citations import Cited, Passage, read_citation
from tollway.dialects.bedrock_converse.usage import read_usage
from tollway.dialects.bedrock_converse.words import STOP_REASONS
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Image, Inline, Part, Reasoning, Sealed, Text, ToolCall

SERVER_TOOL = "server_tool_use"
"""A tool that Bedrock itself uses: nothing that a client could answer."""


class _ReasoningText(Struct, gc=False):
    text: str = ""
    signature: str | None = None


class _Reasoning(Struct, gc=False):
    reasoningText: _ReasoningText | None = None  # noqa: N815  words of the wire, here and below
    redactedContent: str | None = None  # noqa: N815


class _ToolUse(Struct, gc=False):
    toolUseId: str  # noqa: N815
    name: str
    input: Raw = Raw(b"{}")
    type: str | None = None


class _Bytes(Struct, gc=False):
    bytes: str | None = None


class _Image(Struct, gc=False):
    format: str
    source: _Bytes | None = None


class _Cited(Struct, gc=False):
    content: list[Passage] | None = None
    citations: list[Cited] | None = None


class _Block(Struct, gc=False):
    text: str | None = None
    toolUse: _ToolUse | None = None  # noqa: N815
    reasoningContent: _Reasoning | None = None  # noqa: N815
    citationsContent: _Cited | None = None  # noqa: N815
    image: _Image | None = None


class _Message(Struct, gc=False):
    content: list[_Block]


class _Output(Struct, gc=False):
    message: _Message


class Tier(Struct, gc=False):
    """The tier in which an answer was made."""

    type: str | None = None


class _Router(Struct, frozen=True, gc=False):
    invokedModelId: str | None = None  # noqa: N815


class _Trace(Struct, frozen=True, gc=False):
    promptRouter: _Router = _Router()  # noqa: N815


class _Answer(Struct, gc=False):
    output: _Output
    stopReason: str | None = None  # noqa: N815
    usage: Raw = Raw(b"null")
    serviceTier: Tier | None = None  # noqa: N815
    trace: _Trace = _Trace()


_ANSWER = msgspec.json.Decoder(_Answer)


def parse_answer(body: bytes) -> ChatAnswer:
    """Return the answer; raises UpstreamFailure JUNK when the body is none of Converse's."""
    try:
        answer = _ANSWER.decode(body)
        parts = tuple(part for block in answer.output.message.content for part in _parts(block))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailure(FailureKind.JUNK, "the provider's answer is not in its dialect") from None
    reason = None if answer.stopReason is None else STOP_REASONS.get(answer.stopReason, StopReason.OTHER)
    return ChatAnswer(
        choices=(Choice(parts=parts, reason=reason),),
        usage=read_usage(answer.usage),
        model=answer.trace.promptRouter.invokedModelId,
        service_tier=None if answer.serviceTier is None else answer.serviceTier.type,
    )


def _parts(block: _Block) -> list[Part]:
    if block.text:
        return [Text(text=block.text)]
    if block.toolUse is not None:
        return _call(block.toolUse)
    if block.reasoningContent is not None:
        return _reasoning(block.reasoningContent)
    if block.citationsContent is not None:
        cited = block.citationsContent
        text = "".join(passage.text for passage in cited.content or ())
        citations = tuple(read_citation(citation) for citation in cited.citations or ())
        return [Text(text=text, citations=citations)] if text or citations else []
    return _picture(block.image)


def _call(use: _ToolUse) -> list[Part]:
    if use.type == SERVER_TOOL:
        return []
    compact = msgspec.json.encode(msgspec.json.decode(use.input)).decode()
    return [ToolCall(id=use.toolUseId, name=use.name, arguments=compact)]


def _reasoning(found: _Reasoning) -> list[Part]:
    if found.redactedContent is not None:
        return [Reasoning(sealed=Sealed(data=found.redactedContent, whole=True))]
    told = found.reasoningText or _ReasoningText()
    sealed = Sealed(data=told.signature) if told.signature else None
    return [Reasoning(text=told.text, sealed=sealed)] if told.text or sealed else []


def _picture(image: _Image | None) -> list[Part]:
    if image is None or image.source is None or image.source.bytes is None:
        return []
    return [Image(source=Inline(media_type=f"image/{image.format}", data=image.source.bytes))]
