"""Usage in OpenAI's form: read into disjoint units, written with its cost. Knows no provider by name and no price.

OpenAI's counts overlap: `prompt_tokens` includes cached and audio tokens, `completion_tokens` reasoning and audio.
Providers differ, and `total_tokens` tells how: xAI counts reasoning beside the completion.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.cost_fields import cost_members, has_names_of, with_costs
from tollway.dialects.members import SMALL_BYTES_MAX, SPACE, append_members, known_value_start, members
from tollway.dialects.record import Closing, CostFields, ReadAnswer
from tollway.neutral.usage import Usage

COUNT_MAX = 1_000_000_000
"""No answer uses a thousand million tokens; a larger count is junk, and must not become an amount of money."""

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]


class _CacheWrites(Struct, gc=False):
    """Anthropic's division of what was written to a cache by how long it is kept."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class PromptDetails(Struct, gc=False):
    """What the input counts include."""

    cached_tokens: Count | None = None
    audio_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    """OpenAI's and OpenRouter's word; the next three are LiteLLM's, Alibaba's and New API's."""
    cache_creation_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cached_creation_tokens: Count | None = None
    cache_creation: _CacheWrites | None = None


class CompletionDetails(Struct, gc=False):
    """What the output counts include."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None


class Counts(Struct, gc=False):
    """The counts of a usage object that are read; raises ValidationError for junk."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_cache_hit_tokens: Count | None = None
    """DeepSeek's word for cached tokens; the next is Moonshot's."""
    cached_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    """Anthropic's words, as gateways to it pass them on."""
    cache_creation_input_tokens: Count | None = None
    cache_creation: _CacheWrites | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class _Cached(NamedTuple):
    """Input that the provider had or has now in its cache."""

    read: int | None
    minutes: int | None
    hour: int | None
    beside: int = 0
    """What of it stands beside the prompt that the provider reports, and not in it."""


_COUNTS = msgspec.json.Decoder(Counts)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode
_SILENT = (None,) * 9
_NO_PROMPT_DETAILS = PromptDetails()
_NO_COMPLETION_DETAILS = CompletionDetails()
_NO_MEMBER_ENDS = frozenset((b"", b"{", *(bytes((space,)) for space in SPACE)))
"""What stands before the closing brace of an object without members, or behind the last one's end."""


def read_usage(found: bytes | Raw) -> Usage | None:
    """Return the usage of a JSON value; None when it reports none: null, junk types, negative, a fraction, absurd."""
    try:
        counts = _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return usage_of(counts)


def usage_of(counts: Counts) -> Usage | None:
    """Return the counts in disjoint units; None when neither side is reported.

    A side that is left out follows from the total, where there is one. What the total counts beyond prompt and
    completion tells which of the details stand beside these two and not in them.
    """
    prompt, completion, total = counts.prompt_tokens, counts.completion_tokens, counts.total_tokens
    if prompt is None and completion is None:
        return None
    if total is not None:
        if completion is None and prompt is not None and total >= prompt:
            completion = total - prompt  # embeddings put nothing out, and some say so by leaving it out
        elif prompt is None and completion is not None and total > completion:
            prompt = total - completion
    extra = None if total is None else total - (prompt or 0) - (completion or 0)
    outputs = counts.completion_tokens_details or _NO_COMPLETION_DETAILS
    inputs = counts.prompt_tokens_details or _NO_PROMPT_DETAILS
    read, minutes, hour = inputs.cached_tokens, inputs.cache_write_tokens, None
    fresh, audio_in = prompt, inputs.audio_tokens
    if _says_more(counts, inputs):
        read, minutes, hour = _other_words(counts, inputs)
    if prompt is None:
        read = minutes = hour = audio_in = None
    elif read or minutes or hour:
        cached = _placed(_Cached(read, minutes, hour), counts, prompt, extra)
        read, minutes, hour, beside = cached
        fresh = prompt + beside - (read or 0) - (minutes or 0) - (hour or 0)
        extra = None if extra is None else max(extra - beside, 0)
    if audio_in is not None and fresh is not None:
        audio_in = min(audio_in, fresh)  # a sound that was cached stands in both details
        fresh -= audio_in
    visible, reasoning, audio_out = _split_completion(outputs, completion, extra)
    return Usage(
        input=fresh,
        cached_input=read,
        output=visible,
        reasoning=reasoning,
        audio_input=audio_in,
        audio_output=audio_out,
        cache_write_5m=minutes,
        cache_write_1h=hour,
    )


def _says_more(counts: Counts, details: PromptDetails) -> bool:
    """Tell whether a provider speaks of its cache in other words than OpenAI's."""
    # One comparison of two tuples: a chain of nine costs twice as many instructions.
    return (
        counts.prompt_cache_hit_tokens,
        counts.cached_tokens,
        counts.cache_read_input_tokens,
        counts.cache_creation_input_tokens,
        counts.cache_creation,
        details.cache_creation_tokens,
        details.cache_creation_input_tokens,
        details.cached_creation_tokens,
        details.cache_creation,
    ) != _SILENT


def _other_words(counts: Counts, details: PromptDetails) -> tuple[int | None, int | None, int | None]:
    """Return what was read from a cache, written for minutes (or nobody says how long), and written for an hour."""
    read = _largest(
        details.cached_tokens, counts.prompt_cache_hit_tokens, counts.cached_tokens, counts.cache_read_input_tokens
    )
    written = _largest(
        details.cache_write_tokens,
        details.cache_creation_tokens,
        details.cache_creation_input_tokens,
        details.cached_creation_tokens,
        counts.cache_creation_input_tokens,
    )
    divided = details.cache_creation or counts.cache_creation
    if divided is None:
        return read, written, None
    minutes, hour = divided.ephemeral_5m_input_tokens, divided.ephemeral_1h_input_tokens
    return read, minutes if written is None else max(written - (hour or 0), minutes or 0), hour


def _largest(*names: int | None) -> int | None:
    """Return the one count that a provider gives under several names, of which those it does not use may be zero."""
    return max((count for count in names if count is not None), default=None)


def _placed(cached: _Cached, counts: Counts, prompt: int, extra: int | None) -> _Cached:
    """Return what of it to believe, and what of that stands beside the prompt.

    `extra` is what the total counts beyond prompt and completion, None where there is no total.
    """
    reasoning = (counts.completion_tokens_details or _NO_COMPLETION_DETAILS).reasoning_tokens or 0
    read, minutes, hour, _ = cached
    parts = (read or 0) + (minutes or 0) + (hour or 0)
    if extra and extra != reasoning and extra in {parts, parts + reasoning}:
        return _Cached(read, minutes, hour, parts)
    if parts <= prompt:
        return cached
    if counts.cache_read_input_tokens or counts.cache_creation_input_tokens:
        # Anthropic's input_tokens leave out what the cache had. A gateway that passes them on as the prompt leaves it
        # out as well, of its total too, and it is billed all the same.
        return _Cached(read, minutes, hour, parts)
    # Seen from Grok on Azure, 161 of 10: it cannot be a part of the prompt, and the total does not count it.
    return _Cached(read if (read or 0) <= prompt else None, None, None)


def _split_completion(
    details: CompletionDetails, completion: int | None, extra: int | None
) -> tuple[int | None, int | None, int | None]:
    """Return visible, reasoning and audio output, which add up to what the provider bills as output."""
    if completion is None:
        return None, None, None
    reasoning, audio = details.reasoning_tokens, details.audio_tokens
    rest = completion
    if reasoning is None:
        if extra is not None and extra > 0:
            reasoning = extra  # Gemini's OpenAI endpoint counts its thinking in the total and nowhere else
    elif reasoning and extra == reasoning:
        pass  # xAI: beside the completion, not in it
    elif reasoning > completion:
        reasoning = None if extra == 0 else reasoning  # it cannot be a part; the total says whether it counts
    else:
        rest -= reasoning
    if audio is not None:
        audio = min(audio, rest)
        rest -= audio
    return rest, reasoning, audio


def is_all_zero(usage: Usage) -> bool:
    """Is no token in any unit: with text delivered that is no report but a default (lesson 12)."""
    return not usage.tokens


def usage_or_text(
    usage: Usage | None, parts: Iterable[Raw], text_bytes: Callable[[Raw], int]
) -> tuple[Usage | None, int]:
    """Return the usage of an answer, None where it is none, and how much text its parts have where that is to be known."""
    if usage is None or (not usage.output and (usage.output is None or is_all_zero(usage))):
        written = sum(map(text_bytes, parts))
        return None if written and usage is not None and is_all_zero(usage) else usage, written
    return usage, 0


def usage_with_costs(found: bytes | None, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the usage object to show: the provider's own bytes with the cost fields, or the estimate with them.

    `found` is the provider's object when it reported usage, else None. Fields of the cost's names that the provider
    sent are replaced.
    """
    if found is None:
        return b"{%b%b}" % (_estimate_members(estimate), cost_members(costs))
    return with_costs(found, costs)


def _estimate_members(estimate: Usage | None) -> bytes:
    if estimate is None:
        return b'"estimated":true,'
    completion = (estimate.output or 0) + (estimate.reasoning or 0) + (estimate.audio_output or 0)
    prompt = estimate.tokens - completion
    return b'"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"estimated":true,' % (
        prompt,
        completion,
        prompt + completion,
    )


def render_usage(usage: Usage) -> dict[str, object]:
    """Return disjoint units in OpenAI's overlapping form; what was not reported is zero at the top, and absent below."""
    completion = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    prompt = usage.tokens - completion
    rendered: dict[str, object] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    written = None
    if usage.cache_write_5m is not None or usage.cache_write_1h is not None:
        written = (usage.cache_write_5m or 0) + (usage.cache_write_1h or 0)
    inputs: dict[str, object | None] = {
        "cached_tokens": usage.cached_input,
        "audio_tokens": usage.audio_input,
        "cache_write_tokens": written,
    }
    if usage.cache_write_1h is not None:
        inputs["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m or 0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    outputs = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_output}
    for name, details in (("prompt_tokens_details", inputs), ("completion_tokens_details", outputs)):
        said = {key: value for key, value in details.items() if value is not None}
        if said:
            rendered[name] = said
    return rendered


def closing_usage(closing: Closing) -> bytes:
    """Return the usage object at the end of an answer of ours, with its costs where the client wants them."""
    rendered = render_usage(closing.usage)
    if closing.estimated:
        rendered["estimated"] = True
    found = _ENCODE(rendered)
    return found if closing.costs is None else with_costs(found, closing.costs)


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields in its top-level usage object; no byte outside that object changes.

    Where the provider reported no usage, the object is made from `estimate` and says `"estimated": true`.
    """
    found = None if answer.usage is None else answer.usage_found
    if found is not None:
        spliced = _costs_in_place(answer.body, found, costs)
        if spliced is not None:  # nearly always
            return spliced
    return with_usage_value(answer.body, answer.usage_found, usage_with_costs(found, costs, estimate))


def _costs_in_place(body: bytes, found: bytes, costs: CostFields) -> bytes | None:
    """Return a whole answer with the cost fields in its usage, by one copy; None where that takes a closer look.

    `found` are the very bytes of the usage value. Where they stand once in the answer, that is their place.
    """
    end = body.rfind(found) + len(found) - 1
    if found[-2:-1] in _NO_MEMBER_ENDS or body.find(found, 0, end) >= 0 or has_names_of(costs, found):
        return None
    return b"%b,%b%b" % (body[:end], cost_members(costs), body[end:])


def with_usage_value(body: bytes, found: bytes | None, value: bytes) -> bytes:
    """Return a whole answer with this value as its top-level usage; no byte outside it changes.

    `found` are the very bytes of the value that stands there; None where there is none.
    """
    if found is None:
        return append_members(body, b'"usage":%b' % value)
    at = known_value_start(body, b'"usage"') if len(body) <= SMALL_BYTES_MAX else None
    if at is None:
        # Of a repeated key the last one counts, for this decoder and for the clients'.
        at = next(member.start for member in reversed(members(body)) if member.name == "usage")
    return b"".join((body[:at], value, body[at + len(found) :]))
