"""A whole answer: what it used, and the cost in it."""

import json

import pytest

from tollway.dialects.members import SMALL_BYTES_MAX
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_completions import OPENAI_COMPLETIONS
from tollway.dialects.record import JSON, CostFields, Dialect, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
FIELDS = b'"base_cost_usd":0.0001925,"platform_fee_usd":0.00001925,"total_cost_usd":0.00021175'
ESTIMATE = Usage(input=4, output=2)
ESTIMATED = b'{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6,"estimated":true,%b}' % FIELDS


def read(body: bytes) -> ReadAnswer:
    return OPENAI_CHAT.read_answer(body, JSON)


def spliced(body: bytes) -> bytes:
    return OPENAI_CHAT.splice_cost(read(body), COSTS, ESTIMATE)


def answer_with(message: object, usage: bytes = b"null") -> bytes:
    return b'{"choices":[{"message":%b}],"usage":%b}' % (json.dumps(message, ensure_ascii=False).encode(), usage)


def test_the_facts_of_an_answer() -> None:
    body = b'{"model":"m-1","choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'
    assert read(body) == ReadAnswer(
        body=body,
        usage=Usage(input=3, output=1),
        usage_found=b'{"prompt_tokens":3,"completion_tokens":1}',
        model_answered="m-1",
        text_bytes=0,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":null}',
        b'{"choices":{}}',
        b'{"error":"x"}',
        b'{"choices":[]',
        b'{"choices":[],"x":' + b"[" * 5000,
        b'{"choices":[],"model":"\xff"}',
        b'{"choices":[],"\xff":1,"usage":{"prompt_tokens":1,"completion_tokens":1}}',
        b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"\xff":1}}',
        b'{"choices":[{"message":{"content":"\xff"}}]}',
        b'{"choices":[{"message":{"content":[%b1%b]}}]}' % (b'{"content":' * 900, b"}" * 900),
        b'{"code":7,"msg":"no"}',
    ],
)
def test_what_is_not_a_chat_completion_is_junk(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        read(body)
    assert caught.value.kind is FailureKind.JUNK


def test_an_error_with_status_200_is_a_failure_that_says_what_the_provider_said() -> None:
    with pytest.raises(UpstreamFailure, match="Network connection lost"):
        read(b'{"error":{"message":"Network connection lost."}}')


@pytest.mark.parametrize("model", [b"5", b"null", b"{}"])
def test_an_odd_model_name_is_no_name(model: bytes) -> None:
    assert read(b'{"choices":[],"model":%b}' % model).model_answered is None


@pytest.mark.parametrize(
    ("message", "text_bytes"),
    [
        ({"content": "hällo"}, 6),
        ({"content": None}, 0),
        (None, 0),
        ({"content": "a", "reasoning_content": "bb", "refusal": "ccc"}, 6),
        ({"content": "a", "reasoning_content": "bb", "reasoning": "bb"}, 3),
        ({"reasoning": "bbb"}, 3),
        ({"tool_calls": [{"function": {"arguments": "{}"}}, {"function": {"arguments": None}}, {"x": 1}]}, 2),
        ({"function_call": {"arguments": "{}"}}, 2),
        ({"function_call": {}}, 0),
        ({"content": [{"type": "text", "text": "ab"}, {"type": "thinking", "thinking": [{"text": "cd"}]}]}, 4),
        ({"content": {"text": "abc"}}, 3),
        ({"content": 5, "reasoning": "ab"}, 2),
        ({"tool_calls": [{"function": {"arguments": {"text": "abc"}}}]}, 3),
        ("odd", 0),
    ],
)
def test_the_text_is_counted_when_usage_is_missing(message: object, text_bytes: int) -> None:
    found = read(answer_with(message))
    assert (found.usage, found.text_bytes) == (None, text_bytes if isinstance(message, dict | None) else 3)


def test_choices_that_are_no_objects_have_no_text() -> None:
    assert read(b'{"choices":[1,{}]}').text_bytes == 0


def test_zero_usage_with_text_is_not_a_report_and_without_text_it_is() -> None:
    zero = b'{"prompt_tokens":0,"completion_tokens":0}'
    assert read(answer_with({"content": "hi"}, zero)).usage is None
    assert read(answer_with({"content": ""}, zero)).usage == Usage(input=0, output=0)


def test_the_cost_is_added_and_no_other_byte_changes() -> None:
    body = b'{\n  "usage" : {\n    "prompt_tokens": 3\n  },\n  "choices": [], "x": 1.50\n}\n'
    assert spliced(body) == body.replace(b"3\n", b"3,%b\n" % FIELDS)


@pytest.mark.parametrize("filler", ["x", "\\u00e4", "x" * SMALL_BYTES_MAX])
@pytest.mark.parametrize(
    "frame",
    [
        '{"a":%(u)s,"choices":[],"usage":%(top)s,"x_groq":{"usage":%(u)s},"f":"%(f)s"}',
        '{"choices":[{"message":{"content":"\\"usage\\":{}"}}],"usage":%(top)s,"f":"%(f)s"}',
        '{"usage":%(top)s,"choices":["usage"],"f":"%(f)s"}',
        '{"us\\u0061ge":%(top)s,"choices":[{"usage":%(u)s}],"f":"%(f)s"}',
        '{"usage":null,"choices":[],"usage":%(top)s,"f":"%(f)s"}',
    ],
)
def test_only_the_top_level_usage_is_edited(frame: str, filler: str) -> None:
    usage = '{"prompt_tokens":3}'
    body = frame % {"u": usage, "top": usage, "f": filler}
    expected = frame % {"u": usage, "top": usage[:-1] + "," + FIELDS.decode() + "}", "f": filler}
    assert spliced(body.encode()) == expected.encode()


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, OPENAI_COMPLETIONS])
@pytest.mark.parametrize(
    "theirs", [b'"total_cost_usd":9', b'"base_cost_usd":9,"total_cost_usd":8', b'"b\\u0061se_cost_usd":9']
)
def test_a_cost_that_the_provider_named_as_ours_is_replaced(dialect: Dialect, theirs: bytes) -> None:
    body = b'{"choices":[],"usage":{"prompt_tokens":3,%b}}' % theirs
    shown = dialect.splice_cost(dialect.read_answer(body, JSON), COSTS, ESTIMATE)
    assert shown == body.replace(theirs, FIELDS)


def test_an_answer_without_usage_gets_an_estimate_that_says_so() -> None:
    assert spliced(b'{"choices":[] }') == b'{"choices":[],"usage":%b }' % ESTIMATED
    assert spliced(b'{"usage":null,"choices":[null]}') == b'{"usage":%b,"choices":[null]}' % ESTIMATED
    assert spliced(b'{"usage":{"prompt_tokens":-1},"choices":[]}') == b'{"usage":%b,"choices":[]}' % ESTIMATED


def test_the_tier_and_what_the_provider_paid_are_read_beside_the_usage() -> None:
    body = b'{"choices":[],"service_tier":"flex","usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.5}}'
    assert (read(body).service_tier, read(body).provider_cost_nanos) == ("flex", 500_000_000)
    zero = b'{"choices":[],"service_tier":null,"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0}}'
    assert (read(zero).service_tier, read(zero).provider_cost_nanos) == (None, 0)
    junk = b'{"choices":[],"service_tier":5,"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":"0"}}'
    assert (read(junk).service_tier, read(junk).provider_cost_nanos) == (None, None)
    assert read(junk).usage == Usage(input=3, output=1)
    nothing = read(b'{"choices":[]}')
    assert (nothing.service_tier, nothing.provider_cost_nanos) == (None, None)


def test_text_is_counted_where_the_provider_did_not_say_how_much_it_wrote() -> None:
    answer = read(answer_with({"content": "hällo"}, b'{"prompt_tokens":3}'))
    assert (answer.usage, answer.text_bytes) == (Usage(input=3), 6)
    said = read(answer_with({"content": "hällo"}, b'{"completion_tokens":3}'))
    assert (said.usage, said.text_bytes) == (Usage(output=3), 0)
