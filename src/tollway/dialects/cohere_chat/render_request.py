"""A request as Cohere's chat takes it. Pure.

`edits.options["reasoning_history"]` says where the reasoning of former turns goes: `tool_plan` (beside tool calls),
`thinking` (a part of the content); without it, it is left out.
"""

from msgspec import Raw

from tollway.dialects.cohere_chat.content import ContentWriter, Fields, refused
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.neutral.reasoning import UNBOUNDED, budget_tokens
from tollway.neutral.request import (
    CACHE_MARKS,
    REASONING,
    SCHEMA_DESCRIPTION,
    TOOL_STRICT,
    ChatRequest,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Tool,
    ToolChoice,
    ToolUse,
    tuned,
)

TUNED = {
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "logprobs": "logprobs",
}
"""The tuning fields that Cohere knows, and its words for them."""

_ANY_OBJECT = Raw(b'{"type":"object","properties":{}}')


def render_request(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body for Cohere; raises Refusal `invalid_request` for what it has no place for."""
    _refuse_contracts(request)
    writer = ContentWriter(reasoning_history=edits.options.get("reasoning_history", ""))
    given = tuned(request)
    dropped = [name for name in given if name not in TUNED]
    fields: Fields = {
        "model": edits.model_routed,
        "stream": edits.streamed,
        "messages": writer.messages(request.messages),
    }
    if writer.documents:
        fields["documents"] = writer.documents
    fields |= _tools(request, dropped)
    if request.output is not None and request.output.kind is not OutputKind.TEXT:
        fields["response_format"] = _response_format(request.output)
        if request.output.description is not None:
            dropped.append(SCHEMA_DESCRIPTION)
    if request.reasoning is not None:
        thinking = _thinking(request.reasoning)
        if thinking is None:
            dropped.append(REASONING)
        else:
            fields["thinking"] = thinking
    limits = [limit for limit in (request.output_tokens_max, edits.output_tokens_max) if limit is not None]
    if limits:
        fields["max_tokens"] = min(limits)
    if request.stop:
        fields["stop_sequences"] = request.stop
    fields |= {TUNED[name]: getattr(request, name) for name in given if name in TUNED}
    body, names = finished(fields, edits, [*dropped, *request.knobs, *writer.dropped])
    return RenderedRequest(body=body, dropped=names)


def _refuse_contracts(request: ChatRequest) -> None:
    if request.choices > 1:
        raise refused("this model's provider gives one answer: leave `n` out", "n")
    if request.suffix is not None:
        raise refused("this model's provider fills no gaps: leave `suffix` out", "suffix")
    if request.audio is not None:
        raise refused("this model's provider answers in text: leave `audio` out", "audio")


def _tools(request: ChatRequest, dropped: list[str]) -> Fields:
    choice = request.tool_choice or ToolChoice(use=ToolUse.AUTO)
    tools = request.tools
    if choice.use is ToolUse.NAMED:  # Cohere cannot name a tool, but has to use the only one that there is
        tools = tuple(tool for tool in tools if tool.name == choice.name)
    if not tools:
        if choice.use in {ToolUse.REQUIRED, ToolUse.NAMED}:
            raise refused("`tool_choice` demands a tool that `tools` does not have: give it there", "tool_choice")
        return {}
    fields: Fields = {"tools": [_tool(tool) for tool in tools]}
    if any(tool.cache is not None for tool in tools):
        dropped.append(CACHE_MARKS)
    if all(tool.strict for tool in tools):
        fields["strict_tools"] = True
    elif any(tool.strict for tool in tools):
        dropped.append(TOOL_STRICT)
    if choice.use is ToolUse.NONE:
        fields["tool_choice"] = "NONE"
    elif choice.use is not ToolUse.AUTO:
        fields["tool_choice"] = "REQUIRED"
    return fields


def _tool(tool: Tool) -> Fields:
    if tool.custom:
        raise refused(
            f"the tool `{tool.name}` takes text of any form, which this model's provider does not know", "tools"
        )
    function: Fields = {"name": tool.name, "parameters": tool.parameters or _ANY_OBJECT}
    if tool.description is not None:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _response_format(output: OutputForm) -> Fields:
    if output.schema is None:
        return {"type": "json_object"}
    return {"type": "json_object", "json_schema": output.schema}


def _thinking(wish: ReasoningWish) -> Fields | None:
    """Return Cohere's words for a wish; None for one that asks nothing of how much."""
    budget = budget_tokens(wish)
    if budget is None:
        return None
    if budget == 0:
        return {"type": "disabled"}
    return {"type": "enabled"} if budget == UNBOUNDED else {"type": "enabled", "token_budget": budget}
