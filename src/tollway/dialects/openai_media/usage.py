"""Usage of pictures and sounds, read into disjoint units, and written with its cost. Knows no provider and no price.

Some are billed by what is no token. The convention, for operators too: where a provider bills by characters or by
seconds, the unit `input` counts the characters and the unit `audio_input` counts the seconds, begun ones whole; prices
are per million of them. Pictures that were delivered count as `images`.
"""

from math import ceil
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.cost_fields import with_costs
from tollway.dialects.openai_usage import COUNT_MAX
from tollway.dialects.record import Closing, CostFields
from tollway.neutral.usage import Usage

_Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
_Seconds = Annotated[float, Meta(ge=0, le=COUNT_MAX)]


class _Details(Struct, gc=False):
    audio_tokens: _Count | None = None
    cached_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None


class _Counts(Struct, gc=False):
    seconds: _Seconds | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    prompt_tokens: _Count | None = None
    """Words of chat, which some providers use here as well."""
    completion_tokens: _Count | None = None
    prompt_audio_seconds: _Seconds | None = None
    """Beside the tokens, from providers that bill transcripts by time."""
    input_tokens_details: _Details | None = None
    input_token_details: _Details | None = None
    """Transcripts' word for the same."""
    output_tokens_details: _Details | None = None


_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode
_COUNTS = msgspec.json.Decoder(_Counts)
_NO_DETAILS = _Details()


def read_media_usage(found: bytes | Raw) -> Usage | None:
    """Return the usage of a JSON value; None when it reports none: null, junk, or nothing but zero."""
    try:
        counts = _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    prompt = counts.prompt_tokens if counts.input_tokens is None else counts.input_tokens
    output = counts.completion_tokens if counts.output_tokens is None else counts.output_tokens
    if prompt is None and output is None:
        return None if counts.seconds is None else by_seconds(counts.seconds)
    details = counts.input_tokens_details or counts.input_token_details or _NO_DETAILS
    reasoning = (counts.output_tokens_details or _NO_DETAILS).reasoning_tokens
    cached = audio = None
    if prompt is not None:
        cached, audio = details.cached_tokens, details.audio_tokens
        # A detail that exceeds what it is a part of is junk; the whole is what is billed.
        cached = None if cached is None else min(cached, prompt)
        prompt -= cached or 0
        audio = None if audio is None else min(audio, prompt)
        prompt -= audio or 0
    if output is not None and reasoning is not None:
        reasoning = min(reasoning, output)
        output -= reasoning
    if audio is None and counts.prompt_audio_seconds is not None:
        audio = ceil(counts.prompt_audio_seconds)
    usage = Usage(
        input=prompt,
        cached_input=cached,
        output=output,
        reasoning=None if output is None else reasoning,
        audio_input=audio,
    )
    return usage if usage.tokens else None


def by_seconds(seconds: float) -> Usage | None:
    """Return the usage of sound that is billed by its length, in which the text that comes out costs nothing."""
    return Usage(audio_input=ceil(seconds), output=0) if seconds else None


def added_up(usage: Usage, more: Usage) -> Usage:
    """Return both together; what neither reports is not reported."""
    both = {
        name: first if second is None else second + (first or 0)
        for name in Usage.__struct_fields__
        for first, second in [(getattr(usage, name), getattr(more, name))]
    }
    return Usage(**both)


def usage_value(found: bytes | None, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the usage object to show: the provider's own members with the cost fields, and an estimate if any.

    `estimate` is None where the provider reported what it is paid for.
    """
    known = found if found is not None and found.startswith(b"{") else b"{}"
    shown = {} if estimate is None else _shown(estimate)
    if shown:
        told: dict[str, Raw] = _MEMBERS.decode(known)
        known = _ENCODE({**told, **shown, "estimated": True})
    return with_costs(known, costs)


def told_value(closing: Closing) -> bytes | None:
    """Return the usage object for what has no usage of the provider's to stand in, such as an error; None without costs."""
    if closing.costs is None:
        return None
    shown = _shown(closing.usage)
    if shown and closing.estimated:
        shown["estimated"] = True
    return with_costs(_ENCODE(shown), closing.costs)


def _shown(usage: Usage) -> dict[str, object]:
    """Return the counts that clients are shown: what is no token, such as the characters of a text, is not."""
    if usage.input is None and usage.audio_input is not None:
        return {"type": "duration", "seconds": usage.audio_input}
    if usage.output is None and usage.audio_output is None:
        return {}
    output = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    return {"input_tokens": usage.tokens - output, "output_tokens": output, "total_tokens": usage.tokens}
