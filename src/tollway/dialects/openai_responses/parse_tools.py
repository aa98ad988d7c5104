"""The tools and the choice among them of a Responses request, read into the neutral form. Knows no provider."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.body import refused
from tollway.dialects.openai_responses.wire import present
from tollway.dialects.openai_responses.words import ASKED_AGAIN
from tollway.neutral.request import Tool, ToolChoice, ToolUse


class WireFormat(Struct, gc=False):
    """What the input of a custom tool must be."""

    type: str = "text"
    syntax: str | None = None
    definition: str | None = None


class WireTool(Struct, gc=False):
    """A tool, of any kind."""

    type: str = "function"
    name: str | None = None
    description: str | None = None
    parameters: Raw | UnsetType = UNSET
    strict: bool | None = None
    format: WireFormat | None = None


class WireChoice(Struct, gc=False):
    """Which tools are to be used, where it is not one word."""

    type: str = "function"
    name: str | None = None
    mode: str | None = None
    tools: list[WireTool] | None = None


_USES = {"auto": ToolUse.AUTO, "none": ToolUse.NONE, "required": ToolUse.REQUIRED}
_OWN = frozenset(("function", "custom"))
_ENCODE = msgspec.json.Encoder().encode


def tools_of(found: list[WireTool]) -> tuple[Tool, ...]:
    """Return the tools; raises Refusal for those that a provider would have to run."""
    return tuple(_tool_of(tool, f"tools[{place}]") for place, tool in enumerate(found))


def _tool_of(tool: WireTool, place: str) -> Tool:
    if tool.type not in _OWN:
        raise refused(
            f"`{place}`: this model's provider has no tool {tool.type[:60]} of its own: {ASKED_AGAIN}", param=place
        )
    if not tool.name:
        raise refused(f"`{place}` needs a `name`", param=place)
    custom = tool.type == "custom"
    grammar = None
    if tool.format is not None and tool.format.type == "grammar":
        grammar = Raw(_ENCODE({"syntax": tool.format.syntax, "definition": tool.format.definition}))
    return Tool(
        name=tool.name,
        description=tool.description,
        parameters=None if custom else present(tool.parameters),
        strict=tool.strict or None,  # false is what every other dialect means by silence
        custom=custom,
        grammar=grammar,
    )


def chosen(choice: str | WireChoice, tools: tuple[Tool, ...]) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """Return the choice, and the tools that it leaves: of `allowed_tools` those that are not allowed are not offered."""
    if isinstance(choice, str):
        use = _USES.get(choice)
        if use is None:
            raise refused("`tool_choice` must be auto, none, required, or an object", param="tool_choice")
        return ToolChoice(use=use), tools
    if choice.type in _OWN and choice.name:
        return ToolChoice(use=ToolUse.NAMED, name=choice.name), tools
    if choice.type == "allowed_tools" and choice.mode in _USES:
        allowed = {tool.name for tool in choice.tools or ()}
        return ToolChoice(use=_USES[choice.mode]), tuple(tool for tool in tools if tool.name in allowed)
    raise refused(
        f"`tool_choice` of the type {choice.type[:60]}, as it is given, has no place elsewhere: {ASKED_AGAIN}",
        param="tool_choice",
    )
