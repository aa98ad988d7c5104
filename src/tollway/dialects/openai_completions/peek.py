"""The few facts of a completion request that admission needs, without a full parse. Knows no provider and no price."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.openai_limit import FOREIGN, MUST_BE, Foreign, with_foreign
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.neutral.peek import Peek

CHOICES_MAX = 128
"""The most that OpenAI accepts as `n`."""

OUTPUT_TOKENS_LIMIT_MAX = 2**31 - 1
"""Providers keep token limits in 32 bits; with this bound no worst case leaves 64 bits of nano-units."""

OUTPUT_TOKENS_DEFAULT = 16
"""What the dialect says for a request without a limit; some of its servers write to the end of the context instead."""

_CHOICES_TOTAL_MAX = 4_096
"""Answers to one request, all prompts together: a stream that is cut ends each of them, in one step of the event loop."""


class _StreamOptions(Struct, gc=False):
    include_usage: bool | None = None


_Many = Annotated[int, Meta(ge=1, le=CHOICES_MAX)]


class _Facts(Wishing, gc=False, kw_only=True):
    prompt: str | Annotated[list[str | int | list[int]], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: _Many | None = None
    best_of: _Many | None = None
    max_tokens: Annotated[int, Meta(ge=0, le=OUTPUT_TOKENS_LIMIT_MAX)] | None = None
    n_predict: Foreign | None = None


_FACTS = msgspec.json.Decoder(_Facts)

_EXPECTED = Expected(
    summary="a JSON object with `model` and `prompt`",
    fields={
        "model": model_must_be(),
        **FIELDS,
        "prompt": "`prompt` must be a string, or a non-empty array of strings or of tokens",
        "stream": "`stream` must be true or false",
        "stream_options": "`stream_options` must be an object, with `include_usage` true or false, or null",
        "n": f"`n` must be a whole number from 1 to {CHOICES_MAX}",
        "best_of": f"`best_of` must be a whole number from 1 to {CHOICES_MAX}",
        "max_tokens": f"`max_tokens` must be a whole number from 0 to {OUTPUT_TOKENS_LIMIT_MAX}",
        FOREIGN: MUST_BE,
    },
)


def peek(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a completion request; raises Refusal `invalid_request` that says what to mend."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    streamed = facts.stream is True
    options = facts.stream_options
    # What is written and thrown away (`best_of`) is charged as well; each prompt has answers of its own.
    choices = _prompts(facts.prompt) * max(facts.n or 1, facts.best_of or 1)
    if choices > _CHOICES_TOTAL_MAX:
        raise refused(f"`prompt` asks for more than {_CHOICES_TOTAL_MAX} answers: send fewer", param="prompt")
    return Peek(
        model_asked=first_model(facts),
        streamed=streamed,
        usage_asked=streamed and options is not None and options.include_usage is True,
        output_tokens_max=_limit(facts),
        choices=choices,
        body_bytes=len(body),
        media_parts=0,
        wishes=wishes_of(facts),
    )


def _limit(facts: _Facts) -> int | None:
    """Return the client's limit. Where it gave none the dialect's own is not relied on: not every server keeps it."""
    return with_foreign(None if facts.max_tokens is None else max(facts.max_tokens, 1), facts.n_predict)


def _prompts(prompt: str | list[str | int | list[int]]) -> int:
    """Return how many prompts there are: an array of numbers is one."""
    return 1 if isinstance(prompt, str) or isinstance(prompt[0], int) else len(prompt)
