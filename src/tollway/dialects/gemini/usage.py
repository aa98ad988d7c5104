"""Usage in Gemini's form: read into disjoint units, written with its cost. Knows no price.

`promptTokenCount` includes what came from a cache and every modality, `candidatesTokenCount` does not include thoughts,
and what built-in tools put into the prompt stands beside it. Zeros are left out, as everywhere in Google's JSON.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.cost_fields import cost_members, with_costs
from tollway.dialects.members import append_members
from tollway.dialects.openai_usage import COUNT_MAX
from tollway.dialects.record import Closing
from tollway.neutral.usage import Usage

_Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]

AUDIO = "AUDIO"
TEXT = "TEXT"


class Modality(Struct, gc=False, rename="camel"):
    """The part of a count that has one modality."""

    modality: str | None = None
    token_count: _Count | None = None


class Counts(Struct, gc=False, rename="camel"):
    """The counts of a usage object that are read; raises ValidationError for junk."""

    prompt_token_count: _Count | None = None
    candidates_token_count: _Count | None = None
    total_token_count: _Count | None = None
    cached_content_token_count: _Count | None = None
    thoughts_token_count: _Count | None = None
    tool_use_prompt_token_count: _Count | None = None
    prompt_tokens_details: list[Modality] | None = None
    cache_tokens_details: list[Modality] | None = None
    candidates_tokens_details: list[Modality] | None = None
    tool_use_prompt_tokens_details: list[Modality] | None = None
    service_tier: str | None = None
    traffic_type: str | None = None

    @property
    def tell(self) -> bool:
        """They speak of tokens."""
        return not (
            self.prompt_token_count
            is self.candidates_token_count
            is self.total_token_count
            is self.thoughts_token_count
            is None
        )

    @property
    def tier(self) -> str | None:
        """How the request was served: Gemini's word, else Vertex's."""
        return self.service_tier or self.traffic_type


_COUNTS = msgspec.json.Decoder(Counts | None)


def read_counts(found: bytes | Raw) -> Counts | None:
    """Return the counts of a JSON value; None for null and junk."""
    try:
        return _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def usage_of(counts: Counts | None) -> Usage | None:
    """Return the counts in disjoint units; None when no token is spoken of, as on the first chunks of a stream."""
    if counts is None or not counts.tell:
        return None
    prompt, total = counts.prompt_token_count, counts.total_token_count
    candidates, thoughts = counts.candidates_token_count, counts.thoughts_token_count
    tools = counts.tool_use_prompt_token_count or 0
    if candidates is None and prompt is not None and total is not None:
        candidates = max(total - prompt - tools - (thoughts or 0), 0)
    elif candidates and thoughts and total == (prompt or 0) + tools + candidates and thoughts <= candidates:
        candidates -= thoughts  # some count thoughts in it: the total tells
    spoken = None if candidates is None else _audio(counts.candidates_tokens_details)
    if candidates is not None and spoken is not None:
        spoken = min(spoken, candidates)
        candidates -= spoken
    fresh, cached, heard = _inputs(counts, prompt, tools)
    return Usage(
        input=fresh,
        cached_input=cached,
        output=candidates,
        reasoning=thoughts,
        audio_input=heard,
        audio_output=spoken,
    )


def _inputs(counts: Counts, prompt: int | None, tools: int) -> tuple[int | None, int | None, int | None]:
    """Return fresh, cached and audio input."""
    if prompt is None:
        return (tools or None), None, None
    fresh = prompt + tools
    cached = counts.cached_content_token_count
    if cached is not None:
        cached = min(cached, fresh)
        fresh -= cached
    heard = _audio(counts.prompt_tokens_details)
    if heard is not None:
        in_cache = _audio(counts.cache_tokens_details) or 0
        heard = min(max(heard - in_cache, 0), fresh)
        fresh -= heard
    return fresh, cached, heard


def _audio(details: list[Modality] | None) -> int | None:
    if details is None or (len(details) == 1 and details[0].modality != AUDIO):  # nearly always
        return None
    heard = [detail.token_count or 0 for detail in details if detail.modality == AUDIO]
    return sum(heard) if heard else None


def usage_members(usage: Usage, *, estimated: bool) -> bytes:
    """Return the members of a usage object, without braces, in Gemini's own inclusive form."""
    heard, spoken = usage.audio_input or 0, usage.audio_output or 0
    cached = usage.cached_input or 0
    prompt = (usage.input or 0) + cached + heard + (usage.cache_write_5m or 0) + (usage.cache_write_1h or 0)
    candidates, thoughts = (usage.output or 0) + spoken, usage.reasoning or 0
    members = [b'"promptTokenCount":%d,"candidatesTokenCount":%d' % (prompt, candidates)]
    if usage.reasoning is not None:
        members.append(b'"thoughtsTokenCount":%d' % thoughts)
    if usage.cached_input is not None:
        members.append(b'"cachedContentTokenCount":%d' % cached)
    members.append(b'"totalTokenCount":%d' % (prompt + candidates + thoughts))
    if heard:
        members.append(b'"promptTokensDetails":%b' % _details(prompt - heard, heard))
    if spoken:
        members.append(b'"candidatesTokensDetails":%b' % _details(candidates - spoken, spoken))
    if estimated:
        members.append(b'"estimated":true')
    return b",".join(members)


def _details(text: int, audio: int) -> bytes:
    return b'[{"modality":"TEXT","tokenCount":%d},{"modality":"AUDIO","tokenCount":%d}]' % (text, audio)


def new_usage(closing: Closing) -> bytes:
    """Return a usage object of our own, with its cost unless the key wants none."""
    members = usage_members(closing.usage, estimated=closing.estimated)
    return b"{%b}" % (members if closing.costs is None else b"%b,%b" % (members, cost_members(closing.costs)))


def tells(found: bytes | None) -> bool:
    """Tell whether a usage object speaks of tokens."""
    return found is not None and usage_of(read_counts(found)) is not None


def usage_with_costs(found: bytes | None, closing: Closing) -> bytes:
    """Return the usage object to show: the provider's bytes with the costs, or, where it reported none, the estimate.

    `found` is what stands in its place; it may speak of other things than tokens, which stay.
    """
    if found is None or not found.startswith(b"{") or read_counts(found) is None:
        return new_usage(closing)
    if not tells(found):
        found = append_members(found, usage_members(closing.usage, estimated=closing.estimated))
    elif closing.estimated:
        return new_usage(closing)  # it said zero although there was text
    return found if closing.costs is None else with_costs(found, closing.costs)
