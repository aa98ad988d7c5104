"""Every recorded exchange of Cohere's second chat: text, thoughts, calls, citations and what is billed are the recorded ones."""

import json
from typing import Any

import pytest

from tests.recordings.corpus import Recording
from tests.recordings.provider_side import cohere_fixtures, exchanges, needed
from tollway.dialects.cohere_chat import COHERE_CHAT
from tollway.dialects.cohere_chat.answer import parse_answer
from tollway.dialects.cohere_chat.reader import open_reader
from tollway.dialects.cohere_chat.words import FINISH_REASONS
from tollway.dialects.translation import read_folded
from tollway.neutral.answer import ChatAnswer, events_of, fold
from tollway.neutral.events import Event
from tollway.neutral.parts import Reasoning, Text, ToolCall
from tollway.neutral.usage import Usage

ALL = (*exchanges("cohere.chat", path="/v2/chat"), *cohere_fixtures())
WHOLE = [recording for recording in ALL if recording.status == 200 and not recording.streamed]
STREAMED = [recording for recording in ALL if recording.streamed]
ERRORS = [recording for recording in ALL if recording.status != 200]


def said(answer: ChatAnswer) -> dict[str, Any]:
    (choice,) = answer.choices
    return {
        "id": answer.id,
        "text": "".join(part.text for part in choice.parts if isinstance(part, Text)),
        "reasoning": "".join(part.text for part in choice.parts if isinstance(part, Reasoning)),
        "calls": [(part.id, part.name, part.arguments) for part in choice.parts if isinstance(part, ToolCall)],
        "citations": [
            (one.answer_start, one.answer_end)
            for part in choice.parts
            if isinstance(part, Text)
            for one in part.citations
        ],
        "reason": choice.reason,
        "usage": answer.usage,
    }


def usage_of(counts: dict[str, Any]) -> Usage:
    """What is billed; thoughts stand among the output."""
    reasoning = counts["tokens"].get("reasoning_tokens")
    billed = counts["billed_units"]
    return Usage(input=billed["input_tokens"], output=billed["output_tokens"] - (reasoning or 0), reasoning=reasoning)


def expected(message: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": facts["id"],
        "text": "".join(piece.get("text", "") for piece in message.get("content") or ()),
        "reasoning": message.get("tool_plan", "")
        + "".join(piece.get("thinking", "") for piece in message.get("content") or ()),
        "calls": [
            (call["id"], call["function"]["name"], call["function"]["arguments"] or "{}")
            for call in message.get("tool_calls") or ()
        ],
        "citations": [(one["start"], one["end"]) for one in message.get("citations") or () for _ in one["sources"]],
        "reason": FINISH_REASONS[facts["finish_reason"]],
        "usage": usage_of(facts["usage"]),
    }


@pytest.mark.parametrize("recording", WHOLE, ids=repr)
def test_a_whole_answer_is_read_as_it_was_recorded(recording: Recording) -> None:
    facts = json.loads(recording.answer)
    answer = parse_answer(recording.answer)
    assert said(answer) == expected(facts["message"], facts)
    assert fold(events_of(answer)).choices == answer.choices


def put_together(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The message and the facts that a client puts together from events."""
    message: dict[str, Any] = {"content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    facts: dict[str, Any] = {}
    for line in data.splitlines():
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        delta = event.get("delta", {}).get("message", {})
        match event["type"]:
            case "message-start":
                facts["id"] = event["id"]
            case "content-start":
                message["content"].append(dict(delta["content"]))
            case "content-delta":
                for key, value in delta["content"].items():
                    message["content"][-1][key] += value
            case "tool-plan-delta":
                message["tool_plan"] += delta["tool_plan"]
            case "tool-call-start":
                message["tool_calls"].append(delta["tool_calls"])
            case "tool-call-delta":
                message["tool_calls"][-1]["function"]["arguments"] += delta["tool_calls"]["function"]["arguments"]
            case "citation-start":
                message["citations"].append(delta["citations"])
            case "message-end":
                facts |= event["delta"]
    return message, facts


@pytest.mark.parametrize("recording", STREAMED, ids=repr)
def test_a_stream_is_read_as_it_was_recorded(recording: Recording) -> None:
    assert said(read_folded(open_reader(), recording.answer)) == expected(*put_together(recording.answer))


@pytest.mark.parametrize("recording", STREAMED, ids=repr)
def test_one_byte_at_a_time_changes_nothing_and_half_a_stream_never_looks_finished(recording: Recording) -> None:
    data = recording.answer
    reader, events = open_reader(), list[Event]()
    for at in range(len(data)):
        events += reader.feed(data[at : at + 1])
    assert fold(events) == read_folded(open_reader(), data)
    assert reader.finished
    assert reader.ended
    stop = data.index(b"message-end")
    for cut in range(0, stop, max(1, stop // 20)):
        half = open_reader()
        half.feed(data[:cut])
        half.close()
        assert half.failure is None
        assert not half.finished


@pytest.mark.parametrize("recording", ERRORS, ids=repr)
def test_an_error_keeps_its_words(recording: Recording) -> None:
    error = COHERE_CHAT.parse_error(recording.status, recording.answer)
    assert error.message[:50] == " ".join(json.loads(recording.answer)["message"].split())[:50]


def test_there_are_recordings() -> None:
    needed(ALL)
    assert (len(WHOLE), len(STREAMED), len(ERRORS)) == (59, 25, 2)
