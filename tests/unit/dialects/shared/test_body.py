"""A client's body on its way in: the facts of it, or a refusal that says what to mend."""

import contextlib
import json
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects import body as body_module
from tollway.dialects.body import KEYS_MAX, PARAM_CHARS_MAX, SMALL_BYTES_MAX, Expected, read_facts
from tollway.errors import Refusal


class Facts(msgspec.Struct):
    """What is asked of a body here."""

    model: str
    count: int | None = None
    inner: list[dict[str, int]] = []


DECODER = msgspec.json.Decoder(Facts)
EXPECTED = Expected(
    fields={"model": "`model` must be a text", "inner": "`inner` must be a list of objects"},
    summary="an object with `model`",
)


def refused(body: bytes) -> Refusal:
    """Return the refusal of a body."""
    with pytest.raises(Refusal) as caught:
        read_facts(body, DECODER, EXPECTED)
    assert caught.value.code == "invalid_request"
    return caught.value


def test_what_nobody_asks_for_is_skipped() -> None:
    assert read_facts('{"x":[{"model":5}],"model":"m\u00fc"}'.encode(), DECODER, EXPECTED) == Facts(model="m\u00fc")


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        (b'{"model":5}', "model", "`model` must be a text"),
        (b"{}", "model", "`model` must be a text"),
        (b'{"model":"m","inner":[5]}', "inner", "`inner` must be a list of objects"),
        (b'{"model":"m","inner":[{"a":"x"}]}', "inner", "`inner` must be a list of objects"),
        (b'{"model":"m","count":"x"}', None, "the body must be an object with `model`"),
        (b"[]", None, "the body must be an object with `model`"),
        (b'"x"', None, "the body must be an object with `model`"),
        (b"", None, "the body is empty: send an object with `model`"),
        (b"{", None, "the body is not JSON: "),
        (b"nope", None, "the body is not JSON: "),
        (b'{"model":"m"}}', None, "the body is not JSON: "),
        (b'{"model":"m","x":NaN}', None, "the body is not JSON: "),
        (b'{"model":"m","x":-Infinity}', None, "the body is not JSON: "),
        (b'{"model":"m","x":"\\ud800"}', None, "the body is not JSON: "),
        (b'{"model":"m","x":"\x01"}', None, "the body is not JSON: "),
        (b'\xef\xbb\xbf{"model":"m"}', None, "the body is not JSON: "),
        (b'{"model":"m","x":"\xff"}', None, "the body is not valid UTF-8"),
        (b'{"model":"m","x":"\xed\xa0\x80"}', None, "the body is not valid UTF-8"),
        (b'{"model":"m","model":"n"}', "model", "`model` stands twice"),
        (b'{"model":"m","mod\\u0065l":"n"}', "model", "`model` stands twice"),
        (b'{"model":"m","x":1,"x":1}', "x", "`x` stands twice"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, param: str | None, said: str) -> None:
    refusal = refused(body)
    assert refusal.param == param
    assert refusal.message.startswith(said)


def test_a_long_name_that_stands_twice_is_not_repeated_whole() -> None:
    name = "x" * 5_000
    refusal = refused(f'{{"model":"m","{name}":1,"{name}":2}}'.encode())
    assert refusal.param == "x" * PARAM_CHARS_MAX
    assert len(refusal.message) < 200


def test_a_large_body_may_have_many_members_but_not_any_number() -> None:
    fill = "x" * SMALL_BYTES_MAX
    members = {"model": fill, **{f"n{number}": number for number in range(KEYS_MAX - 1)}}
    assert read_facts(json.dumps(members).encode(), DECODER, EXPECTED).model == fill
    assert str(KEYS_MAX) in refused(json.dumps({**members, "more": 1}).encode()).message
    assert "stands twice" in refused(json.dumps({"x": fill}).encode()[:-1] + b',"model":"m","x":1}').message


def test_a_body_of_nothing_but_objects_is_refused_before_they_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BRACES_MAX", 10)
    assert read_facts(b'{"model":"m","inner":[%b]}' % b",".join([b"{}"] * 9), DECODER, EXPECTED).inner == [{}] * 9
    assert "more than 10 opening braces" in refused(b'{"model":"m","inner":[%b]}' % b",".join([b"{}"] * 10)).message


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_refused_and_never_an_exception(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit() + 20, 10):
        text = b'{"model":"m","x":%b1%b}' % (opening * depth, closing * depth)
        with contextlib.suppress(Refusal):
            read_facts(text, DECODER, EXPECTED)
    assert "nested too deeply" in refused(b'{"model":"m","x":%b' % (opening * 100_000)).message


@given(st.integers(0, 40), st.text(st.sampled_from("aü€🙂"), max_size=20))
def test_letters_of_several_bytes_may_stand_over_the_edge_of_a_step(offset: int, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body_module, "UTF8_STEP_BYTES", 7)
        body = b" " * offset + json.dumps({"model": text}, ensure_ascii=False).encode()
        assert read_facts(body, DECODER, EXPECTED).model == text
        if not text.isascii():
            cut = body[: body.index(text.encode()) + len(text.encode()) - 1]
            with pytest.raises(Refusal):
                read_facts(cut, DECODER, EXPECTED)


@given(st.binary(max_size=40))
def test_any_bytes_are_facts_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(Refusal):
        assert read_facts(body, DECODER, EXPECTED).model is not None
