"""Whatever a client or a provider sends: a refusal, a failure, or what can be read of it, and never an exception."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.openai_chat_translation.translator import (
    closing,
    encoded,
    event,
    open_reader,
    open_writer,
    parse_answer,
    parse_request,
    render_answer,
    render_request,
    terms,
)
from tollway.dialects.openai_chat.peek import peek
from tollway.dialects.record import RequestEdits
from tollway.errors import Refusal, UpstreamFailure
from tollway.neutral.answer import fold

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "stop", "error", "function", "custom", "text", "data:;base64,AA", "data:", "A", "reasoning.text"]
    )
)
NAMES = [
    "id",
    "index",
    "type",
    "function",
    "custom",
    "name",
    "arguments",
    "input",
    "content",
    "text",
    "thinking",
    "refusal",
    "tool_calls",
    "function_call",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "signature",
    "data",
    "format",
    "audio",
    "transcript",
    "annotations",
    "url_citation",
    "url",
    "images",
    "image_url",
    "delta",
    "message",
    "finish_reason",
    "logprobs",
    "token",
    "logprob",
    "top_logprobs",
    "stop_reason",
    "matched_stop",
    "role",
    "tool_call_id",
    "input_audio",
    "file",
    "file_data",
    "file_id",
    "video_url",
    "cache_control",
    "ttl",
]
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
bodies = st.dictionaries(
    st.sampled_from(
        ["id", "object", "created", "model", "usage", "x_groq", "error", "service_tier", "citations", "search_results"]
    ),
    values,
    max_size=4,
)


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(["delta", "message"]))
    choices = (
        st.lists(st.builds(lambda more, said: {**more, field: said}, objects, objects | values), max_size=3) | values
    )
    return {**draw(bodies), "choices": draw(choices)}


@given(st.lists(envelopes() | values, max_size=4))
def test_no_stream_is_too_strange_to_be_read(chunks: list[Any]) -> None:
    reader, writer = open_reader(), open_writer(terms())
    events = [each for chunk in chunks for each in reader.feed(event(chunk))] + reader.close()
    json.loads(render_answer(fold(events), terms(), closing()))
    writer.write(events)
    writer.end(closing())


@given(envelopes())
def test_no_answer_is_too_strange_to_be_read(body: dict[str, Any]) -> None:
    try:
        answer = parse_answer(encoded(body))
    except UpstreamFailure:
        return
    render_answer(answer, terms(), closing())


TOP = [
    "temperature",
    "stop",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "response_format",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "modalities",
    "audio",
    "logit_bias",
    "user",
    "seed",
    "metadata",
]


@given(
    st.lists(
        st.builds(
            lambda more, role: {**more, "role": role},
            objects,
            st.sampled_from(["user", "assistant", "tool", "function", "system"]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(TOP), values | objects | st.lists(objects, max_size=2), max_size=4),
)
def test_no_request_is_too_strange_to_be_refused(messages: list[Any], more: dict[str, Any]) -> None:
    raw = encoded({"model": "m", "messages": messages, **more})
    try:
        request = parse_request(raw, peek(raw))
        rendered = render_request(request, RequestEdits(model_routed="r", issuer="acme"))
    except Refusal:
        return
    json.loads(rendered.body)
