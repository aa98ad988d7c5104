"""What a request for a judgement says before it is relayed. Knows no provider and no price."""

import msgspec
from msgspec import Struct

from tollway.dialects.body import Expected, read_facts
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

MODEL_DEFAULT = "omni-moderation-latest"
"""What the dialect's reference says is asked when nothing is named, as its clients do."""


class _Part(Struct, gc=False):
    type: str = "text"


class _Facts(Wishing, gc=False, kw_only=True):
    input: str | list[str | _Part]


_FACTS = msgspec.json.Decoder(_Facts)

_EXPECTED = Expected(
    summary="a JSON object with `input`",
    fields={
        "model": model_must_be(),
        **FIELDS,
        "input": "`input` must be a string, an array of strings, or an array of objects with a `type`",
    },
)


def peek_moderation(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a moderation; raises Refusal `invalid_request` that says what to mend."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    facts.model = facts.model or MODEL_DEFAULT
    parts = facts.input if isinstance(facts.input, list) else []
    return Peek(
        model_asked=first_model(facts),
        streamed=False,
        usage_asked=False,
        output_tokens_max=0,
        choices=1,
        body_bytes=len(body),
        media_parts=sum(isinstance(part, _Part) and part.type != "text" for part in parts),
        counted=Usage(),  # who bills it reports it; where nothing is reported it is free
        limit_lowers=False,
        wishes=wishes_of(facts),
    )
