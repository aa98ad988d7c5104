"""A request as Converse takes it. Pure.

`edits.options`, the words by which models of one provider differ:

- `thinking` says how a model is told to think: `thinking` (`thinking.budget_tokens`), `adaptive` (`thinking.type` and
  `output_config.effort`), `reasoningConfig` (`reasoningConfig.maxReasoningEffort`), `reasoning_effort`. Without it the
  wish is dropped.
- `top_k` says under which name a model takes it: `top_k`, or `topK` (in `inferenceConfig`). Without it, it is dropped.
- `cache_points` = `none` leaves cache marks out, for a model that refuses them.
- `sampling` = `one` leaves `top_p` out beside a temperature, for a model that refuses both together.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw

from tollway.dialects.bedrock_converse.content import Block, ContentWriter, refused
from tollway.dialects.bedrock_converse.thinking import Asked, Thinking, thinking_of
from tollway.dialects.bedrock_converse.words import AUTO_TIER, SERVICE_TIERS
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.dialects.tool_schemas import of_object
from tollway.neutral.parts import ToolCall, ToolResult
from tollway.neutral.request import (
    REASONING,
    ChatRequest,
    OutputForm,
    OutputKind,
    Tool,
    ToolUse,
    names_of_calls,
    tuned,
)

METADATA = "metadata"
"""A client's own labels (OpenAI's word for them), which Bedrock keeps in its logs as `requestMetadata`."""
METADATA_MAX = 16
METADATA_CHARS_MAX = 256
_METADATA_SIGNS = frozenset(" :_@$#=/+,-.")

_LABELS = msgspec.json.Decoder(dict[str, str])
_TOP_K: Mapping[str, Callable[[int], Block]] = {
    "top_k": lambda top_k: {"top_k": top_k},
    "topK": lambda top_k: {"inferenceConfig": {"topK": top_k}},
}
_SAMPLING = {"temperature": "temperature", "top_p": "topP"}
TEMPERATURE_MAX = 1.0
"""Other dialects go to 2; a higher one is left out and named, which leaves the model's own."""


def render_request(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body for Converse; raises Refusal `invalid_request` for what it has no place for."""
    _refuse_contracts(request)
    writer = ContentWriter(issuer=edits.issuer, marks=edits.options.get("cache_points") != "none")
    limit = _limit(request, edits)
    fields: dict[str, object] = {}
    system, turns = writer.system(request.messages), writer.turns(request.messages)
    thinking = thinking_of(Asked(request, turns, limit), edits.options.get("thinking", ""))
    kept = {name: value for name, value in _sampling(request, edits) if name not in thinking.forbids}
    dropped = [name for name in tuned(request) if name not in kept]
    if system:
        fields["system"] = system
    fields["messages"] = turns
    inference: Block = {} if limit is None else {"maxTokens": limit}
    inference |= {_SAMPLING[name]: value for name, value in kept.items()}
    if request.stop:
        inference["stopSequences"] = request.stop
    if inference:
        fields["inferenceConfig"] = inference
    tools = _tool_config(request, writer)
    if tools:
        fields["toolConfig"] = tools
    if request.output is not None and request.output.kind is OutputKind.JSON_SCHEMA:
        fields["outputConfig"] = {"textFormat": _text_format(request.output)}
    _add_own(fields, request, edits, thinking, dropped)
    dropped += writer.dropped
    if request.reasoning is not None and not thinking.carried:
        dropped.append(REASONING)
    _drop_unsupported(inference, edits, dropped)
    body, names = finished(fields, edits, dropped)
    return RenderedRequest(body=body, dropped=names)


def _refuse_contracts(request: ChatRequest) -> None:
    if request.choices > 1:
        raise refused("this model's provider gives one answer: leave `n` out", "n")
    if request.suffix is not None:
        raise refused("this model's provider fills no gaps: leave `suffix` out", "suffix")
    if request.audio is not None:
        raise refused("this model's provider answers in text: leave `audio` out", "audio")
    if request.output is not None and request.output.kind is OutputKind.JSON_OBJECT:
        raise refused("this model's provider promises JSON by a schema only: give a JSON schema", "response_format")


def _limit(request: ChatRequest, edits: RequestEdits) -> int | None:
    limits = [limit for limit in (request.output_tokens_max, edits.output_tokens_max) if limit is not None]
    return min(limits, default=None)


def _sampling(request: ChatRequest, edits: RequestEdits) -> list[tuple[str, object]]:
    """Return what Converse takes of how a model is to choose its words, by our names."""
    sampling: list[tuple[str, object]] = []
    if request.temperature is not None and request.temperature <= TEMPERATURE_MAX:
        sampling.append(("temperature", request.temperature))
    if request.top_p is not None and not (sampling and edits.options.get("sampling") == "one"):
        sampling.append(("top_p", request.top_p))
    return sampling


def _tool_config(request: ChatRequest, writer: ContentWriter) -> Block:
    """Return the tools, and how they may be used.

    Converse refuses calls in a conversation that defines no tools. Where the client gave none any more, those that were
    called are defined again, by their names alone.
    """
    choice = request.tool_choice
    use = ToolUse.AUTO if choice is None else choice.use
    if not request.tools:
        if use in {ToolUse.REQUIRED, ToolUse.NAMED}:
            raise refused("`tool_choice` demands a tool and there are none: give `tools`", "tool_choice")
        called = dict.fromkeys(names_of_calls(request.messages).values())
        return {"tools": [block for name in called for block in _tool(Tool(name=name), writer)]} if called else {}
    if use is ToolUse.NONE:
        if _calls_stand_in(request):
            raise refused(
                "this model's provider cannot be kept from tools while the conversation has calls: leave `tool_choice` out",
                "tool_choice",
            )
        return {}
    config: Block = {"tools": [block for tool in request.tools for block in _tool(tool, writer)]}
    if use is ToolUse.REQUIRED:
        config["toolChoice"] = {"any": {}}
    elif choice is not None and use is ToolUse.NAMED:
        config["toolChoice"] = {"tool": {"name": choice.name}}
    return config


def _calls_stand_in(request: ChatRequest) -> bool:
    return any(isinstance(part, ToolCall | ToolResult) for message in request.messages for part in message.parts)


def _tool(tool: Tool, writer: ContentWriter) -> list[Block]:
    if tool.custom:
        raise refused(
            f"the tool `{tool.name}` takes text of any form, which this model's provider does not know", "tools"
        )
    spec: Block = {"name": tool.name, "inputSchema": {"json": of_object(tool.parameters)}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict:
        spec["strict"] = True
    return [{"toolSpec": spec}, *writer.mark(tool.cache)]


def _text_format(output: OutputForm) -> Block:
    schema: Block = {"schema": bytes(output.schema or b"{}").decode()}
    if output.name is not None:
        schema["name"] = output.name
    if output.description is not None:
        schema["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _add_own(
    fields: dict[str, object], request: ChatRequest, edits: RequestEdits, thinking: Thinking, dropped: list[str]
) -> None:
    """Add what stands outside of the common configuration, and take it from what is dropped."""
    more: Block = dict(thinking.fields)
    top_k = _TOP_K.get(edits.options.get("top_k", ""))
    if request.top_k is not None and top_k is not None and "top_k" not in thinking.forbids:
        more |= top_k(request.top_k)
        dropped.remove("top_k")
    if more:
        fields["additionalModelRequestFields"] = more
    if request.service_tier == AUTO_TIER:
        dropped.remove("service_tier")
    elif request.service_tier in SERVICE_TIERS:
        fields["serviceTier"] = {"type": SERVICE_TIERS[request.service_tier]}
        dropped.remove("service_tier")
    labels = _labels(request.knobs.get(METADATA))
    if labels:
        fields["requestMetadata"] = labels
    dropped += [name for name in request.knobs if not (labels and name == METADATA)]


def _labels(found: Raw | None) -> dict[str, str]:
    """Return a client's labels when Bedrock would take them: few, short, and without unusual signs."""
    if found is None:
        return {}
    try:
        labels = _LABELS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    texts = [*labels.keys(), *labels.values()]
    fits = len(labels) <= METADATA_MAX and all(labels) and all(_fits(text) for text in texts)
    return labels if fits else {}


def _fits(text: str) -> bool:
    return len(text) <= METADATA_CHARS_MAX and all(
        sign.isascii() and (sign.isalnum() or sign in _METADATA_SIGNS) for sign in text
    )


def _drop_unsupported(inference: Block, edits: RequestEdits, dropped: list[str]) -> None:
    """Leave out of the common configuration what this model refuses, by its own name there."""
    for name in sorted(edits.unsupported & inference.keys()):
        del inference[name]
        dropped.append(name)
