"""Whatever a client or a provider sends in the Responses dialect, it is understood or refused, and nothing else is raised."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.openai_responses.parse_request import parse_request
from tollway.dialects.openai_responses.reader import ResponsesReader, parse_answer
from tollway.dialects.openai_responses.render_request import render_request
from tollway.dialects.record import JSON, PLAIN_CALL, CostFields, RequestEdits
from tollway.errors import Refusal, UpstreamFailure
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=1, fee_nanos=1, total_nanos=2, currency="USD")
ERROR = OPENAI_RESPONSES.render_error(Refusal("upstream_error", "It broke."))
NAMES = st.sampled_from(
    ["type", "role", "content", "text", "output", "input", "tools", "name", "call_id", "arguments", "summary", "usage"]
)
WORDS = st.sampled_from(
    [
        "message",
        "function_call",
        "reasoning",
        "input_text",
        "output_text",
        "input_image",
        "user",
        "assistant",
        "data:x,y",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
REQUESTS = st.fixed_dictionaries(
    {"model": st.just("m"), "input": VALUES | st.lists(st.dictionaries(NAMES, VALUES), max_size=3)},
    optional=dict.fromkeys(
        ("tools", "tool_choice", "text", "reasoning", "include", "instructions", "stream", "prompt", "metadata"), VALUES
    ),
)
KINDS = st.sampled_from(
    [
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "response.reasoning_text.delta",
        "response.content_part.done",
        "response.output_text.annotation.added",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "error",
    ]
)
EVENTS = st.fixed_dictionaries(
    {"type": KINDS | VALUES},
    optional={
        "delta": VALUES,
        "item": VALUES,
        "part": VALUES,
        "annotation": VALUES,
        "logprobs": VALUES,
        "response": VALUES | st.dictionaries(NAMES, VALUES),
        "output_index": st.integers(0, 2) | VALUES,
        "sequence_number": VALUES,
    },
)


@given(request=REQUESTS | VALUES)
def test_a_request_is_understood_or_refused(request: Any) -> None:
    body = json.dumps(request).encode()
    try:
        peek = OPENAI_RESPONSES.peek(body, PLAIN_CALL)
        edits = RequestEdits(model_routed="other", output_tokens_max=5)
        assert json.loads(OPENAI_RESPONSES.patch_request(body, peek, edits).body)["model"] == "other"
        json.loads(render_request(parse_request(body, peek), edits).body)
    except Refusal as refusal:
        assert refusal.code == "invalid_request"  # noqa: PT017  either is right


@given(answer=st.dictionaries(NAMES, VALUES) | VALUES)
def test_an_answer_is_read_or_junk(answer: Any) -> None:
    body = json.dumps(answer).encode()
    for read in (parse_answer, lambda found: OPENAI_RESPONSES.read_answer(found, JSON)):
        try:
            read(body)
        except UpstreamFailure as failure:
            assert failure.message  # noqa: PT017  either is right


@given(events=st.lists(EVENTS, max_size=8))
def test_a_stream_is_read_and_passes_or_fails(events: list[Any]) -> None:
    sent = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    reader = ResponsesReader()
    reader.feed(sent)
    reader.close()
    for ending in ("end", "break", "cut"):
        pipe = OPENAI_RESPONSES.open_stream(OPENAI_RESPONSES.peek(b'{"model":"m"}', PLAIN_CALL))
        out = pipe.feed(sent) + pipe.close()
        if ending == "cut":
            out += pipe.cut(ERROR, COSTS, Usage())
        elif ending == "end" and pipe.finished:
            out += pipe.end(COSTS, Usage())
        else:
            out += pipe.break_off(ERROR, COSTS, Usage())
        for line in out.decode().split("\n"):
            if line.startswith("data:"):
                json.loads(line[5:])
