"""What admission learns of a Responses request, and what is edited on its way to a provider of the same dialect."""

import json
from typing import Any

import pytest

from tests.unit.dialects.openai_responses.samples import body_of
from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.record import PLAIN_CALL, Lane, RequestEdits
from tollway.errors import Refusal


def peeked(**fields: Any) -> Any:
    return OPENAI_RESPONSES.peek(body_of(**fields), PLAIN_CALL)


def patched(edits: RequestEdits, **fields: Any) -> Any:
    body = body_of(**fields)
    return OPENAI_RESPONSES.patch_request(body, OPENAI_RESPONSES.peek(body, PLAIN_CALL), edits)


def test_the_facts_of_a_request_are_read() -> None:
    facts = peeked(stream=True, max_output_tokens=7)
    assert (facts.model_asked, facts.streamed, facts.usage_asked, facts.output_tokens_max) == ("m", True, True, 7)
    assert (facts.choices, facts.media_parts) == (1, 0)
    assert peeked().streamed is False


def test_whatever_brings_tokens_that_the_body_does_not_bound_is_counted() -> None:
    parts = [{"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": "u"}, {"type": "input_file"}]
    items = [
        {"role": "user", "content": parts},
        {"role": "user", "content": "words"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image"}]},
        {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"type": "item_reference", "id": "msg_1"},
    ]
    assert peeked(input=items).media_parts == 5
    assert peeked(previous_response_id="resp_1", conversation=None, prompt={"id": "p"}).media_parts == 2
    assert peeked(tools=[{"type": "function"}, {"type": "custom"}, {"type": "web_search"}]).media_parts == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": 5}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"tools": {}}, "tools"),
        ({"background": True}, "background"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as refusal:
        peeked(**fields)
    assert (refusal.value.code, refusal.value.param) == ("invalid_request", param)


def test_a_request_without_input_passes_for_what_its_provider_keeps() -> None:
    assert (
        OPENAI_RESPONSES.peek(b'{"model":"m","previous_response_id":"r","background":false}', PLAIN_CALL).media_parts
        == 1
    )


def test_nothing_to_edit_leaves_the_very_bytes() -> None:
    body = body_of(previous_response_id="resp_1", store=True)
    same = OPENAI_RESPONSES.patch_request(body, OPENAI_RESPONSES.peek(body, PLAIN_CALL), RequestEdits(model_routed="m"))
    assert same.body is body
    assert same.lane is Lane.VERBATIM
    assert patched(RequestEdits(model_routed="m", output_tokens_max=9), max_output_tokens=9).lane is Lane.VERBATIM


def test_the_model_the_limit_and_the_profile_are_edited() -> None:
    edits = RequestEdits(
        model_routed="other", output_tokens_max=5, unsupported=frozenset({"top_p"}), added={"store": False}
    )
    found = patched(edits, top_p=0.5)
    assert json.loads(found.body) == {"model": "other", "input": "Hi", "store": False, "max_output_tokens": 5}
    assert (found.lane, found.dropped) == (Lane.PATCHED, ("top_p",))
    assert json.loads(patched(edits, max_output_tokens=50).body)["max_output_tokens"] == 5
    assert json.loads(patched(edits, max_output_tokens=None).body)["max_output_tokens"] == 5
    assert json.loads(patched(RequestEdits(model_routed="other")).body) == {"model": "other", "input": "Hi"}


def test_a_limit_takes_the_name_that_the_provider_knows_and_never_stands_twice() -> None:
    edits = RequestEdits(model_routed="m", output_tokens_max=5, renames={"max_output_tokens": "max_tokens"})
    assert json.loads(patched(edits).body)["max_tokens"] == 5
    assert json.loads(patched(edits, max_output_tokens=50).body)["max_tokens"] == 5
    with pytest.raises(Refusal):
        patched(edits, max_tokens=3)
