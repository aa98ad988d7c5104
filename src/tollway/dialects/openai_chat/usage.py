"""Usage in OpenAI's form: read into disjoint units, written with its cost. Knows no provider by name and no price.

OpenAI's counts overlap: `prompt_tokens` includes cached and audio tokens, `completion_tokens` reasoning and audio.
Providers differ, and `total_tokens` tells how: xAI counts reasoning beside the completion.
"""

from functools import lru_cache
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.members import append_members, has_unicode_escape
from tollway.dialects.record import CostFields
from tollway.money import NANOS_PER_UNIT, render_json_number
from tollway.neutral.usage import Usage

COUNT_MAX = 1_000_000_000
"""No answer uses a thousand million tokens; a larger count is junk, and must not become an amount of money."""

_Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]


class _PromptDetails(Struct, gc=False):
    cached_tokens: _Count | None = None
    audio_tokens: _Count | None = None


class _CompletionDetails(Struct, gc=False):
    reasoning_tokens: _Count | None = None
    audio_tokens: _Count | None = None


class Counts(Struct, gc=False):
    """The counts of a usage object that are read; raises ValidationError for junk."""

    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    total_tokens: _Count | None = None
    prompt_cache_hit_tokens: _Count | None = None
    """DeepSeek's word for cached tokens."""
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


_COUNTS = msgspec.json.Decoder(Counts)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode
_NO_PROMPT_DETAILS = _PromptDetails()
_NO_COMPLETION_DETAILS = _CompletionDetails()


def read_usage(found: bytes | Raw) -> Usage | None:
    """Return the usage of a JSON value; None when it reports none: null, junk types, negative, a fraction, absurd."""
    try:
        counts = _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return usage_of(counts)


def usage_of(counts: Counts) -> Usage | None:
    """Return the counts in disjoint units; None when neither side is reported."""
    if counts.prompt_tokens is None and counts.completion_tokens is None:
        return None
    fresh, cached, audio_in = _split_prompt(counts)
    visible, reasoning, audio_out = _split_completion(counts)
    return Usage(
        input=fresh,
        cached_input=cached,
        output=visible,
        reasoning=reasoning,
        audio_input=audio_in,
        audio_output=audio_out,
    )


def _split_prompt(counts: Counts) -> tuple[int | None, int | None, int | None]:
    """Return fresh, cached and audio input, which add up to the prompt."""
    prompt = counts.prompt_tokens
    details = counts.prompt_tokens_details or _NO_PROMPT_DETAILS
    cached = counts.prompt_cache_hit_tokens if details.cached_tokens is None else details.cached_tokens
    audio = details.audio_tokens
    if prompt is None:
        return None, None, None
    if cached is not None and cached > prompt:
        # Seen from Grok on Azure, 161 of 10: it cannot be a part of the prompt, and the total does not count it.
        cached = None
    rest = prompt - (cached or 0)
    if audio is not None:
        audio = min(audio, rest)  # a sound that was cached stands in both details
        rest -= audio
    return rest, cached, audio


def _split_completion(counts: Counts) -> tuple[int | None, int | None, int | None]:
    """Return visible, reasoning and audio output, which add up to what the provider bills as output."""
    completion = counts.completion_tokens
    details = counts.completion_tokens_details or _NO_COMPLETION_DETAILS
    reasoning, audio = details.reasoning_tokens, details.audio_tokens
    if completion is None:
        return None, None, None
    rest = completion
    beside = None if counts.total_tokens is None else counts.total_tokens - (counts.prompt_tokens or 0) - completion
    if reasoning is None:
        if beside is not None and beside > 0:
            reasoning = beside  # Gemini's OpenAI endpoint counts its thinking in the total and nowhere else
    elif reasoning and beside == reasoning:
        pass  # xAI: beside the completion, not in it
    elif reasoning > completion:
        reasoning = None if beside == 0 else reasoning  # it cannot be a part; the total says whether it counts
    else:
        rest -= reasoning
    if audio is not None:
        audio = min(audio, rest)
        rest -= audio
    return rest, reasoning, audio


def is_all_zero(usage: Usage) -> bool:
    """Is no unit above zero: with text delivered that is no report but a default (lesson 12)."""
    return not any(
        (usage.input, usage.cached_input, usage.output, usage.reasoning, usage.audio_input, usage.audio_output)
    )


def usage_with_costs(found: bytes | None, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the usage object to show: the provider's own bytes with the cost fields, or the estimate with them.

    `found` is the provider's object when it reported usage, else None. Fields of the cost's names that the provider
    sent are replaced.
    """
    fields = _cost_members(costs)
    if found is None:
        return b"{%b%b}" % (_estimate_members(estimate), fields)
    form = _form(costs.currency)
    if form.suffix in found or has_unicode_escape(found):
        found = _without(found, form.names)
    return append_members(found, fields)


class _Form(NamedTuple):
    """How the cost fields of a currency are called."""

    names: tuple[str, str, str]
    suffix: bytes
    members: bytes
    """To be filled with the three numbers."""


@lru_cache(maxsize=64)
def _form(currency: str) -> _Form:
    """Return the names for a currency; an account has one, and a deployment a handful."""
    suffix = f"_{currency.lower()}"
    names = (f"base_cost{suffix}", f"platform_fee{suffix}", f"total_cost{suffix}")
    return _Form(names, suffix.encode(), '"{}":%b,"{}":%b,"{}":%b'.format(*names).encode())


def _cost_members(costs: CostFields) -> bytes:
    numbers = (_json_number(costs.base_nanos), _json_number(costs.fee_nanos), _json_number(costs.total_nanos))
    return _form(costs.currency).members % numbers


def _json_number(nanos: int) -> bytes:
    """Return `render_json_number` as bytes, in half the time for what nearly every reply costs: less than one unit."""
    if 0 < nanos < NANOS_PER_UNIT:
        return (b"0.%09d" % nanos).rstrip(b"0")
    return render_json_number(nanos).encode()


def _estimate_members(estimate: Usage | None) -> bytes:
    if estimate is None:
        return b'"estimated":true,'
    prompt = (estimate.input or 0) + (estimate.cached_input or 0) + (estimate.audio_input or 0)
    completion = (estimate.output or 0) + (estimate.reasoning or 0) + (estimate.audio_output or 0)
    return b'"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"estimated":true,' % (
        prompt,
        completion,
        prompt + completion,
    )


def _without(found: bytes, names: tuple[str, ...]) -> bytes:
    """Return the object without the members of these names; the very bytes when it has none of them."""
    known = _MEMBERS.decode(found)
    kept = {name: value for name, value in known.items() if name not in names}
    return found if len(kept) == len(known) else _ENCODE(kept)
