"""The few facts of a Responses request that admission needs, without a full parse. Knows no provider and no price."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.openai_limit import FOREIGN, MUST_BE, Foreign, with_foreign
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.neutral.peek import Peek

OUTPUT_TOKENS_LIMIT_MAX = 2**31 - 1
"""Providers keep token limits in 32 bits; with this bound no worst case leaves 64 bits of nano-units."""

TEXT_PARTS = frozenset(("input_text", "output_text", "refusal", "reasoning_text", "summary_text", "text"))
"""Content parts whose tokens are bounded by their bytes; every other type counts as media."""

UNBOUNDED_ITEMS = frozenset(("item_reference", "image_generation_call", "compaction"))
"""Input items whose tokens are not in the body: they refer to something, are pictures, or stand for much more."""

OWN_TOOLS = frozenset(("function", "custom"))
"""Tools that the client runs. What a provider runs by itself adds input that nobody has seen."""


class _Part(Struct, gc=False):
    type: str = "text"


class _Item(Struct, gc=False):
    type: str = "message"
    content: str | list[_Part] | None = None
    output: str | list[_Part] | _Part | None = None
    """Of a tool: its text, its parts, or one screenshot."""


class _Tool(Struct, gc=False):
    type: str = "function"


_Limit = Annotated[int, Meta(ge=1, le=OUTPUT_TOKENS_LIMIT_MAX)]


class _Facts(Wishing, gc=False, kw_only=True):
    input: str | list[_Item] | None = None
    tools: list[_Tool] | None = None
    stream: bool | None = None
    background: bool | None = None
    max_output_tokens: _Limit | None = None
    n_predict: Foreign | None = None
    previous_response_id: Raw | UnsetType = UNSET
    conversation: Raw | UnsetType = UNSET
    prompt: Raw | UnsetType = UNSET


_FACTS = msgspec.json.Decoder(_Facts)

EXPECTED = Expected(
    summary="a JSON object with `model` and `input`",
    fields={
        "model": model_must_be(),
        **FIELDS,
        "input": "`input` must be a string or an array of items, each an object whose `content` or `output`, if any, is a "
        "string or an array of objects with a `type`",
        "tools": "`tools` must be an array of objects, each with a `type`",
        "stream": "`stream` must be true or false",
        "background": "`background` must be true or false",
        FOREIGN: MUST_BE,
        "max_output_tokens": f"`max_output_tokens` must be a whole number from 1 to {OUTPUT_TOKENS_LIMIT_MAX}",
    },
)


def peek(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request; raises Refusal `invalid_request` that says what to mend, and nothing else."""
    facts = read_facts(body, _FACTS, EXPECTED)
    if facts.background:
        raise refused(
            "`background` is not served: what the answer will cost could not be known when this request ends; "
            "leave it out, or stream",
            param="background",
        )
    streamed = facts.stream is True
    return Peek(
        model_asked=first_model(facts),
        streamed=streamed,
        usage_asked=streamed,
        output_tokens_max=with_foreign(facts.max_output_tokens, facts.n_predict),
        choices=1,
        body_bytes=len(body),
        media_parts=_count_unbounded(facts),
        wishes=wishes_of(facts),
    )


def _count_unbounded(facts: _Facts) -> int:
    """Count what brings tokens that the body's bytes do not bound."""
    kept = (facts.previous_response_id, facts.conversation, facts.prompt)
    count = sum(each is not UNSET and bytes(each) != b"null" for each in kept)
    count += sum(tool.type not in OWN_TOOLS for tool in facts.tools or ())
    if isinstance(facts.input, list):
        for item in facts.input:
            count += item.type in UNBOUNDED_ITEMS
            for held in (item.content, item.output):
                parts = held if isinstance(held, list) else [held] if isinstance(held, _Part) else []
                count += sum(part.type not in TEXT_PARTS for part in parts)
    return count
