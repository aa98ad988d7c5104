"""Every recorded exchange of Bedrock's Converse: what is read of it is what Amazon's own library reads."""

import base64
import json
from typing import Any

import pytest

from tests.aws_library import converse_answer, converse_events
from tests.recordings.corpus import Recording
from tests.recordings.provider_side import converse_fixtures, exchanges, needed
from tollway.dialects.bedrock_converse import BEDROCK_CONVERSE
from tollway.dialects.bedrock_converse.answer import parse_answer
from tollway.dialects.bedrock_converse.reader import open_reader
from tollway.dialects.bedrock_converse.words import STOP_REASONS
from tollway.dialects.translation import read_folded
from tollway.neutral.answer import ChatAnswer, events_of, fold
from tollway.neutral.events import Event
from tollway.neutral.parts import Image, Inline, Reasoning, Text, ToolCall
from tollway.neutral.usage import Usage

MADE_BY_HAND = {
    "vercel-amazon-bedrock-json-tool-with-answer.1.json",
    "vercel-amazon-bedrock-json-tool.2.json",
    "vercel-amazon-bedrock-json-tool.3.json",
    "vercel-amazon-bedrock-json-with-tool.1.json",
    "vercel-amazon-bedrock-json-with-tools.1.json",
    "vercel-amazon-bedrock-tool-no-args.chunks.txt",
}
"""Fixtures that Amazon's library refuses: a block has a `type` beside its one member, or a start has none."""

ALL = (*exchanges("bedrock.converse", "bedrock.converse-stream"), *converse_fixtures())
WHOLE = [recording for recording in ALL if recording.status == 200 and not recording.streamed]
STREAMED = [recording for recording in ALL if recording.streamed]
ERRORS = [recording for recording in ALL if recording.status != 200]


def said(answer: ChatAnswer) -> dict[str, Any]:
    """What an answer says, in plain values."""
    (choice,) = answer.choices
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, Text)),
        "reasoning": "".join(part.text for part in choice.parts if isinstance(part, Reasoning)),
        "signatures": [part.sealed.data for part in choice.parts if isinstance(part, Reasoning) and part.sealed],
        "calls": [(p.id, p.name, json.loads(p.arguments)) for p in choice.parts if isinstance(p, ToolCall)],
        "citations": sum(len(part.citations) for part in choice.parts if isinstance(part, Text)),
        "images": [p.source.data for p in choice.parts if isinstance(p, Image) and isinstance(p.source, Inline)],
        "reason": choice.reason,
        "usage": answer.usage,
    }


def usage_of(counts: dict[str, Any] | None) -> Usage | None:
    if not counts:
        return None
    hour = sum(detail["inputTokens"] for detail in counts.get("cacheDetails", ()) if detail["ttl"] == "1h") or None
    written = counts.get("cacheWriteInputTokens")
    return Usage(
        input=counts["inputTokens"],
        output=counts["outputTokens"],
        cached_input=counts.get("cacheReadInputTokens"),
        cache_write_5m=None if written is None else written - (hour or 0),
        cache_write_1h=hour,
    )


def expected(blocks: list[dict[str, Any]], stop: str, counts: dict[str, Any] | None) -> dict[str, Any]:
    """The same of what botocore read."""
    reasoning = [block["reasoningContent"] for block in blocks if "reasoningContent" in block]
    thoughts = [one["reasoningText"] for one in reasoning if "reasoningText" in one]
    cited = [block["citationsContent"] for block in blocks if "citationsContent" in block]
    uses = [block["toolUse"] for block in blocks if "toolUse" in block]
    return {
        "text": "".join(
            block.get("text", "") or "".join(c["text"] for c in block.get("citationsContent", {}).get("content", ()))
            for block in blocks
        ),
        "reasoning": "".join(one["text"] for one in thoughts),
        "signatures": [one["signature"] for one in thoughts if one.get("signature")]
        + [base64.b64encode(one["redactedContent"]).decode() for one in reasoning if "redactedContent" in one],
        "calls": [(u["toolUseId"], u["name"], u["input"]) for u in uses if u.get("type") != "server_tool_use"],
        "citations": sum(len(one["citations"]) for one in cited),
        "images": [],
        "reason": STOP_REASONS[stop],
        "usage": usage_of(counts),
    }


@pytest.mark.parametrize("recording", WHOLE, ids=repr)
def test_a_whole_answer_is_read_as_amazons_library_reads_it(recording: Recording) -> None:
    theirs = (json.loads if recording.name in MADE_BY_HAND else converse_answer)(recording.answer)
    answer = parse_answer(recording.answer)
    assert said(answer) == expected(theirs["output"]["message"]["content"], theirs["stopReason"], theirs.get("usage"))
    assert fold(events_of(answer)).choices == answer.choices


def blocks_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks that a client puts together from events."""
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        (name, payload), *_ = event.items()
        if name not in {"contentBlockStart", "contentBlockDelta"}:
            continue
        block = blocks.setdefault(payload["contentBlockIndex"], {})
        if "toolUse" in payload.get("start", {}):
            block["toolUse"] = {**payload["start"]["toolUse"], "input": ""}
        delta = payload.get("delta", {})
        if "toolUse" in delta:
            block["toolUse"]["input"] += delta["toolUse"]["input"]
        if "text" in delta:
            block["text"] = block.get("text", "") + delta["text"]
        if "citation" in delta:
            block.setdefault("citationsContent", {"citations": []})["citations"].append(delta["citation"])
        if "reasoningContent" in delta:
            thought = block.setdefault("reasoningContent", {})
            if "redactedContent" in delta["reasoningContent"]:
                thought["redactedContent"] = delta["reasoningContent"]["redactedContent"]
            else:
                told = thought.setdefault("reasoningText", {"text": "", "signature": ""})
                for key, value in delta["reasoningContent"].items():
                    told[key] += value
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return [blocks[index] for index in sorted(blocks)]


@pytest.mark.parametrize("recording", [one for one in STREAMED if one.name not in MADE_BY_HAND], ids=repr)
def test_a_stream_is_read_as_amazons_library_reads_it(recording: Recording) -> None:
    events = converse_events(recording.answer)
    stop = next(event["messageStop"]["stopReason"] for event in events if "messageStop" in event)
    counts = next((event["metadata"]["usage"] for event in events if "metadata" in event), None)
    assert said(read_folded(open_reader(), recording.answer)) == expected(blocks_of(events), stop, counts)


@pytest.mark.parametrize("recording", STREAMED, ids=repr)
def test_one_byte_at_a_time_changes_nothing_and_half_a_stream_never_looks_finished(recording: Recording) -> None:
    data = recording.answer
    reader, events = open_reader(), list[Event]()
    for at in range(len(data)):
        events += reader.feed(data[at : at + 1])
    assert fold(events) == read_folded(open_reader(), data)
    assert reader.finished
    stop = data.index(b"messageStop")
    for cut in range(0, stop, max(1, stop // 20)):
        half = open_reader()
        half.feed(data[:cut])
        half.close()
        assert not half.finished
        assert not half.ended


@pytest.mark.parametrize("recording", ERRORS, ids=repr)
def test_an_error_keeps_its_words(recording: Recording) -> None:
    error = BEDROCK_CONVERSE.parse_error(recording.status, recording.answer)
    assert error.message == json.loads(recording.answer)["message"]


def test_there_are_recordings() -> None:
    needed(ALL)
    assert (len(WHOLE), len(STREAMED), len(ERRORS)) == (76, 29, 2)
