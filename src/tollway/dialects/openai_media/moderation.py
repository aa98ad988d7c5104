"""What a request for a judgement says before it is relayed. Knows no provider and no price."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tollway.dialects.body import Expected, read_facts
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

MODEL_DEFAULT = "omni-moderation-latest"
"""What the dialect's reference says is asked when nothing is named, as its clients do."""


class _Part(Struct, gc=False):
    type: str = "text"


class _Facts(Struct, gc=False):
    input: str | list[str | _Part]
    model: Annotated[str, Meta(min_length=1)] | None = None


_FACTS = msgspec.json.Decoder(_Facts)

_EXPECTED = Expected(
    summary="a JSON object with `input`",
    fields={
        "model": "`model` must be a string that names a model; GET /v1/models lists them",
        "input": "`input` must be a string, an array of strings, or an array of objects with a `type`",
    },
)


def peek_moderation(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a moderation; raises Refusal `invalid_request` that says what to mend."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    parts = facts.input if isinstance(facts.input, list) else []
    return Peek(
        model_asked=facts.model or MODEL_DEFAULT,
        streamed=False,
        usage_asked=False,
        output_tokens_max=0,
        choices=1,
        body_bytes=len(body),
        media_parts=sum(isinstance(part, _Part) and part.type != "text" for part in parts),
        counted=Usage(),  # who bills it reports it; where nothing is reported it is free
        limit_lowers=False,
    )
