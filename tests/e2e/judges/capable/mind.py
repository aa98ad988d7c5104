"""A model in a few rules: it calls the tools it is given, fills schemas, and answers what judges ask. Knows no wire."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

AUTO, NONE, REQUIRED = "auto", "none", "required"
THOUGHT = "Let me see what is asked."
CACHED_FROM = 64
"""Tokens of a shared beginning from which on it counts as cached, at most half of the prompt."""


@dataclass(frozen=True)
class Turn:
    """One message: who, and its text. A tool's result is a turn of role `tool`."""

    role: str
    text: str


@dataclass(frozen=True)
class Tool:
    """A tool it may call."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What a request asks, in no wire's words."""

    turns: list[Turn]
    tools: list[Tool] = field(default_factory=list)
    choice: str = AUTO
    """AUTO, NONE, REQUIRED, or the name of the tool that must be called."""
    parallel: bool = True
    schema: dict[str, Any] | None = None
    json_wanted: bool = False
    limit: int | None = None
    stops: list[str] = field(default_factory=list)
    thinks: bool = False


@dataclass(frozen=True)
class Reply:
    """What it answers, with its counts."""

    text: str
    calls: list[tuple[str, dict[str, Any]]]
    thought: str
    reason: str
    """`stop`, `stop_sequence`, `length` or `calls`."""
    stopped_at: str | None
    read: int
    cached: int
    written: int
    thought_tokens: int


def tokens(text: str) -> list[str]:
    """Return its tokens: words, each with the space before it."""
    return re.findall(r"\s*\S+|\s+$", text)


class Mind:
    """Answers, and remembers the prompts it has seen, as a prompt cache does."""

    def __init__(self) -> None:
        self._prompts: list[list[str]] = []

    def reply(self, asked: Asked) -> Reply:
        """Return the answer."""
        calls = list(_calls(asked))
        text = "" if calls else _text(asked)
        stopped_at = next((stop for stop in asked.stops if stop in text), None)
        if stopped_at is not None:
            text = text[: text.index(stopped_at)].rstrip()
        thought = tokens(THOUGHT) if asked.thinks else []
        said = tokens(text)
        room = 10**6 if asked.limit is None else asked.limit
        cut = len(thought) + len(said) > room and not calls
        if cut:
            thought = thought[:room]
            said = said[: room - len(thought)]
        reason = "length" if cut else "calls" if calls else "stop" if stopped_at is None else "stop_sequence"
        spoken = len(said) + sum(len(tokens(json.dumps(arguments))) + 1 for _, arguments in calls)
        read, cached = self._read(asked)
        return Reply(
            text="".join(said),
            calls=calls,
            thought="".join(thought),
            reason=reason,
            stopped_at=None if cut else stopped_at,
            read=read,
            cached=cached,
            written=spoken + len(thought),
            thought_tokens=len(thought),
        )

    def _read(self, asked: Asked) -> tuple[int, int]:
        prompt = [token for turn in asked.turns for token in (f"<{turn.role}>", *tokens(turn.text))]
        prompt = [*(tool.name for tool in asked.tools), *prompt]
        shared = max((_shared(prompt, seen) for seen in self._prompts), default=0)
        self._prompts = [*self._prompts[-49:], prompt]
        return len(prompt), min(shared, len(prompt) // 2) if shared >= CACHED_FROM else 0


def _shared(one: list[str], other: list[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _calls(asked: Asked) -> Iterator[tuple[str, dict[str, Any]]]:
    question = _question(asked)
    tools = asked.tools
    if not tools or asked.choice == NONE:
        return
    if asked.choice == AUTO:
        if asked.turns[-1].role != "user":
            return
        tools = [tool for tool in tools if _fits(tool, question)]
    elif asked.choice == REQUIRED:
        tools = [tool for tool in tools if _fits(tool, question)] or tools[:1]
    else:
        tools = [tool for tool in tools if tool.name == asked.choice]
    if not asked.parallel or "both" not in question:
        tools = tools[:1]
    for tool in tools:
        yield tool.name, fill(tool.schema, question)


def _fits(tool: Tool, question: str) -> bool:
    return bool(_words(question) & _words(f"{tool.name} {tool.description}"))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", text.lower()))


def _question(asked: Asked) -> str:
    return next((turn.text for turn in reversed(asked.turns) if turn.role == "user"), "")


def fill(schema: dict[str, Any], question: str) -> dict[str, Any]:
    """Return an object that the schema allows, with what the question names in it."""
    numbers = cycle([int(number) for number in re.findall(r"-?\d+", question)] or [3])
    quoted = re.findall(r"'([^']+)'|\"([^\"]+)\"", question)
    names = [a or b for a, b in quoted] or re.findall(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)*", question)[1:]
    words = cycle(names or ["cats"])
    return _filled(schema, schema.get("$defs", schema.get("definitions", {})), numbers, words)


def _filled(schema: dict[str, Any], defined: dict[str, Any], numbers: Iterator[int], words: Iterator[str]) -> Any:
    chosen = _resolved(schema, defined)
    if "enum" in chosen:
        return chosen["enum"][0]
    kind = chosen.get("type", "object" if "properties" in chosen else "string")
    if kind == "object":
        members = chosen.get("properties", {})
        return {name: _filled(member, defined, numbers, words) for name, member in members.items()}
    if kind == "array":
        return [_filled(chosen.get("items", {}), defined, numbers, words)]
    plain = {"integer": lambda: next(numbers), "number": lambda: next(numbers) + 0.5, "boolean": lambda: True}
    return plain.get(kind, lambda: next(words))()


def _resolved(schema: dict[str, Any], defined: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _resolved(defined[schema["$ref"].rpartition("/")[2]], defined)
    if "const" in schema:
        return {"enum": [schema["const"]]}
    several = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    return _resolved(several[0], defined) if several else schema


def _repeated(found: re.Match[str], _: Asked) -> str:
    return found[1].strip()


def _counted(found: re.Match[str], _: Asked) -> str:
    return ", ".join(str(number) for number in range(1, int(found[1]) + 1))


def _reckoned(found: re.Match[str], _: Asked) -> str:
    a, b = int(found[1]), int(found[3])
    return str(a * b if found[2] == "*" else a + b)


def _named(_: re.Match[str], asked: Asked) -> str:
    told = re.search(r"[Mm]y name is (\w+)", "\n".join(turn.text for turn in asked.turns))
    return told[1] if told else "You have not told me."


def _keyed(_: re.Match[str], asked: Asked) -> str:
    keys = re.findall(r"[\"'](\w+)[\"']", _question(asked)) or ["answer"]
    return json.dumps({key: 3 if key == "age" else "cats" for key in keys})


RULES: list[tuple[str, Callable[[re.Match[str], Asked], str]]] = [
    (r"(?s)Repeat this text exactly, nothing else: (.*)", _repeated),
    (r"(?s)Say exactly: (.*)", _repeated),
    (r"Count from 1 to (\d+)", _counted),
    (r"What is (\d+) ([*+]) (\d+)", _reckoned),
    (r"What is my name", _named),
    (r"(?i)return .*json", _keyed),
    (r"capital of France", lambda _, __: "Paris"),
    (r"Write|Explain", lambda _, __: "The sea is wide and the sky above it is blue. " * 20),
]


def _text(asked: Asked) -> str:
    question = _question(asked)
    if asked.schema is not None:
        return json.dumps(fill(asked.schema, question), ensure_ascii=False)
    told = re.search(
        r"reply with exactly the word \"(\w+)\"", "\n".join(t.text for t in asked.turns if t.role == "system")
    )
    if told:
        return told[1]
    if asked.turns and asked.turns[-1].role == "assistant":
        return "is, as you began to say."
    if asked.turns and asked.turns[-1].role == "tool":
        return f"The tool says: {asked.turns[-1].text}"
    for pattern, answer in RULES:
        found = re.search(pattern, question)
        if found:
            return answer(found, asked)
    return "{}" if asked.json_wanted else "Hello there, how are you today?"
