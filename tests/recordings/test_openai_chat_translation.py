"""Recorded chat traffic read into the neutral form: the same as the official SDK reads, and the same again when written."""

import json
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.recordings.corpus import Recording, chats
from tests.recordings.test_openai_chat import COSTS, billed, chunks_of, streams, tokens, whole_answers
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_chat.peek import peek
from tollway.dialects.record import Closing, ReplyTerms, RequestEdits, StreamReader
from tollway.dialects.translation import WholeReader, read_folded
from tollway.errors import Refusal
from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold
from tollway.neutral.events import Event, StopReason
from tollway.neutral.parts import Declined, Document, Part, Reasoning, Text, ToolCall
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage

CHAT = OPENAI_CHAT.chat
assert CHAT is not None
assert CHAT.parse_request is not None
assert CHAT.render_request is not None
assert CHAT.parse_answer is not None
assert CHAT.render_answer is not None
assert CHAT.open_reader is not None
assert CHAT.open_writer is not None
PARSE_REQUEST, RENDER_REQUEST = CHAT.parse_request, CHAT.render_request
PARSE_ANSWER, RENDER_ANSWER = CHAT.parse_answer, CHAT.render_answer
OPEN_READER, OPEN_WRITER = CHAT.open_reader, CHAT.open_writer

OPTIONS = {
    "reasoning_history": "reasoning_content",
    "documents": "document_url",
    "reasoning": "reasoning_object",
    "tool_media": "parts",
}
FOREIGN_WORDS = {"eos": "stop", "function_call": "tool_calls"}
"""What we tell with a word of today, by the word that was recorded."""


def terms(*, asked: bool = False, choices: int = 1) -> ReplyTerms:
    facts_asked = Peek(
        model_asked="m",
        streamed=True,
        usage_asked=asked,
        output_tokens_max=None,
        choices=choices,
        body_bytes=1,
        media_parts=0,
    )
    request = ChatRequest(model="m", messages=())
    return ReplyTerms(request=request, peek=facts_asked, reply_id="r-1", created_s=7, model="m")


def closing(usage: Usage | None) -> Closing:
    return Closing(usage=usage or Usage(input=1, output=1), estimated=usage is None, costs=COSTS)


def read(each: Recording) -> ChatAnswer:
    if each.streamed:
        return read_folded(OPEN_READER(), each.answer)
    return PARSE_ANSWER(each.answer)


def written(answer: ChatAnswer, *, asked: bool = False) -> bytes:
    writer = OPEN_WRITER(terms(asked=asked))
    out = b"".join(writer.write([event]) for event in events_of(answer))
    return out + writer.end(closing(answer.usage))


def of(choice: Choice, kind: type[Part]) -> list[Any]:
    return [part for part in choice.parts if isinstance(part, kind)]


def facts(answer: ChatAnswer) -> list[object]:
    """What must not be lost, whatever the order in which it came."""
    return [
        (
            "".join(part.text for part in of(choice, Text)),
            "".join(part.text for part in of(choice, Reasoning)),
            "".join(part.text for part in of(choice, Declined)),
            [(part.id, part.name, part.arguments) for part in of(choice, ToolCall)],
            choice.reason,
            choice.logprobs,
        )
        for choice in answer.choices
    ]


def accumulated(each: Recording) -> ChatCompletion:
    """What the official SDK makes of a recording."""
    if not each.streamed:
        found: Any = construct_type(type_=ChatCompletion, value=json.loads(each.answer))
        return found
    state = ChatCompletionStreamState()
    for chunk in chunks_of(each.answer):
        for choice in chunk.get("choices") or []:
            for place, call in enumerate((choice.get("delta") or {}).get("tool_calls") or []):
                call.setdefault("index", place)  # without it the SDK raises
        typed: Any = construct_type(type_=ChatCompletionChunk, value=chunk)
        state.handle_chunk(typed)
    return state.current_completion_snapshot


def shown(content: Any) -> str:
    """The text of a message, also where a provider sends a list of parts."""
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if part["type"] == "text")
    return content or ""


def calls_of(message: Any) -> list[tuple[str, str]]:
    calls = [call.function for call in message.tool_calls or ()]
    calls += [message.function_call] if getattr(message, "function_call", None) else []
    return [(call.name, call.arguments or "") for call in calls]


def of_one_kind(each: Recording) -> bool:
    """The SDK cannot add up a stream whose content is now a text and now a list."""
    return not (each.streamed and b'"content":[' in each.answer)


def recorded() -> Iterable[Recording]:
    return (*whole_answers(), *streams())


def test_what_is_read_is_what_the_official_sdk_reads() -> None:
    count = 0
    for each in recorded():
        if not of_one_kind(each):
            continue
        answer, expected = read(each), accumulated(each)
        assert len(answer.choices) == len(expected.choices), each
        for choice, theirs in zip(answer.choices, expected.choices, strict=True):
            if theirs.message is None:  # filtered before the first word
                assert choice.parts == (), each
                continue
            assert "".join(part.text for part in of(choice, Text)) == shown(theirs.message.content), each
            assert "".join(part.text for part in of(choice, Declined)) == (theirs.message.refusal or ""), each
            assert [(call.name, call.arguments) for call in of(choice, ToolCall)] == calls_of(theirs.message), each
            word: Any = theirs.finish_reason
            told = None if choice.reason is None else WORDS[choice.reason]
            assert told == FOREIGN_WORDS.get(word, word), each
            ids = [call.id for call in of(choice, ToolCall)]
            assert all(ids), each
            assert len(set(ids)) == len(ids), each
            for call, theirs_call in zip(of(choice, ToolCall), theirs.message.tool_calls or (), strict=False):
                assert call.id == theirs_call.id or not theirs_call.id, each
        count += 1
    assert count > 700


WORDS = {
    StopReason.STOP: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.LENGTH: "length",
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.CONTENT_FILTER: "content_filter",
}


def test_the_thoughts_are_those_that_were_recorded() -> None:
    thoughtful = 0
    for each in recorded():
        bodies = chunks_of(each.answer) if each.streamed else [json.loads(each.answer)]
        spoken = [
            choice.get("delta") or choice.get("message") or {}
            for body in bodies
            for choice in body.get("choices") or []
            if choice.get("index", 0) == 0
        ]
        expected = "".join(said.get("reasoning_content") or said.get("reasoning") or "" for said in spoken)
        if expected:
            assert "".join(part.text for part in of(read(each).choices[0], Reasoning)) == expected, each
            thoughtful += 1
    assert thoughtful > 50


def test_the_usage_is_what_the_provider_bills() -> None:
    for each in recorded():
        body: Any = accumulated(each).usage if of_one_kind(each) and not each.streamed else None
        if body is not None:
            assert tokens(read(each).usage) == billed(body.model_dump()), each


def test_any_split_of_a_stream_gives_the_same_answer() -> None:
    for each in streams():
        if len(each.answer) > 20_000:
            continue
        reader = OPEN_READER()
        events: list[Event] = []
        for at in range(len(each.answer)):
            events += reader.feed(each.answer[at : at + 1])
        events += reader.close()
        assert reader.finished
        assert fold(events) == read(each), each


def test_a_stream_that_was_cut_is_not_finished() -> None:
    for each in streams():
        stream = each.answer
        reason = len(stream.replace(b'"finish_reason": "', b'"finish_reason":"').partition(b'"finish_reason":"')[0])
        for share in range(1, 20):
            reader: StreamReader = OPEN_READER()
            reader.feed(stream[: min(reason, len(stream) * share // 20)])
            reader.close()
            assert not reader.finished, each
            assert reader.failure is None, each


def test_what_is_written_is_read_again_and_is_of_the_official_types() -> None:
    for each in recorded():
        answer = read(each)
        whole = RENDER_ANSWER(answer, terms(), closing(answer.usage))
        ChatCompletion.model_validate(json.loads(whole), strict=True)
        assert facts(PARSE_ANSWER(whole)) == ended(facts(answer)), each
        for asked in (False, True):
            stream = written(answer, asked=asked)
            for chunk in chunks_of(stream):
                ChatCompletionChunk.model_validate(chunk, strict=True)
            again = read_folded(OPEN_READER(), stream)
            assert facts(again) == ended(facts(answer)), each
            if answer.usage is not None:
                assert tokens(again.usage) == tokens(answer.usage), each


def ended(found: list[Any]) -> list[Any]:
    """Facts as they are written: one that met a sequence, or says no reason, ends with the plain word."""
    plain = {None: StopReason.STOP, StopReason.STOP_SEQUENCE: StopReason.STOP, StopReason.OTHER: StopReason.STOP}
    return [(*facts[:4], plain.get(facts[4], facts[4]), facts[5]) for facts in found]


def test_streams_and_whole_answers_cross_over() -> None:
    for each in whole_answers():
        reader = WholeReader(PARSE_ANSWER)
        reader.feed(each.answer)
        assert facts(fold(reader.close()))[0] == ended(facts(read(each)))[0] or read(each).choices[0].reason, each


def test_every_recorded_request_keeps_its_meaning() -> None:
    refused: set[str | None] = set()
    for each in chats():
        if not each.request:
            continue
        try:
            request = PARSE_REQUEST(each.request, peek(each.request))
        except Refusal as refusal:
            refused.add(refusal.param)
            continue
        edits = RequestEdits(
            model_routed=request.model,
            usage_wanted=True,
            streamed=request.streamed,
            options=OPTIONS,
        )
        rendered = RENDER_REQUEST(request, edits)
        again = PARSE_REQUEST(rendered.body, peek(rendered.body))
        assert meaning(again) == meaning(request), each
        assert set(rendered.dropped) <= set(request.knobs) | {"sealed reasoning"}, each
    assert refused == {"web_search_options", "tools[0].type"}


def meaning(request: ChatRequest) -> dict[str, object]:
    """What a request asks; knobs are dropped by name, seals of unknown issuers as well."""
    found = {name: getattr(request, name) for name in request.__struct_fields__}
    found.pop("knobs")
    found.pop("reasoning")
    found["messages"] = [
        (message.role, message.name, [named(part) for part in message.parts if not isinstance(part, Reasoning)])
        for message in request.messages
    ]
    found["tools"] = [(tool.name, tool.description, plain(tool.parameters), tool.strict) for tool in request.tools]
    output = request.output
    found["output"] = None if output is None else (output.kind, plain(output.schema), output.strict)
    return found


def named(part: Part) -> Part:
    """A document without a name gets one: the dialect demands it."""
    return replace(part, title=part.title or "document") if isinstance(part, Document) else part


def plain(raw: Any) -> object:
    return None if raw is None else json.loads(bytes(raw))
