"""A request of another dialect on its way to a provider that speaks Gemini's. Knows no provider by name.

The words of `edits.options` that are heeded: `thinking` = `budget` (the default: models that count their thoughts),
`level` (models that take a level; calls of other models get the signature that Google documents for them) or `none`;
`thinking_budget_max` and `thinking_budget_min`, in tokens; `call_ids` = `kept` sends the ids of calls; `result_media`
= `inside` puts pictures of a result into it (the default is beside it); `service_tier` = `kept` sends the tier.

Media: bytes go inline; an https address goes as `fileData`, with the media type that the client gives, else that of
the address's ending, else the usual one of its kind. Whether an address may be named is the outbound guard's matter.
"""

from collections.abc import Mapping

from msgspec import Raw

from tollway.dialects.body import refused
from tollway.dialects.gemini.turns import Turns
from tollway.dialects.gemini.words import LEVELS, LEVELS_KNOWN, MODE_WORDS
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.neutral.reasoning import UNBOUNDED, budget_tokens, effort, nearest
from tollway.neutral.request import (
    CACHE_MARKS,
    SCHEMA_DESCRIPTION,
    TOOL_STRICT,
    ChatRequest,
    Effort,
    OutputKind,
    Tool,
    ToolUse,
    tuned,
)

BUDGET_MAX = 24_576
"""The largest budget that all models with budgets take."""

_NUMBERS: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
"""What tunes here as well: the neutral field and its member of `generationConfig`."""

_LEVEL_WORDS = {level: word for word, level in LEVELS.items()}

_Members = dict[str, object]


def render_request(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body; raises Refusal `invalid_request` for content or a contract that has no place in it."""
    _refuse_contracts(request)
    turns = Turns(request, edits)
    dropped = list(turns.dropped)
    fields: _Members = {"contents": turns.contents}
    if turns.system:
        fields["systemInstruction"] = {"parts": [{"text": "\n\n".join(turns.system)}]}
    if request.tools:
        fields["tools"] = [{"functionDeclarations": [_declaration(tool, dropped) for tool in request.tools]}]
    choice = request.tool_choice
    if choice is not None and request.tools:  # of no functions it refuses even NONE
        calling: _Members = {"mode": MODE_WORDS[choice.use]}
        if choice.use is ToolUse.NAMED:
            calling["allowedFunctionNames"] = [choice.name]
        fields["toolConfig"] = {"functionCallingConfig": calling}
    kept_tier = request.service_tier is not None and edits.options.get("service_tier") == "kept"
    if kept_tier:
        fields["serviceTier"] = request.service_tier
    dropped += [name for name in tuned(request) if name not in _NUMBERS and not (kept_tier and name == "service_tier")]
    dropped += request.knobs
    config = _config(request, edits, dropped)
    for name in edits.unsupported & config.keys():
        del config[name]
        dropped.append(name)
    if config:
        fields["generationConfig"] = config
    body, names = finished(fields, edits, dropped)
    return RenderedRequest(body, names)


def _refuse_contracts(request: ChatRequest) -> None:
    if request.suffix is not None:
        raise refused("Gemini cannot fill a gap: leave `suffix` out", param="suffix")
    if request.audio is not None:
        raise refused("spoken answers cannot be carried to Gemini: leave `audio` out", param="audio")
    choice = request.tool_choice
    if not request.tools and choice is not None and choice.use in {ToolUse.REQUIRED, ToolUse.NAMED}:
        raise refused("`tool_choice` asks for a tool, and `tools` has none", param="tool_choice")
    for tool in request.tools:
        if tool.custom:
            raise refused(f"Gemini has no tools with input of any form, as {tool.name!r} is", param="tools")


def _declaration(tool: Tool, dropped: list[str]) -> _Members:
    if tool.strict is not None:
        dropped.append(TOOL_STRICT)
    if tool.cache is not None:
        dropped.append(CACHE_MARKS)
    declared: _Members = {"name": tool.name}
    if tool.description is not None:
        declared["description"] = tool.description
    if tool.parameters is not None:
        declared["parametersJsonSchema"] = tool.parameters
    return declared


def _config(request: ChatRequest, edits: RequestEdits, dropped: list[str]) -> _Members:
    config: _Members = {
        name: value for field, name in _NUMBERS.items() if (value := getattr(request, field)) is not None
    }
    limits = [limit for limit in (request.output_tokens_max, edits.output_tokens_max) if limit is not None]
    if limits:
        config["maxOutputTokens"] = min(limits)
    if request.stop:
        config["stopSequences"] = list(request.stop)
    if request.choices > 1:
        config["candidateCount"] = request.choices
    output = request.output
    if output is not None and output.kind is not OutputKind.TEXT:
        config["responseMimeType"] = "application/json"
        if output.kind is OutputKind.JSON_SCHEMA:
            config["responseJsonSchema"] = output.schema if output.schema is not None else Raw(b"{}")
        if output.description is not None:
            dropped.append(SCHEMA_DESCRIPTION)
    thinking = _thinking(request, edits, dropped)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _thinking(request: ChatRequest, edits: RequestEdits, dropped: list[str]) -> _Members:
    """Return how much the model is to think, in the terms of its generation."""
    wish, thinking = request.reasoning, _Members()
    if wish is None:
        return thinking
    options = edits.options
    way = options.get("thinking", "budget")
    if way == "none":
        dropped.append("reasoning")
        return thinking
    if way == "level":
        word = effort(wish)
        if word is not None and wish.budget_tokens != UNBOUNDED:
            thinking["thinkingLevel"] = _LEVEL_WORDS[Effort(nearest(word, LEVELS_KNOWN))]
    else:
        budget = budget_tokens(wish)
        if budget is not None:
            least = int(options.get("thinking_budget_min", "0"))
            most = int(options.get("thinking_budget_max", str(BUDGET_MAX)))
            thinking["thinkingBudget"] = UNBOUNDED if budget == UNBOUNDED else max(min(budget, most), least)
    if wish.shown is not None:
        thinking["includeThoughts"] = wish.shown
    return thinking
