"""What of a request and of an answer must come through a pair of dialects, as facts to be compared. Knows no bytes."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.parts import (
    Audio,
    Declined,
    Document,
    FileId,
    Image,
    Inline,
    Part,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from tollway.neutral.reasoning import budget_tokens
from tollway.neutral.request import TUNING, ChatRequest, OutputKind, Role, ToolChoice, ToolUse

Atom = tuple[Any, ...]
Facts = dict[str, Any]


def facts_of(request: ChatRequest) -> Facts:
    """Return what a request asks, by the names with which it may be called dropped."""
    facts: Facts = {name: getattr(request, name) for name in TUNING}
    facts |= {
        "messages": _turns(request),
        "output_tokens_max": request.output_tokens_max,
        "stop": request.stop,
        "choices": request.choices,
        "suffix": request.suffix,
        "audio": request.audio,
        "streamed": request.streamed,
        **_tool_facts(request),
        **_output_facts(request),
        **_reasoning_facts(request),
        **_marks(request),
    }
    if facts["parallel_tool_calls"] is not False or not facts["tools"]:
        facts["parallel_tool_calls"] = None  # true is what every dialect means by silence
    facts["logprobs"] = facts["logprobs"] or None
    return facts


def _tool_facts(request: ChatRequest) -> Facts:
    choice = request.tool_choice or ToolChoice(use=ToolUse.AUTO)
    if not request.tools or choice.use is ToolUse.NONE:  # no tools and "no tool" are the same to a model
        return {"tools": (), "tool_choice": ToolUse.NONE, "strict": ()}
    tools = sorted((tool.name, tool.description, _json(tool.parameters), tool.custom) for tool in request.tools)
    return {
        "tools": tuple(tools),
        "tool_choice": (choice.use, choice.name),
        "strict": tuple(tool.name for tool in request.tools if tool.strict),
    }


def _output_facts(request: ChatRequest) -> Facts:
    output = request.output
    if output is None or output.kind is OutputKind.TEXT:
        return {"response_format": None, "response_format.name": None, "response_format.strict": None}
    return {
        "response_format": (output.kind, _json(output.schema)),
        "response_format.name": (output.name, output.description),
        "response_format.strict": output.strict,
    }


def _reasoning_facts(request: ChatRequest) -> Facts:
    """Return whether to think: the amount is the table's, which has tests of its own."""
    wish = request.reasoning
    budget = None if wish is None else budget_tokens(wish)
    amount = None if budget is None else "none" if budget == 0 else "some"
    return {"reasoning": amount, "reasoning.shown": wish.shown if wish is not None and amount == "some" else None}


def _marks(request: ChatRequest) -> Facts:
    """Return what stands on parts beside their content."""
    parts = [part for message in request.messages for part in flat(message.parts)]
    seals = [part.sealed for part in parts if isinstance(part, Reasoning) and part.sealed is not None]
    results = [part for part in parts if isinstance(part, ToolResult)]
    documents = [part for part in parts if isinstance(part, Document)]
    marked = [getattr(part, "cache", None) for part in parts]
    marked += [tool.cache for tool in request.tools] if _tool_facts(request)["tools"] else []
    return {
        "cache_control": sorted(mark for mark in marked if mark is not None),
        "detail": [part.detail for part in parts if isinstance(part, Image) and part.detail not in {None, "auto"}],
        "sealed reasoning": [_unnamed(seal.data) for seal in seals],
        "reasoning text": "".join(part.text for part in parts if isinstance(part, Reasoning)),
        "name": [message.name for message in request.messages if message.name is not None],
        "is_error": [part.failed for part in results if part.failed],
        "title": [document.title for document in documents if document.title is not None],
        "context": [document.context for document in documents if document.context is not None],
        "citations": [document.cited for document in documents if document.cited],
    }


def _unnamed(data: str) -> str:
    """Return a seal without the name of its item, which the Responses API has before it: `LENGTH:NAMEDATA`."""
    length, colon, rest = data.partition(":")
    return rest[int(length) :] if colon and length.isdigit() else data


def flat(parts: Iterable[Part]) -> Iterable[Part]:
    """Yield the parts, and those inside of results."""
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from flat(part.parts)


def _turns(request: ChatRequest) -> list[tuple[str, tuple[Atom, ...]]]:
    """Return the conversation: system texts first, neighbours of one side as one turn, calls by their number."""
    numbers: dict[str, int] = {}
    system = [atom for message in request.messages if message.role is Role.SYSTEM for atom in _atoms(message.parts, {})]
    turns: list[tuple[str, list[Atom]]] = [("system", system)] if system else []
    for message in request.messages:
        if message.role is Role.SYSTEM:
            continue
        side = "model" if message.role is Role.ASSISTANT else "user"
        atoms = _atoms(message.parts, numbers)
        if not atoms:
            continue
        if turns and turns[-1][0] == side:
            turns[-1][1].extend(atoms)
        else:
            turns.append((side, atoms))
    return [(side, _joined(_results_first(atoms))) for side, atoms in turns]


def _results_first(atoms: list[Atom]) -> list[Atom]:
    """Return what tools said in the order of their calls, what they showed behind it, and then the rest."""
    results = sorted((atom for atom in atoms if atom[0] == "result"), key=lambda atom: atom[1])
    shown = [medium for atom in results for medium in atom[3]]
    return [atom[:3] for atom in results] + shown + [atom for atom in atoms if atom[0] != "result"]


def _atoms(parts: Iterable[Part], numbers: dict[str, int]) -> list[Atom]:
    atoms: list[Atom] = []
    for part in parts:
        match part:
            case Text() | Declined():
                atoms.append(("text", part.text))
            case ToolCall():
                numbers[part.id] = numbers[""] = number = numbers.get("", -1) + 1
                atoms.append(("call", number, part.name, _json(part.arguments)))
            case ToolResult():
                inner = _atoms(part.parts, numbers)
                said = "".join(atom[1] for atom in inner if atom[0] == "text")
                shown = tuple(atom for atom in inner if atom[0] != "text")
                atoms.append(("result", numbers.get(part.call_id, part.call_id), _plain(said), shown))
            case Image() | Audio() | Video() | Document():
                atoms.append((type(part).__name__, *_source(part.source)))
            case _:
                pass
    return atoms


def _source(source: Source) -> Atom:
    match source:
        case Inline():
            return (source.media_type, source.data)
        case Url():
            return (source.url,)
        case FileId():
            return (source.id,)


def _joined(atoms: Iterable[Atom]) -> tuple[Atom, ...]:
    """Return the atoms with neighbouring texts as one: dialects join them, some by line breaks."""
    joined: list[Atom] = []
    for atom in atoms:
        if atom[0] == "text" and atom[1].startswith(HINT):
            continue
        if atom[0] != "text":
            joined.append(atom)
        elif joined and joined[-1][0] == "text":
            joined[-1] = ("text", joined[-1][1] + _plain(atom[1]))
        elif atom[1]:
            joined.append(("text", _plain(atom[1])))
    return tuple(joined)


def _plain(text: str) -> str:
    return text.replace("\n", "")


def _json(text: Any) -> Any:
    if text is None:
        return None
    try:
        return json.dumps(json.loads(bytes(text) if not isinstance(text, str) else text), sort_keys=True)
    except ValueError:
        return text


def pictures_first(turns: list[tuple[str, tuple[Atom, ...]]]) -> list[tuple[str, tuple[Atom, ...]]]:
    """Return the turns with their texts behind everything else: in a dialect with one prompt that is all the order."""
    return [(side, _joined(sorted(atoms, key=lambda atom: atom[0] == "text"))) for side, atoms in turns]


HINT = "From the result of the call "
"""What stands before a picture that a tool returned, where it has to stand behind the results."""


def lost(before: Facts, after: Facts, *, excused: Iterable[str]) -> Mapping[str, tuple[Any, Any]]:
    """Return the facts that are others than they were, without being named."""
    names = set(excused)
    return {
        name: (value, after[name])
        for name, value in before.items()
        if value != after[name] and name not in names and not _defaulted(name, value, after[name])
    }


NOTHING = (None, (None, None))
DEFAULTED = frozenset(("output_tokens_max", "response_format.name"))
"""What a dialect may demand: there its own default stands where the client said nothing. So do titles, one by one."""


def _defaulted(name: str, value: Any, found: Any) -> bool:
    if name == "title":
        return [title for title in found if title in value] == value
    return name in DEFAULTED and value in NOTHING


def said(answer: ChatAnswer | Choice) -> list[Atom]:
    """Return what an answer's first choice says, in order: neighbours of one kind as one."""
    choice = answer.choices[0] if isinstance(answer, ChatAnswer) else answer
    atoms: list[Atom] = []
    for part in choice.parts:
        match part:
            case Text() | Declined():
                atoms.append(("text", part.text))
            case Reasoning():
                atoms.append(("reasoning", part.text))
            case ToolCall():
                atoms.append(("call", part.name, _called_with(part.arguments)))
            case _:
                atoms.append((type(part).__name__, part))
    joined: list[Atom] = []
    for atom in atoms:
        if joined and atom[0] == joined[-1][0] and atom[0] in {"text", "reasoning"}:
            joined[-1] = (atom[0], joined[-1][1] + atom[1])
        elif atom[1:] != ("",):
            joined.append(atom)
    return joined


def _called_with(arguments: str) -> Any:
    """Return the arguments of a call; text that is no object stands in one member where a dialect has objects alone."""
    found = _json(arguments or "{}")
    try:
        inner = json.loads(found)
    except ValueError:
        return found
    return inner["_unparsed"] if isinstance(inner, dict) and inner.keys() == {"_unparsed"} else found


def grouped(atoms: Iterable[Atom]) -> Mapping[str, Any]:
    """Return the same where a dialect has one place for each kind."""
    atoms = list(atoms)
    return {
        "text": "".join(atom[1] for atom in atoms if atom[0] == "text"),
        "reasoning": "".join(atom[1] for atom in atoms if atom[0] == "reasoning"),
        "calls": [atom[1:] for atom in atoms if atom[0] == "call"],
    }
