"""Ollama requests within their own dialect: the facts that are read, and the edits."""

import json

import pytest

from tests.unit.dialects.ollama.shared import PNG, body, peek
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from tollway.dialects.record import LINES, Dialect, Lane, RequestEdits
from tollway.errors import Refusal

BOTH = pytest.mark.parametrize("dialect", [OLLAMA_CHAT, OLLAMA_GENERATE])
HI = {"messages": [{"role": "user", "content": "Hi"}]}


@BOTH
@pytest.mark.parametrize(("stream", "streamed"), [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
def test_it_streams_unless_it_is_told_not_to(dialect: Dialect, stream: dict[str, object], streamed: bool) -> None:
    assert peek(dialect, body(prompt="Hi", **HI, **stream)).streamed is streamed


@BOTH
def test_a_stream_is_lines_and_has_no_room_for_signs_of_life(dialect: Dialect) -> None:
    assert dialect.stream_type(peek(dialect, body())) == LINES
    assert dialect.keepalive == b""


@pytest.mark.parametrize(
    ("options", "limit"),
    [(None, None), ({}, None), ({"num_predict": 9}, 9), ({"num_predict": -1}, None), ({"num_predict": 0}, None)],
)
def test_the_output_limit_stands_in_the_options(options: object, limit: int | None) -> None:
    assert peek(OLLAMA_CHAT, body(options=options, **HI)).output_tokens_max == limit


def test_pictures_are_counted_in_messages_and_beside_a_prompt() -> None:
    messages = [{"role": "user", "content": "", "images": [PNG, PNG]}, {"role": "user", "content": "", "images": [PNG]}]
    assert peek(OLLAMA_CHAT, body(messages=messages)).media_parts == 3
    assert peek(OLLAMA_GENERATE, body(prompt="", images=[PNG])).media_parts == 1


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": ""}, "model"),
        ({"stream": 1}, "stream"),
        ({"options": []}, "options"),
        ({"options": {"num_predict": 2**31}}, "options"),
        ({"messages": "Hi"}, "messages"),
        ({"images": "x"}, "images"),
    ],
)
def test_what_is_no_request_is_refused_by_name(members: dict[str, object], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        peek(OLLAMA_CHAT, body(**members))
    assert caught.value.param == param


def patched(data: bytes, **edits: object) -> tuple[object, Lane]:
    facts = peek(OLLAMA_CHAT, data)
    made = OLLAMA_CHAT.patch_request(data, facts, RequestEdits(**{"model_routed": "m", **edits}))
    return json.loads(made.body), made.lane


def test_nothing_changes_where_nothing_must() -> None:
    data = body(**HI)
    made = OLLAMA_CHAT.patch_request(data, peek(OLLAMA_CHAT, data), RequestEdits(model_routed="m"))
    assert made.body is data
    assert made.lane is Lane.VERBATIM


def test_the_model_is_the_routed_one_and_what_is_not_supported_goes() -> None:
    found, lane = patched(body(think=True, **HI), model_routed="n", unsupported=frozenset({"think"}))
    assert found == {"model": "n", **HI}
    assert lane is Lane.PATCHED


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, {"num_predict": 5}),
        ({"options": None}, {"num_predict": 5}),
        ({"options": {"seed": 1}}, {"seed": 1, "num_predict": 5}),
        ({"options": {"num_predict": None, "seed": 1}}, {"num_predict": 5, "seed": 1}),
        ({"options": {"num_predict": -1}}, {"num_predict": 5}),
        ({"options": {"num_predict": 6}}, {"num_predict": 5}),
        ({"options": {"num_predict": 5}}, {"num_predict": 5}),
        ({"options": {"num_predict": 4}}, {"num_predict": 4}),
    ],
)
def test_a_limit_lowers_the_clients_one_level_down(options: dict[str, object], shown: object) -> None:
    found, _ = patched(body(**HI, **options), output_tokens_max=5)
    assert isinstance(found, dict)
    assert found["options"] == shown
