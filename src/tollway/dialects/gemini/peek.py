"""The few facts of a Gemini request that admission needs, without a full parse. Knows no provider and no price.

Google reads every name in camel case and in snake case; what could be said twice in that way is refused here, because
nobody knows which of the two would count.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.members import member_names
from tollway.dialects.record import Called
from tollway.neutral.peek import Peek

CHOICES_MAX = 128
"""More than any model gives; Google's own limit is eight."""

OUTPUT_TOKENS_LIMIT_MAX = 2**31 - 1
"""Google keeps token limits in 32 bits; with this bound no worst case leaves 64 bits of nano-units."""

ARRAY = "array"
"""The variant of a stream asked for without `alt=sse`."""

_Given = Raw | UnsetType


class _Response(Struct, gc=False):
    parts: list[Raw] | None = None


class _Part(Struct, gc=False):
    inlineData: _Given = UNSET  # noqa: N815  the next ones as well: words of the wire, both of which occur
    inline_data: _Given = UNSET
    fileData: _Given = UNSET  # noqa: N815
    file_data: _Given = UNSET
    functionResponse: _Response | None = None  # noqa: N815
    function_response: _Response | None = None

    @property
    def media(self) -> int:
        inline = self.inlineData is not UNSET or self.inline_data is not UNSET
        count = 1 if inline or self.fileData is not UNSET or self.file_data is not UNSET else 0
        response = self.functionResponse or self.function_response
        return count if response is None else count + len(response.parts or ())


class _Content(Struct, gc=False):
    parts: list[_Part] | None = None


class _Facts(Struct, gc=False):
    contents: Annotated[list[_Content], Meta(min_length=1)]
    generationConfig: _Given = UNSET  # noqa: N815
    generation_config: _Given = UNSET
    cachedContent: str | None = None  # noqa: N815
    cached_content: str | None = None
    tools: list[Raw] | None = None
    model: str | None = None


class _CountFacts(Struct, gc=False):
    contents: list[Raw] | None = None


class _Config(Struct, gc=False):
    maxOutputTokens: int | str | None = None  # noqa: N815
    max_output_tokens: int | str | None = None
    candidateCount: int | str | None = None  # noqa: N815
    candidate_count: int | str | None = None


_FACTS = msgspec.json.Decoder(_Facts)
_COUNT_FACTS = msgspec.json.Decoder(_CountFacts)
_CONFIG = msgspec.json.Decoder(_Config | None)

_DECLARATIONS = {"functionDeclarations", "function_declarations"}
"""Tools that the client runs."""

_CONTENTS = "`contents` must be a non-empty array of objects, each with an array `parts` of objects"
_CONFIG_WRONG = "`generationConfig` must be an object, and each of its members must stand in it once"
_WHOLE = "`generationConfig.%s` must be a whole number from 1 to %d"

_EXPECTED = Expected(
    summary="a JSON object with `contents`",
    fields={
        "contents": _CONTENTS,
        "tools": "`tools` must be an array of objects",
        "model": "`model` must be a string, the model that the path names, or left out",
        "cachedContent": "`cachedContent` must be the name of a cached content",
        "cached_content": "`cached_content` must be the name of a cached content",
    },
)
_COUNT_EXPECTED = Expected(
    summary="a JSON object with `contents` or `generateContentRequest`",
    fields={"contents": _CONTENTS},
)


def peek(body: bytes, called: Called) -> Peek:
    """Return the facts of a request; raises Refusal `invalid_request` that says what to mend, and nothing else."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    limit, choices = _config_facts(facts)
    media = sum(part.media for content in facts.contents for part in content.parts or ())
    if facts.cachedContent or facts.cached_content:
        media += 1  # its tokens are paid for, and do not follow from this body
    for tool in facts.tools or ():  # what the provider runs by itself reads what nobody has seen
        media += len(set(member_names(bytes(tool))) - _DECLARATIONS) if bytes(tool).startswith(b"{") else 0
    if facts.model not in {None, called.model} and not (facts.model or "").endswith(f"/{called.model}"):
        raise refused("`model` must be the model that the path names: leave it out", param="model")
    return Peek(
        model_asked=_model(called),
        streamed=called.streamed is True,
        usage_asked=called.streamed is True,
        output_tokens_max=limit,
        choices=choices,
        body_bytes=len(body),
        media_parts=media,
        variant=called.variant,
    )


def peek_count(body: bytes, called: Called) -> Peek:
    """Return the facts of a request to count tokens, which costs nothing."""
    read_facts(body, _COUNT_FACTS, _COUNT_EXPECTED)
    return Peek(
        model_asked=_model(called),
        streamed=False,
        usage_asked=False,
        output_tokens_max=None,
        choices=1,
        body_bytes=len(body),
        media_parts=0,
        billed=False,
    )


def _model(called: Called) -> str:
    if not called.model:
        raise refused("the path must name a model: /v1beta/models/MODEL:generateContent", param="model")
    return called.model


def _config_facts(facts: _Facts) -> tuple[int | None, int]:
    """Return the limit on the output and the number of choices."""
    given = [each for each in (facts.generationConfig, facts.generation_config) if each is not UNSET]
    if len(given) > 1:
        raise refused("give `generationConfig` or `generation_config`, not both", param="generationConfig")
    if not given:
        return None, 1
    try:
        config = _CONFIG.decode(given[0])
        names = [] if config is None else [name.replace("_", "").lower() for name in member_names(bytes(given[0]))]
    except msgspec.ValidationError:
        raise refused(_config_sentence(given[0]), param="generationConfig") from None
    if config is None:
        return None, 1
    if len(names) != len(set(names)):
        raise refused(_CONFIG_WRONG, param="generationConfig")
    limit = _whole("maxOutputTokens", config.maxOutputTokens, config.max_output_tokens, OUTPUT_TOKENS_LIMIT_MAX)
    return limit, _whole("candidateCount", config.candidateCount, config.candidate_count, CHOICES_MAX) or 1


def _config_sentence(found: Raw) -> str:
    if not bytes(found).startswith(b"{"):
        return _CONFIG_WRONG
    return "`generationConfig.maxOutputTokens` and `generationConfig.candidateCount` must be whole numbers"


def _whole(name: str, camel: int | str | None, snake: int | str | None, most: int) -> int | None:
    """Return a number of Google's JSON, where a string of digits is one as well."""
    found = camel if snake is None else snake
    if found is None:
        return None
    number = int(found) if isinstance(found, int) or (found.isascii() and found.isdecimal()) else 0
    if not 1 <= number <= most:
        raise refused(_WHOLE % (name, most), param="generationConfig")
    return number
