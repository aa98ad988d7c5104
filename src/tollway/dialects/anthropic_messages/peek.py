"""The few facts of a Messages request that admission needs, without a full parse. Knows no provider and no price."""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.body import Expected, read_facts
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.neutral.peek import Peek

OUTPUT_TOKENS_LIMIT_MAX = 2**31 - 1
"""Providers keep token limits in 32 bits; with this bound no worst case leaves 64 bits of nano-units."""

MEDIA = frozenset(("image", "container_upload"))
"""Content blocks whose tokens do not follow from their bytes; a document is one unless its text stands in it."""

DOCUMENT, DOCUMENT_TEXT, OWN_TOOL = "document", "text", "custom"


class _Other(Struct, gc=False):
    """An object that nothing is asked of."""


class _Source(Struct):
    type: str = ""
    content: "str | list[_Block] | None" = None


class _Block(Struct):
    type: str = "text"
    source: _Source | str | None = None
    content: "str | list[_Block] | _Other | None" = None


class _Message(Struct):
    content: str | list[_Block] | None = None


class _Tool(Struct, gc=False):
    type: str | None = None


_Name = Annotated[str, Meta(min_length=1)]
_Messages = Annotated[list[_Message], Meta(min_length=1)]


class _Counted(Wishing, kw_only=True):
    messages: _Messages
    tools: list[_Tool] | None = None
    mcp_servers: list[Raw] | None = None


class _Facts(Wishing, kw_only=True):
    messages: _Messages
    max_tokens: Annotated[int, Meta(ge=0, le=OUTPUT_TOKENS_LIMIT_MAX)]
    stream: bool | None = None
    tools: list[_Tool] | None = None
    mcp_servers: list[Raw] | None = None


_FACTS = msgspec.json.Decoder(_Facts)
_COUNTED = msgspec.json.Decoder(_Counted)

_FIELDS = {
    "model": model_must_be(),
    **FIELDS,
    "messages": "`messages` must be a non-empty array of objects, each with `content` that is a string or an array of "
    "objects with a `type`",
    "tools": "`tools` must be an array of objects",
    "mcp_servers": "`mcp_servers` must be an array of objects",
}
_EXPECTED = Expected(
    summary="a JSON object with `model`, `max_tokens` and `messages`",
    fields={
        **_FIELDS,
        "max_tokens": f"`max_tokens` is required: the most tokens that the answer may have, a whole number from 0 to "
        f"{OUTPUT_TOKENS_LIMIT_MAX}",
        "stream": "`stream` must be true or false",
    },
)
_EXPECTED_COUNTED = Expected(summary="a JSON object with `model` and `messages`", fields=_FIELDS)


def peek(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request; raises Refusal `invalid_request` that says what to mend, and nothing else."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    return Peek(
        model_asked=first_model(facts),
        streamed=facts.stream is True,
        usage_asked=facts.stream is True,
        output_tokens_max=facts.max_tokens,
        choices=1,
        body_bytes=len(body),
        media_parts=_media(facts),
        wishes=wishes_of(facts),
    )


def peek_counted(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request that only asks how many tokens it has; it costs nothing."""
    facts = read_facts(body, _COUNTED, _EXPECTED_COUNTED)
    return Peek(
        model_asked=first_model(facts),
        streamed=False,
        usage_asked=False,
        output_tokens_max=0,
        choices=1,
        body_bytes=len(body),
        media_parts=_media(facts),
        billed=False,
        wishes=wishes_of(facts),
    )


def _media(facts: _Facts | _Counted) -> int:
    """Count what brings tokens that are not in the body: media, and tools of the provider, whose results it reads."""
    count = len(facts.mcp_servers or ())
    for tool in facts.tools or ():
        count += tool.type not in {None, OWN_TOOL}
    for message in facts.messages:
        if isinstance(message.content, list):
            count += _blocks_media(message.content)
    return count


def _blocks_media(blocks: list[_Block]) -> int:
    count = 0
    for block in blocks:
        if block.type in MEDIA:
            count += 1
        elif block.type == DOCUMENT:
            count += _document_media(block.source)
        elif isinstance(block.content, list):  # the result of a tool
            count += _blocks_media(block.content)
    return count


def _document_media(source: _Source | str | None) -> int:
    if not isinstance(source, _Source) or source.type == DOCUMENT_TEXT:
        return 0
    if source.content is None:
        return 1
    return _blocks_media(source.content) if isinstance(source.content, list) else 0
