"""Recorded legacy completions: they pass untouched but for the agreed edits, and mean the same in the neutral form."""

import base64
import json
from functools import cache
from typing import Any

import pytest
from openai.types import Completion

from tests.recordings.corpus import FOLDER, Recording, _lines
from tests.recordings.test_openai_chat import COSTS, ERROR, ESTIMATE, billed, chunks_of, tokens
from tollway.dialects.openai_completions import OPENAI_COMPLETIONS
from tollway.dialects.openai_completions.peek import peek
from tollway.dialects.openai_completions.stream import CompletionForm, CompletionStream
from tollway.dialects.record import JSON, Lane, RequestEdits
from tollway.dialects.translation import read_folded
from tollway.neutral.answer import ChatAnswer
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Text

CHAT = OPENAI_COMPLETIONS.chat
assert CHAT is not None
assert CHAT.parse_request is not None
assert CHAT.render_request is not None
assert CHAT.parse_answer is not None
assert CHAT.open_reader is not None
PARSE_REQUEST, RENDER_REQUEST = CHAT.parse_request, CHAT.render_request
PARSE_ANSWER, OPEN_READER = CHAT.parse_answer, CHAT.open_reader

WORDS = {None: None, "stop": StopReason.STOP, "length": StopReason.LENGTH}


@cache
def recorded() -> tuple[Recording, ...]:
    """Every recorded completion; a stream without any finish reason is another dialect."""
    if not FOLDER.is_dir():
        pytest.skip("no recorded traffic beside the repository")
    found: list[Recording] = []
    for line in _lines("openllmetry"):
        answer = base64.b64decode(str(line["resp"] or ""))
        streamed = "stream" in str(line["features"])
        if line["kind"] == "completions" and line["status"] == 200 and (not streamed or b'"finish_reason":"' in answer):
            request = base64.b64decode(str(line["req"] or ""))
            found.append(Recording(str(line["id"]), str(line["provider"]), 200, streamed, request, answer))
    return tuple(found)


def read(each: Recording) -> ChatAnswer:
    return read_folded(OPEN_READER(), each.answer) if each.streamed else PARSE_ANSWER(each.answer)


def bodies(each: Recording, answer: bytes) -> list[Any]:
    return chunks_of(answer) if each.streamed else [json.loads(answer)]


def passed(each: Recording) -> bytes:
    if not each.streamed:
        return OPENAI_COMPLETIONS.splice_cost(OPENAI_COMPLETIONS.read_answer(each.answer, JSON), COSTS, ESTIMATE)
    pipe = CompletionStream(CompletionForm(usage_asked=False, choices=1))
    out = pipe.feed(each.answer) + pipe.close()
    assert pipe.finished
    assert pipe.failure is None
    return out + pipe.end(COSTS, ESTIMATE)


def test_the_corpus_is_all_there() -> None:
    assert len(recorded()) > 50


def test_every_request_passes_untouched_and_keeps_its_meaning() -> None:
    for each in recorded():
        facts = peek(each.request)
        edits = RequestEdits(model_routed=facts.model_asked)
        found = OPENAI_COMPLETIONS.patch_request(each.request, facts, edits)
        assert found.body is each.request, each
        assert found.lane is Lane.VERBATIM
        request = PARSE_REQUEST(each.request, facts)
        body = RENDER_REQUEST(request, RequestEdits(model_routed=request.model, streamed=request.streamed)).body
        assert PARSE_REQUEST(body, peek(body)) == request, each


def test_what_is_read_is_what_was_recorded() -> None:
    for each in recorded():
        answer = read(each)
        sent = bodies(each, each.answer)
        choices = [choice for body in sent for choice in body["choices"]]
        (choice,) = answer.choices
        text = "".join(part.text for part in choice.parts if isinstance(part, Text))
        assert text == "".join(choice["text"] for choice in choices), each
        words = [choice.get("finish_reason") for choice in choices]
        assert choice.reason is WORDS[next((word for word in words if word), None)], each
        assert tokens(answer.usage) == billed(sent[-1].get("usage")), each


def test_answers_gain_their_costs_and_nothing_else() -> None:
    for each in recorded():
        before, after = bodies(each, each.answer), bodies(each, passed(each))
        assert after[-1]["usage"]["total_cost_usd"] == 0.00021175, each
        for old, new in zip(before, after, strict=True):
            assert {**old, "usage": None} == {**new, "usage": None}, each
            if each.provider == "openai":
                Completion.model_validate({**new, "choices": [ended(choice) for choice in new["choices"]]})


def ended(choice: dict[str, Any]) -> dict[str, Any]:
    """The type of a stream's chunk is that of an answer, and wants an end."""
    return {**choice, "finish_reason": choice["finish_reason"] or "stop"}


def test_a_stream_that_was_cut_never_looks_finished() -> None:
    for each in recorded():
        if not each.streamed:
            continue
        for at in range(0, each.answer.index(b'"finish_reason":"'), 50):
            pipe = CompletionStream(CompletionForm(usage_asked=False, choices=1))
            out = pipe.feed(each.answer[:at]) + pipe.close()
            assert not pipe.finished, each
            *chunks, error = chunks_of(out + pipe.break_off(ERROR, COSTS, ESTIMATE))
            assert error["error"]["message"] == "It broke."
            assert not any(choice["finish_reason"] for chunk in chunks for choice in chunk["choices"])
