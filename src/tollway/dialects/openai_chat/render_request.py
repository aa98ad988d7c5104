"""A request of any client, written as a chat completion request for one provider. Knows no client's dialect.

What providers vary beyond names stands in `RequestEdits.options`; `OPTIONS` has the words.
"""

from collections.abc import Mapping

from tollway.dialects.body import refused
from tollway.dialects.identifiers import shortened
from tollway.dialects.openai_chat.render_messages import MessageRenderer
from tollway.dialects.openai_chat.wishes import FORMS, render_wish
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.dialects.tool_schemas import of_object
from tollway.neutral.request import (
    CACHE_MARKS,
    ChatRequest,
    Effort,
    OutputForm,
    OutputKind,
    Tool,
    ToolChoice,
    ToolUse,
)

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "system_role": ("system", "developer"),
    "reasoning": tuple(FORMS),
    "efforts": tuple(word.value for word in Effort),
    "reasoning_history": ("reasoning_content", "reasoning"),
    "schema": ("json_schema", "json_object"),
    "documents": ("inline", "file_data", "document_url"),
    "cache_marks": ("none", "parts"),
    "tool_media": ("user", "parts"),
    "call_ids": ("kept", "nine"),
}
"""What a provider varies, with its words; the first is the default (`efforts`: several, "low medium high" where it is
left out; `reasoning_history`: none where it is left out).

- `system_role`: the role of system messages.
- `reasoning`: how a wish to think is stated: `effort` is `reasoning_effort`, in the words of `efforts`; `thinking` is
  `thinking: {type, budget_tokens}`, `thinking_type` the same without a budget; `enable_thinking` is that with
  `thinking_budget`; `reasoning_object` is `reasoning: {effort | max_tokens, exclude}`; `none` drops and names it.
- `reasoning_history`: the field in which earlier thoughts go back.
- `schema`: `json_object` is a provider that knows no JSON schema: such a contract is refused.
- `documents`: how the address of a document is given; `inline` takes none.
- `cache_marks`: `parts` takes Anthropic's `cache_control` on parts and tools.
- `call_ids`: `nine` is a provider that takes ids of nine letters and digits only: others are written as such a sum of
  themselves. Everywhere an id of more than 40 characters is, which OpenAI refuses.
- `tool_media`: where pictures stand that a tool returned: in a message of the user behind the results, or in the result.
"""

_PASSED = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "logit_bias": "logit_bias",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "end_user": "user",
    "verbosity": "verbosity",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}
"""The neutral form's names to the dialect's, of what passes as it is."""

IDENTIFIERS = frozenset(("end_user", "cache_key"))
IDENTIFIER_CHARS_MAX = 64
"""OpenAI refuses longer ones of these."""

_SCHEMA_NAME = "answer"
"""Where the client gave none and the dialect demands one."""


def render_request(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body for the provider; raises Refusal for what it has no place for."""
    if request.suffix is not None:
        raise refused("this model's provider cannot fill a gap: leave `suffix` out", param="suffix")
    renderer = MessageRenderer(edits)
    fields: dict[str, object] = {"model": edits.model_routed, "messages": renderer.render(request.messages)}
    dropped = renderer.dropped
    if edits.streamed:
        fields["stream"] = True
        if edits.usage_wanted:
            fields["stream_options"] = {"include_usage": True}
    _put_limit(fields, request, edits)
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.choices != 1:
        fields["n"] = request.choices
    _put_tools(fields, request, edits, dropped)
    if request.output is not None and request.output.kind is not OutputKind.TEXT:
        fields["response_format"] = _format(request.output, edits)
    for neutral, name in _PASSED.items():
        value = getattr(request, neutral)
        if value is not None:
            fields[name] = shortened(value, IDENTIFIER_CHARS_MAX) if neutral in IDENTIFIERS else value
    if request.reasoning is not None:
        stated, unstated = render_wish(request.reasoning, edits.options)
        fields |= stated
        dropped += unstated
    if request.audio is not None:
        fields["modalities"] = ["text", "audio"]
        fields["audio"] = request.audio
    dropped += request.knobs
    body, named = finished(fields, edits, dropped)
    return RenderedRequest(body, named)


def _put_limit(fields: dict[str, object], request: ChatRequest, edits: RequestEdits) -> None:
    limits = [limit for limit in (request.output_tokens_max, edits.output_tokens_max) if limit is not None]
    if limits:
        fields[edits.output_tokens_name] = min(limits)


def _put_tools(fields: dict[str, object], request: ChatRequest, edits: RequestEdits, dropped: list[str]) -> None:
    if request.tools:
        marks = edits.options.get("cache_marks") == "parts"
        fields["tools"] = [_tool(tool, marks, dropped) for tool in request.tools]
    choice = request.tool_choice
    if choice is not None and (request.tools or choice.use in {ToolUse.REQUIRED, ToolUse.NAMED}):
        fields["tool_choice"] = _choice(choice, request.tools)
    if request.parallel_tool_calls is not None:
        if request.tools:
            fields["parallel_tool_calls"] = request.parallel_tool_calls
        else:
            dropped.append("parallel_tool_calls")  # providers refuse it without tools


def _tool(tool: Tool, marks: object, dropped: list[str]) -> dict[str, object]:
    kind = "custom" if tool.custom else "function"
    what: dict[str, object] = {"name": tool.name}
    if tool.description is not None:
        what["description"] = tool.description
    if tool.parameters is not None:
        what["parameters"] = of_object(tool.parameters)
    if tool.strict is not None:
        what["strict"] = tool.strict
    if tool.grammar is not None:
        what["format"] = {"type": "grammar", "grammar": tool.grammar}
    fields: dict[str, object] = {"type": kind, kind: what}
    if tool.cache is not None:
        if marks:
            fields[CACHE_MARKS] = {"type": "ephemeral", "ttl": tool.cache.value}
        else:
            dropped.append(CACHE_MARKS)
    return fields


def _choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> object:
    if choice.use is not ToolUse.NAMED:
        return choice.use.value
    kind = "custom" if any(tool.custom and tool.name == choice.name for tool in tools) else "function"
    return {"type": kind, kind: {"name": choice.name}}


def _format(output: OutputForm, edits: RequestEdits) -> dict[str, object]:
    if output.kind is OutputKind.JSON_OBJECT:
        return {"type": "json_object"}
    if edits.options.get("schema") == "json_object":
        raise refused(
            "this model's provider cannot be held to a JSON schema: ask for a JSON object, or for another model",
            param="response_format",
        )
    schema: dict[str, object] = {"name": output.name or _SCHEMA_NAME, "schema": output.schema}
    if output.description is not None:
        schema["description"] = output.description
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"type": "json_schema", "json_schema": schema}
