"""The few facts of a chat request that admission needs, without a full parse. Knows no provider and no price."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.body import Expected, read_facts
from tollway.dialects.openai_limit import FOREIGN, MUST_BE, Foreign, with_foreign
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.neutral.peek import Peek

CHOICES_MAX = 128
"""The most that OpenAI accepts as `n`."""

OUTPUT_TOKENS_LIMIT_MAX = 2**31 - 1
"""Providers keep token limits in 32 bits; with this bound no worst case leaves 64 bits of nano-units."""

TEXT_PARTS = frozenset(("text", "refusal", "thinking", "reasoning", "input_text", "output_text"))
"""Content parts whose tokens are bounded by their bytes; every other type counts as media."""


OWN_TOOLS = frozenset(("function", "custom"))
"""Tools that the client runs."""


class _Part(Struct, gc=False):
    type: str = "text"


class _Message(Struct, gc=False):
    content: str | list[_Part] | None = None
    audio: Raw | UnsetType = UNSET
    """A reference to an earlier spoken answer: its tokens are not in the body either."""


class _StreamOptions(Struct, gc=False):
    include_usage: bool | None = None


class _Tool(Struct, gc=False):
    type: str = "function"


_Limit = Annotated[int, Meta(ge=1, le=OUTPUT_TOKENS_LIMIT_MAX)]


class _Facts(Wishing, gc=False, kw_only=True):
    messages: Annotated[list[_Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=CHOICES_MAX)] | None = None
    max_tokens: _Limit | None = None
    max_completion_tokens: _Limit | None = None
    n_predict: Foreign | None = None
    tools: list[_Tool] | None = None
    web_search_options: Raw | UnsetType = UNSET
    search_parameters: Raw | UnsetType = UNSET
    plugins: Raw | UnsetType = UNSET


_FACTS = msgspec.json.Decoder(_Facts)

_EXPECTED = Expected(
    summary="a JSON object with `model` and `messages`",
    fields={
        "model": model_must_be(),
        **FIELDS,
        "messages": "`messages` must be a non-empty array of objects, each with `content` that is a string, an array of "
        "objects with a `type`, or null",
        "stream": "`stream` must be true or false",
        "stream_options": "`stream_options` must be an object, with `include_usage` true or false, or null",
        "n": f"`n` must be a whole number from 1 to {CHOICES_MAX}",
        "max_tokens": f"`max_tokens` must be a whole number from 1 to {OUTPUT_TOKENS_LIMIT_MAX}",
        "max_completion_tokens": f"`max_completion_tokens` must be a whole number from 1 to {OUTPUT_TOKENS_LIMIT_MAX}",
        FOREIGN: MUST_BE,
        "tools": "`tools` must be an array of objects, each with a `type`",
    },
)


def peek(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a chat request; raises Refusal `invalid_request` that says what to mend, and nothing else."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    streamed = facts.stream is True
    options = facts.stream_options
    limit = facts.max_tokens
    if facts.max_completion_tokens is not None:
        # Which of the two a provider heeds is its choice: the larger one is what may be paid.
        limit = max(facts.max_completion_tokens, limit or 0)
    return Peek(
        model_asked=first_model(facts),
        streamed=streamed,
        usage_asked=streamed and options is not None and options.include_usage is True,
        output_tokens_max=with_foreign(limit, facts.n_predict),
        choices=facts.n or 1,
        body_bytes=len(body),
        media_parts=_count_media(facts.messages) + _count_searches(facts),
        wishes=wishes_of(facts),
    )


def _count_searches(facts: _Facts) -> int:
    """Count what a provider runs by itself: it reads results that are not in the body."""
    given = (facts.web_search_options, facts.search_parameters, facts.plugins)
    count = sum(each is not UNSET and bytes(each) != b"null" for each in given)
    return count + sum(tool.type not in OWN_TOOLS for tool in facts.tools or ())


def _count_media(messages: list[_Message]) -> int:
    media = 0
    for message in messages:
        if isinstance(message.content, list):
            for part in message.content:
                if part.type not in TEXT_PARTS:
                    media += 1
        if message.audio is not UNSET and bytes(message.audio) != b"null":
            media += 1
    return media
