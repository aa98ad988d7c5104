"""The few facts of an Ollama request that admission needs, without a full parse. Knows no provider and no price."""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.body import Expected, read_facts
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.neutral.peek import Peek

OUTPUT_TOKENS_LIMIT_MAX = 2**31 - 1
"""Servers keep the limit in 32 bits."""


class _Message(Struct, gc=False):
    images: list[Raw] | None = None


class _Options(Struct, gc=False):
    num_predict: Annotated[int, Meta(le=OUTPUT_TOKENS_LIMIT_MAX)] | None = None


class _Facts(Wishing, gc=False, kw_only=True):
    stream: bool | None = None
    options: _Options | None = None
    messages: list[_Message] | None = None
    images: list[Raw] | None = None


_FACTS = msgspec.json.Decoder(_Facts)

EXPECTED_FIELDS = {
    "model": model_must_be("GET /api/tags"),
    **FIELDS,
    "stream": "`stream` must be true or false",
    "options": "`options` must be an object of numbers, booleans and strings, with `num_predict` a whole number up to "
    f"{OUTPUT_TOKENS_LIMIT_MAX} (0 and below: no limit) and `stop` a string or an array of strings",
    "messages": "`messages` must be an array of objects, each with a `role`, `content` that is a string, and optionally "
    "`images`, `tool_calls`, `thinking`, `tool_name` and `tool_call_id`",
    "images": "`images` must be an array of strings in base64",
}

_CHAT = Expected(summary="a JSON object with `model` and `messages`", fields=EXPECTED_FIELDS)
_GENERATE = Expected(summary="a JSON object with `model` and `prompt`", fields=EXPECTED_FIELDS)


def peek_chat(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a chat request; raises Refusal `invalid_request`."""
    return _peek(body, _CHAT)


def peek_generate(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a generate request; raises Refusal `invalid_request`."""
    return _peek(body, _GENERATE)


def _peek(body: bytes, expected: Expected) -> Peek:
    facts = read_facts(body, _FACTS, expected)
    limit = None if facts.options is None else facts.options.num_predict
    media = len(facts.images or ()) + sum(len(message.images or ()) for message in facts.messages or ())
    return Peek(
        model_asked=first_model(facts),
        streamed=facts.stream is not False,  # an Ollama server streams unless it is told not to
        usage_asked=False,
        output_tokens_max=limit if limit is not None and limit > 0 else None,
        choices=1,
        body_bytes=len(body),
        media_parts=media,
        wishes=wishes_of(facts),
    )
