"""What is read of a chat request, and what is refused."""

import json
import time
from contextlib import suppress

import pytest

from tollway.dialects.body import KEYS_MAX, SMALL_BYTES_MAX, UTF8_STEP_BYTES
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import PLAIN_CALL
from tollway.errors import Refusal
from tollway.neutral.peek import Peek

MESSAGES = [{"role": "user", "content": "hi"}]
BODY_BYTES_MAX = 32 * 1024 * 1024


def body_of(**fields: object) -> bytes:
    return json.dumps({"model": "m", "messages": MESSAGES, **fields}).encode()


def peek(body: bytes) -> Peek:
    return OPENAI_CHAT.peek(body, PLAIN_CALL)


def refused(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        peek(body)
    assert caught.value.code == "invalid_request"
    assert caught.value.message
    return caught.value


def test_a_plain_request() -> None:
    body = body_of()
    assert peek(body) == Peek(
        model_asked="m",
        streamed=False,
        usage_asked=False,
        output_tokens_max=None,
        choices=1,
        body_bytes=len(body),
        media_parts=0,
    )


@pytest.mark.parametrize(
    ("fields", "streamed", "usage_asked"),
    [
        ({"stream": True}, True, False),
        ({"stream": None, "stream_options": None}, False, False),
        ({"stream": True, "stream_options": {}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": None}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": False}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True, "x": 1}}, True, True),
        ({"stream": False, "stream_options": {"include_usage": True}}, False, False),
    ],
)
def test_a_stream_and_whether_its_usage_is_asked(fields: dict[str, object], streamed: bool, usage_asked: bool) -> None:
    found = peek(body_of(**fields))
    assert (found.streamed, found.usage_asked) == (streamed, usage_asked)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 7, "max_completion_tokens": 9}, 9),
        ({"max_tokens": 9, "max_completion_tokens": 7}, 9),
        ({"max_tokens": None, "max_completion_tokens": None}, None),
    ],
)
def test_the_larger_output_limit_counts(fields: dict[str, object], limit: int | None) -> None:
    assert peek(body_of(**fields)).output_tokens_max == limit


def test_choices_are_counted() -> None:
    assert peek(body_of(n=128)).choices == 128
    assert peek(body_of(n=None)).choices == 1


def test_media_are_counted_and_text_is_not() -> None:
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
        {"type": "input_audio", "input_audio": {}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "something_new"},
    ]
    messages = [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "audio": {"id": "earlier"}},
        {"role": "assistant", "audio": None},
        {"role": "tool", "content": "text"},
    ]
    assert peek(body_of(messages=messages)).media_parts == 5


def test_escapes_hide_no_media() -> None:
    assert peek(b'{"model":"m","messages":[{"c\\u006fntent":[{"type":"im\\u0061ge_url"}]}]}').media_parts == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b" ", None),
        (b"hello", None),
        (b"[]", None),
        (b'"model"', None),
        (b"null", None),
        (b"{}", "messages"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[{}]} x', None),
        (b'{"model":"m","messages":[{}]', None),
        (b'\xef\xbb\xbf{"model":"m","messages":[{}]}', None),
        (body_of(model=""), "model"),
        (body_of(model=5), "model"),
        (body_of(model=["m", 5]), "model"),
        (body_of(messages=[]), "messages"),
        (body_of(messages=None), "messages"),
        (body_of(messages={}), "messages"),
        (body_of(messages="hi"), "messages"),
        (body_of(messages=["hi"]), "messages"),
        (body_of(messages=[{}, None]), "messages"),
        (body_of(messages=[{"content": 5}]), "messages"),
        (body_of(messages=[{"content": ["x"]}]), "messages"),
        (body_of(messages=[{"content": [{"type": 1}]}]), "messages"),
        (body_of(stream="true"), "stream"),
        (body_of(stream=1), "stream"),
        (body_of(stream_options=True), "stream_options"),
        (body_of(stream_options=[]), "stream_options"),
        (body_of(stream_options={"include_usage": "yes"}), "stream_options"),
        (body_of(n=0), "n"),
        (body_of(n=129), "n"),
        (body_of(n=1.5), "n"),
        (body_of(n=True), "n"),
        (body_of(n=10**30), "n"),
        (body_of(max_tokens=0), "max_tokens"),
        (body_of(max_tokens=-1), "max_tokens"),
        (body_of(max_tokens="9"), "max_tokens"),
        (body_of(max_tokens=2**31), "max_tokens"),
        (b'{"model":"m","messages":[{}],"max_tokens":' + b"9" * 5000 + b"}", "max_tokens"),
        (body_of(max_completion_tokens=0), "max_completion_tokens"),
        (body_of(temperature=float("nan")), None),
        (body_of(temperature=float("inf")), None),
        (body_of(temperature=float("-inf")), None),
        (b'{"model":"m\\ud800","messages":[{}]}', None),
        (b'{"model":"m","messages":[{"content":"\\udc00x"}]}', None),
        (b'{"model":"m","messages":[{}],"x":"\\ud800\\u0041"}', None),
        (b'{"model":"m","messages":[{}],"x":"\n"}', None),
    ],
)
def test_what_is_not_a_chat_request_is_refused_and_the_field_is_named(body: bytes, param: str | None) -> None:
    refusal = refused(body)
    assert refusal.param == param
    assert param is None or f"`{param}`" in refusal.message


@pytest.mark.parametrize(
    "junk", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80", b"\xf0\x9f\x98"]
)
@pytest.mark.parametrize(
    "frame",
    [
        b'{"model":"%b","messages":[{}]}',
        b'{"model":"m","messages":[{"content":"%b"}]}',
        b'{"model":"m","messages":[{"x":"%b"}]}',
        b'{"model":"m","messages":[{}],"%b":1}',
        b'{"model":"m","messages":[{}],"x":"%b"}',
    ],
)
def test_invalid_utf8_is_refused_wherever_it_stands(frame: bytes, junk: bytes) -> None:
    assert "UTF-8" in refused(frame % junk).message


@pytest.mark.parametrize("shift", range(4))
def test_utf8_is_checked_across_steps(shift: int) -> None:
    frame = b'{"model":"m","messages":[{"content":"%b"}]}'
    start = frame.index(b"%")
    text = b"x" * (UTF8_STEP_BYTES - start - shift) + "😀".encode() * 3
    assert peek(frame % text).body_bytes > UTF8_STEP_BYTES
    assert "UTF-8" in refused(frame % text[:-1]).message


CRITICAL = {
    "model": b'"m"',
    "messages": b"[{}]",
    "stream": b"true",
    "stream_options": b"{}",
    "n": b"1",
    "max_tokens": b"1",
    "max_completion_tokens": b"1",
}


@pytest.mark.parametrize("filler", [b"", b"x" * SMALL_BYTES_MAX], ids=["small", "large"])
@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("name", CRITICAL)
def test_a_key_that_stands_twice_is_refused(name: str, escaped: bool, filler: bytes) -> None:
    fields = b",".join(b'"%b":%b' % (key.encode(), value) for key, value in CRITICAL.items())
    again = name[:-1] + f"\\u{ord(name[-1]):04x}" if escaped else name
    twice = b'{%b,"x":"%b","%b":%b}' % (fields, filler, again.encode(), CRITICAL[name])
    assert peek(b'{%b,"x":"%b"}' % (fields, filler)).model_asked == "m"
    assert refused(twice).param == name


def test_a_repeated_key_is_found_among_thousands_at_once() -> None:
    keys = b",".join(b'"%x":1' % number for number in range(7_500))
    body = b'{"model":"m","messages":[{}],%b,"1d4b":1}' % keys
    assert len(body) <= SMALL_BYTES_MAX
    began = time.process_time()
    assert refused(body).param == "1d4b"
    assert time.process_time() - began < 0.2


def test_an_equal_key_elsewhere_is_not_a_repeated_one() -> None:
    assert peek(body_of(x={"model": "o", "n": 5}, tools=[{"model": "messages"}])).model_asked == "m"


def test_many_levels_pass_and_too_many_are_refused() -> None:
    for opening, inner, closing in ((b"[", b"", b"]"), (b'{"a":', b"1", b"}")):
        frame = b'{"model":"m","messages":[{"content":"x","y":%b}],"x":1}'
        assert peek(frame % (opening * 200 + inner + closing * 200)).model_asked == "m"
        for levels in (100_000, 900_000):
            assert "nested" in refused(frame % (opening * levels + inner + closing * levels)).message


def test_a_million_messages_are_too_many() -> None:
    assert "braces" in refused(b'{"model":"m","messages":[' + b"{}," * 1_000_000 + b"{}]}").message
    assert peek(b'{"model":"m","messages":[' + b"{}," * 999_000 + b"{}]}").choices == 1


def test_too_many_keys_are_refused() -> None:
    keys = b"".join(b'"%d":"%b",' % (number, b"x" * 100) for number in range(KEYS_MAX))
    assert "keys" in refused(b"{%b%b" % (keys, body_of()[1:])).message


@pytest.mark.parametrize(
    ("start", "unit", "end"),
    [
        (b'{"model":"m","messages":[', b"{},", b"{}]}"),
        (b'{"model":"m","messages":[{"content":[', b"{},", b"{}]}]}"),
        (b'{"model":"m","messages":[{"content":"', "ä".encode(), b'"}]}'),
        (b'{"model":"m","messages":[{"content":"', b"\\n", b'"}]}'),
        (b'{"model":"m","messages":[{}],', b'"a":1,', b'"b":1}'),
        (b'{"model":"m","messages":[{}],"x":', b"[", b""),
        (b'{"model":"m","messages":[{}],"x":[', b"[],", b"1]}"),
        (b'{"model":"m","messages":[{}],"x":"', b"\xff", b'"}'),
        (b'{"model":"m","messages":[{}],"x":', b"9", b"}"),
    ],
)
def test_no_body_up_to_the_limit_takes_a_second(start: bytes, unit: bytes, end: bytes) -> None:
    body = start + unit * ((BODY_BYTES_MAX - len(start) - len(end)) // len(unit)) + end
    began = time.process_time()
    with suppress(Refusal):
        assert peek(body).body_bytes == len(body)
    assert time.process_time() - began < 1.0
