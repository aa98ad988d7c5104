"""The edits of a request: what changes, and that nothing else does."""

import json

import pytest

from tollway.dialects.members import SMALL_BYTES_MAX
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import PLAIN_CALL, Lane, PatchedRequest, RequestEdits
from tollway.errors import Refusal

PLAIN = b'{ "messages": [{"content": "the \\"model\\" is m"}],\n "model" : "m", "stream": true, "x": 1e2 }\n'


def patch(body: bytes, **edits: object) -> PatchedRequest:
    edits.setdefault("model_routed", "m")
    return OPENAI_CHAT.patch_request(body, OPENAI_CHAT.peek(body, PLAIN_CALL), RequestEdits(**edits))  # type: ignore[arg-type]


def test_the_very_bytes_pass_when_nothing_must_change() -> None:
    patched = patch(PLAIN)
    assert patched.body is PLAIN
    assert patched.lane is Lane.VERBATIM


@pytest.mark.parametrize("filler", [b"1", b'"\\u00e4"', b'"' + b"x" * SMALL_BYTES_MAX + b'"'])
def test_only_the_model_changes(filler: bytes) -> None:
    body = PLAIN.replace(b"1e2", filler)
    patched = patch(body, model_routed='o"1')
    assert patched.body == body.replace(b'"model" : "m"', b'"model" : "o\\"1"')
    assert patched.lane is Lane.PATCHED


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":{"model":"m"},"model":"m","messages":[{}]}',
        b'{"x":["model"],"mod\\u0065l":"m","messages":[{}]}',
        b'{"x":"model","model":"\\u006d","messages":[{}]}',
        b'{"model":"\\/m","messages":[{}]}',
    ],
)
def test_the_top_level_model_is_found_however_it_is_spelled(body: bytes) -> None:
    changed = json.loads(body)
    changed["model"] = "o1"
    assert json.loads(patch(body, model_routed="o1").body) == changed


@pytest.mark.parametrize("filler", [b"1", b'"\\u00e4"', b'"' + b"x" * SMALL_BYTES_MAX + b'"'])
def test_usage_is_asked_for_at_the_end_of_the_body(filler: bytes) -> None:
    body = PLAIN.replace(b"1e2", filler)
    patched = patch(body, usage_wanted=True)
    assert patched.body == body.replace(b" }\n", b',"stream_options":{"include_usage":true} }\n')
    assert patched.lane is Lane.PATCHED


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (b"null", b'{"include_usage":true}'),
        (b"{}", b'{"include_usage":true}'),
        (
            b'{"include_usage":false, "include_obfuscation": false}',
            b'{"include_usage":true,"include_obfuscation":false}',
        ),
        (b'{"a":[1 , 2]}', b'{"a":[1 , 2],"include_usage":true}'),
    ],
)
def test_other_stream_options_are_kept(options: bytes, expected: bytes) -> None:
    frame = b'{"model":"m","stream_options":%b,"messages":[{}],"stream":true}'
    assert patch(frame % options, usage_wanted=True).body == frame % expected


def test_usage_is_not_asked_for_twice_nor_without_a_stream() -> None:
    asked = b'{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}'
    assert patch(asked, usage_wanted=True).body is asked
    whole = b'{"model":"m","messages":[{}]}'
    assert patch(whole, usage_wanted=True).body is whole


def test_a_key_takes_the_name_that_the_provider_knows() -> None:
    body = b'{"model":"m","messages":[{}],"max_completion_tokens" : 5,"stream":true}'
    renames = {"max_completion_tokens": "max_tokens", "seed": "random_seed"}
    assert patch(body, renames=renames).body == body.replace(b"max_completion_tokens", b"max_tokens")
    all_edits = patch(body, renames=renames, model_routed="o", usage_wanted=True)
    assert all_edits.body == (
        b'{"model":"o","messages":[{}],"max_tokens" : 5,"stream":true,"stream_options":{"include_usage":true}}'
    )


def test_a_rename_that_meets_nothing_leaves_the_very_bytes() -> None:
    patched = patch(PLAIN, renames={"seed": "random_seed"})
    assert patched == PatchedRequest(PLAIN, Lane.VERBATIM)


def test_a_rename_never_makes_a_key_stand_twice() -> None:
    body = b'{"model":"m","messages":[{}],"max_completion_tokens":5,"max_tokens":5}'
    with pytest.raises(Refusal) as caught:
        patch(body, renames={"max_completion_tokens": "max_tokens"})
    assert caught.value.param == "max_completion_tokens"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("given", [b"1000", b"null", b"513"])
def test_the_limit_that_the_client_gave_is_lowered_in_its_place(name: str, given: bytes) -> None:
    body = PLAIN.replace(b'"x": 1e2', b'"%b" : %b, "x":{"%b":9999}' % (name.encode(), given, name.encode()))
    patched = patch(body, output_tokens_max=512)
    assert patched.body == body.replace(b'" : %b,' % given, b'" : 512,')
    assert patched.lane is Lane.PATCHED


def test_a_limit_is_never_raised() -> None:
    body = b'{"model":"m","messages":[{}],"max_tokens":512}'
    assert patch(body, output_tokens_max=512).body is body
    both = b'{"model":"m","messages":[{}],"max_tokens":5,"max_completion_tokens":900}'
    assert patch(both, output_tokens_max=512).body == both.replace(b"900", b"512")
    one_null = b'{"model":"m","messages":[{}],"max_tokens":null,"max_completion_tokens":5}'
    assert patch(one_null, output_tokens_max=512).body is one_null


@pytest.mark.parametrize("filler", [b"1", b'"' + b"x" * SMALL_BYTES_MAX + b'"'])
def test_a_limit_is_added_where_the_client_gave_none(filler: bytes) -> None:
    body = PLAIN.replace(b"1e2", filler)
    patched = patch(body, output_tokens_max=512)
    assert patched.body == body.replace(b" }\n", b',"max_tokens":512 }\n')
    assert patched.lane is Lane.PATCHED
    all_edits = patch(
        body,
        model_routed="o",
        usage_wanted=True,
        output_tokens_max=512,
        output_tokens_name="max_completion_tokens",
    )
    assert all_edits.body == body.replace(b'"model" : "m"', b'"model" : "o"').replace(
        b" }\n", b',"stream_options":{"include_usage":true},"max_completion_tokens":512 }\n'
    )


def test_a_lowered_limit_takes_the_name_that_the_provider_knows() -> None:
    renames = {"max_completion_tokens": "max_tokens"}
    body = b'{"max_completion_tokens":900,"model":"m","messages":[{}]}'
    assert patch(body, renames=renames, output_tokens_max=512).body == (
        b'{"max_tokens":512,"model":"m","messages":[{}]}'
    )
    absent = b'{"model":"m","messages":[{}]}'
    named = patch(absent, renames=renames, output_tokens_max=512, output_tokens_name="max_completion_tokens")
    assert named.body == b'{"model":"m","messages":[{}],"max_tokens":512}'


def test_a_limit_that_is_added_never_makes_a_key_stand_twice() -> None:
    body = b'{"model":"m","messages":[{}],"max_output":5}'
    with pytest.raises(Refusal) as caught:
        patch(body, renames={"max_tokens": "max_output"}, output_tokens_max=512)
    assert caught.value.param == "max_tokens"


def test_a_limit_spelled_twice_is_refused_before_it_could_be_lowered_once() -> None:
    body = b'{"model":"m","messages":[{}],"max_tokens":5,"max\\u005ftokens":100000}'
    with pytest.raises(Refusal) as caught:
        patch(body, output_tokens_max=512)
    assert (caught.value.code, caught.value.param) == ("invalid_request", "max_tokens")


@pytest.mark.parametrize("filler", [b"1", b'"\\u00e4"'])
def test_a_limit_spelled_with_an_escape_is_lowered(filler: bytes) -> None:
    body = b'{"model":"m","messages":[{}],"x":%b,"max\\u005ftokens":100000}' % filler
    assert patch(body, output_tokens_max=512).body == body.replace(b"100000", b"512")
