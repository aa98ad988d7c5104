"""Streams as servers of chat completions really send them reach every client as the same words and calls."""

import json
from typing import Any

import pytest

from tests.dialect_matrix import parsed, terms_of, through, written_stream
from tests.properties.dialects.agent_clients import CLIENTS, QUESTION
from tollway.neutral.parts import Text, ToolCall
from tollway.neutral.request import ChatRequest, Message, Role

ASKED = ChatRequest(model="model-1", messages=(Message(role=Role.USER, parts=(Text(text=QUESTION),)),), streamed=True)

Chunk = dict[str, Any]


def delta(reason: str | None = None, **said: Any) -> Chunk:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": said, "finish_reason": reason}]}


def call(**said: Any) -> Chunk:
    """A piece of a call: what is not `id` or `index` is its function's."""
    outer = {name: said.pop(name) for name in ("id", "index", "type") if name in said}
    return delta(tool_calls=[{**outer, "function": said}])


USED: Chunk = {"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}
CITY = {"city": "Zürich"}
TEXT = json.dumps(CITY)
WEATHER, NOW = ("weather", CITY), ("now", {})

STREAMS: dict[str, tuple[list[Chunk], str, list[tuple[str, Any]]]] = {
    "a role in every chunk, empty deltas, two ends, usage alone": (
        [
            {"id": "c", "choices": [], "prompt_filter_results": []},
            delta(role="assistant", content=""),
            delta(role="assistant", content="I "),
            delta(role="assistant", content=None),
            delta(),
            {"id": "c", "choices": [{"index": 0, "delta": None, "finish_reason": None}]},
            delta(role="assistant", content="look."),
            delta("stop", content=""),
            delta("stop"),
            USED,
        ],
        "I look.",
        [],
    ),
    "calls without places": (
        [
            call(id="a", type="function", name="weather", arguments=""),
            call(arguments=TEXT),
            call(id="b", type="function", name="now", arguments="{}"),
            delta("tool_calls"),
        ],
        "",
        [WEATHER, NOW],
    ),
    "calls that all stand at the first place": (
        [
            call(index=0, id="a", name="weather", arguments=TEXT),
            call(index=0, id="b", name="now", arguments="{}"),
            delta("stop"),
        ],
        "",
        [WEATHER, NOW],
    ),
    "arguments cut within an escape, with empty ids and names": (
        [
            call(index=0, id="a", name="weather", arguments='{"city": "Z\\u00'),
            call(index=0, id="", name="", arguments="fc"),
            call(index=0, id=None, name=None, arguments='rich"}'),
            delta("tool_calls"),
        ],
        "",
        [WEATHER],
    ),
    "an id and a name in every piece": (
        [
            call(index=0, id="a", name="weather", arguments='{"city": '),
            call(index=0, id="a", name="weather", arguments='"Zürich"}'),
            delta("tool_calls"),
        ],
        "",
        [WEATHER],
    ),
    "no arguments at all, and the plain word for the end": (
        [delta(content="I look."), call(index=0, id="a", name="now"), delta("stop"), USED],
        "I look.",
        [NOW],
    ),
    "empty arguments": ([call(index=0, id="a", name="now", arguments=""), delta("tool_calls")], "", [NOW]),
    "arguments that are an object": (
        [call(index=0, id="a", name="weather", arguments=CITY), delta("tool_calls")],
        "",
        [WEATHER],
    ),
    "a name that comes late": (
        [call(index=0, id="a", arguments=TEXT[:5]), call(index=0, name="weather", arguments=TEXT[5:]), delta("stop")],
        "",
        [WEATHER],
    ),
    "a call without an id": ([call(index=0, name="now", arguments="{}"), delta("tool_calls")], "", [NOW]),
    "an end in the chunk of the call": (
        [delta("tool_calls", tool_calls=[{"index": 0, "id": "a", "function": {"name": "now", "arguments": "{}"}}])],
        "",
        [NOW],
    ),
    "calls that take turns": (
        [
            call(index=0, id="a", name="weather", arguments='{"city": '),
            call(index=1, id="b", name="now", arguments=""),
            call(index=0, arguments='"Zürich"}'),
            call(index=1, arguments="{}"),
            delta("tool_calls"),
        ],
        "",
        [WEATHER, NOW],
    ),
}
"""The chunks; the text and the calls that they are."""


def read_by(client: str, chunks: list[Chunk], *, step: int | None) -> ChatRequest:
    """What a client sends next of what it has read."""
    stream = "".join(f"data: {json.dumps(each, ensure_ascii=False)}\n\n" for each in chunks) + "data: [DONE]\n\n"
    pipe = through("openai_chat", client, terms_of(client, ASKED))
    shown = written_stream(pipe, client, stream.encode(), step=step)
    return parsed(client, json.dumps(CLIENTS[client](shown)).encode())


@pytest.mark.parametrize("step", [None, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("case", STREAMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_real_stream_is_read(client: str, case: str, step: int | None) -> None:
    chunks, text, calls = STREAMS[case]
    request = read_by(client, chunks, step=step)
    said = [part for message in request.messages if message.role is Role.ASSISTANT for part in message.parts]
    assert "".join(part.text for part in said if isinstance(part, Text)) == text
    found = [part for part in said if isinstance(part, ToolCall)]
    assert [(part.name, json.loads(part.arguments)) for part in found] == calls
    assert len({part.id for part in found}) == len(calls)


@pytest.mark.parametrize("client", CLIENTS)
def test_arguments_that_are_no_json_go_on_with_the_conversation(client: str) -> None:
    if client in {"openai_chat", "anthropic_messages"}:
        pytest.skip("the library leaves it to the agent, or raises in its face, as it does with its own provider")
    request = read_by(client, [call(index=0, id="a", name="now", arguments="{oops"), delta("tool_calls")], step=None)
    assert [part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)] == [
        "now"
    ]
