"""What requests for pictures, sounds and judgements say of themselves."""

import struct
import time
from typing import Any

import msgspec
import pytest

from tollway.dialects.openai_media import (
    OPENAI_IMAGE_EDITS,
    OPENAI_IMAGES,
    OPENAI_MODERATIONS,
    OPENAI_SPEECH,
    OPENAI_SPEECH_TRANSLATIONS,
    OPENAI_TRANSCRIPTIONS,
)
from tollway.dialects.openai_media.pictures import LINES_TOKENS, SHOWN_TOKENS, TALK_TOKENS, picture_tokens
from tollway.dialects.openai_media.sound import HEARD_UNITS_LEAST
from tollway.dialects.record import Called, Dialect
from tollway.errors import Refusal
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

FORM = Called(content_type="multipart/form-data; boundary=xyz")
File = tuple[bytes, bytes]


def form(fields: dict[str, Any], *files: File) -> bytes:
    out = b""
    for name, value in fields.items():
        text = value if isinstance(value, bytes) else str(value).encode()
        out += b'--xyz\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), text)
    for name, value in files:
        out += b'--xyz\r\nContent-Disposition: form-data; name="%b"; filename="a"\r\n\r\n%b\r\n' % (name, value)
    return out + b"--xyz--\r\n"


def images(**members: object) -> Peek:
    return OPENAI_IMAGES.peek(msgspec.json.encode({"model": "gpt-image-2", "prompt": "a cat", **members}), Called())


def edits(fields: dict[str, Any], *files: File) -> Peek:
    return OPENAI_IMAGE_EDITS.peek(form({"model": "gpt-image-2", **fields}, *files), FORM)


def heard(fields: dict[str, Any], *files: File) -> Peek:
    return OPENAI_TRANSCRIPTIONS.peek(form({"model": "whisper-1", **fields}, *files), FORM)


def refusal(dialect: Dialect, body: bytes, called: Called = FORM) -> Refusal:
    with pytest.raises(Refusal) as caught:
        dialect.peek(body, called)
    assert caught.value.code == "invalid_request"
    return caught.value


# -- pictures


@pytest.mark.parametrize(
    ("quality", "size", "tokens"),
    [
        ("low", "1024x1024", 408),
        ("medium", "1024x1024", 1_756),
        ("high", "1024x1024", 7_024),
        ("high", "1024x1536", 8_232),
        ("low", "2048x2048", 408),
        ("high", "3840x2160", 23_719),
        ("max", None, 94_874),
        ("auto", "auto", 23_719),
        (None, None, 23_719),
        ("high", "1x2x3", 23_719),
        ("high", "-5x7", 23_719),
        ("high", "٣x٣", 23_719),
        ("hd", "1024x1024", 7_024),
        ("low", "99999x99999", 275_006),
    ],
)
def test_the_tokens_of_a_picture_are_bounded_by_its_quality_and_size(
    quality: str | None, size: str | None, tokens: int
) -> None:
    assert picture_tokens(quality, size) == tokens


def test_a_request_for_pictures_says_how_many_and_how_dear() -> None:
    found = images(n=2, size="1024x1024", quality="high")
    assert (found.model_asked, found.images, found.choices, found.streamed) == ("gpt-image-2", 2, 2, False)
    assert found.output_tokens_max == 7_024 + TALK_TOKENS
    assert found.input_tokens_bound == 5 * 2
    assert found.estimated == Usage(input=4, output=2 * 7_024)
    assert not found.limit_lowers


def test_partial_pictures_frames_and_lines_are_dearer() -> None:
    plain = images(quality="high", size="1024x1024").output_tokens_max
    assert plain == 7_024 + TALK_TOKENS
    streamed = images(quality="high", size="1024x1024", stream=True, partial_images=3)
    assert streamed.streamed
    assert streamed.output_tokens_max == plain + 300
    assert images(quality="high", size="1024x1024", output_format="gif").output_tokens_max == plain + 8 * 7_024
    moving = images(quality="high", size="1024x1024", output_format="gif", frame_count=2)
    assert moving.output_tokens_max == plain + 7_024
    assert images(quality="high", size="1024x1024", output_format="svg").output_tokens_max == plain + LINES_TOKENS


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"images": [{"image_url": "https://example.com/a.png"}, {"file_id": "f"}]}, 2),
        ({"image": "data:image/png;base64,AAAA"}, 1),
        ({"image": ["a", "b", "c"], "mask": {"image_url": "m"}, "markup": "x"}, 5),
        ({"image": None, "mask": None}, 0),
        ({"image": ""}, 0),
    ],
)
def test_pictures_that_are_sent_as_json_count(members: dict[str, Any], shown: int) -> None:
    body = msgspec.json.encode({"model": "m", "prompt": "äö", **members})
    found = OPENAI_IMAGE_EDITS.peek(body, Called(content_type="application/json; charset=utf-8"))
    assert found.media_parts == shown
    assert found.input_tokens_bound == 4 + shown * SHOWN_TOKENS


def test_a_form_with_pictures_is_read() -> None:
    found = edits(
        {"prompt": "green", "n": "3", "size": "1024x1024", "quality": "low", "stream": "true", "partial_images": "1"},
        (b"image[]", b"\x89PNG" * 100),
        (b"image[]", b"\x89PNG"),
        (b"mask", b""),
    )
    assert (found.model_asked, found.images, found.media_parts, found.streamed) == ("gpt-image-2", 3, 3, True)
    assert found.output_tokens_max == 408 + TALK_TOKENS + 100
    assert found.input_tokens_bound == (5 + 3 * SHOWN_TOKENS) * 3
    gif = edits({"output_format": "gif", "frame_count": "2", "stream": "False", "size": "1024x1024", "quality": "high"})
    assert gif.output_tokens_max == 2 * 7_024 + TALK_TOKENS
    assert not gif.streamed


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": "11"}, "n"),
        ({"n": "0"}, "n"),
        ({"n": "-1"}, "n"),
        ({"n": "1.0"}, "n"),
        ({"n": "²"}, "n"),
        ({"n": "0000000001"}, "n"),
        ({"n": ""}, "n"),
        ({"partial_images": "4"}, "partial_images"),
        ({"frame_count": "17"}, "frame_count"),
        ({"stream": "1"}, "stream"),
        ({"stream": ""}, "stream"),
        ({"prompt": b"\xff"}, "prompt"),
        ({"prompt": b"a" * 1_048_577}, "prompt"),
    ],
)
def test_fields_of_a_form_that_cannot_be_read_are_named(fields: dict[str, Any], param: str) -> None:
    found = refusal(OPENAI_IMAGE_EDITS, form({"model": "m", **fields}))
    assert found.param == param
    assert f"`{param}`" in found.message


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"n": 11}, "n"),
        ({"n": "1"}, "n"),
        ({"model": ""}, "model"),
        ({"model": 1}, "model"),
        ({"prompt": 1}, "prompt"),
        ({"size": 1024}, "size"),
        ({"quality": 1}, "quality"),
        ({"stream": "yes"}, "stream"),
        ({"partial_images": -1}, "partial_images"),
        ({"output_format": 1}, "output_format"),
        ({"frame_count": 0}, "frame_count"),
        ({"image": 1}, "image"),
        ({"images": "a"}, "images"),
    ],
)
def test_members_that_cannot_be_read_are_named(members: dict[str, Any], param: str) -> None:
    body = msgspec.json.encode({"model": "m", "prompt": "p", **members})
    assert refusal(OPENAI_IMAGES, body, Called()).param == param


def test_an_edit_must_be_a_form_or_json() -> None:
    assert "Content-Type" in refusal(OPENAI_IMAGE_EDITS, b"x", Called(content_type="text/plain")).message
    assert "empty" in refusal(OPENAI_IMAGE_EDITS, b"", Called()).message


# -- forms as such


@pytest.mark.parametrize("dialect", [OPENAI_IMAGE_EDITS, OPENAI_TRANSCRIPTIONS, OPENAI_SPEECH_TRANSLATIONS])
def test_a_form_names_one_model(dialect: Dialect) -> None:
    twice = form({"model": "cheap"})[: -len(b"--xyz--\r\n")] + form({"model": "dear"})
    assert "twice" in refusal(dialect, twice).message
    assert refusal(dialect, form({"prompt": "a"})).param == "model"
    assert refusal(dialect, form({"model": ""})).param == "model"
    assert "not a file" in refusal(dialect, form({}, (b"model", b"dear"))).message
    assert dialect.peek(form({"model": "größe"}), FORM).model_asked == "größe"


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (form({"model": "m"}), "multipart/form-data", "names no boundary"),
        (form({"model": "m"}), "multipart/form-data; boundary=other", "must begin"),
        (b"", FORM.content_type, "must begin"),
        (form({f"f{i}": "" for i in range(10_000)}), FORM.content_type, "more than 1000 parts"),
        (form({"x" * 20_000: "m"}), FORM.content_type, "do not end within"),
    ],
)
def test_hostile_forms_are_refused_at_once(body: bytes, content_type: str, said: str) -> None:
    started = time.monotonic()
    for dialect in (OPENAI_IMAGE_EDITS, OPENAI_TRANSCRIPTIONS):
        assert said in refusal(dialect, body, Called(content_type=content_type)).message
    assert time.monotonic() - started < 2


# -- sounds


def test_speech_is_counted_by_characters_and_estimated_in_tokens() -> None:
    body = msgspec.json.encode({"model": "tts-1", "input": "Grüße!", "voice": "alloy"})
    found = OPENAI_SPEECH.peek(body, Called())
    assert (found.model_asked, found.streamed) == ("tts-1", False)
    assert found.counted == Usage(input=6)
    assert found.estimated == Usage(input=2, audio_output=9)
    assert found.input_tokens_bound == 8
    assert found.output_tokens_max == 6 * 16
    assert not found.limit_lowers


@pytest.mark.parametrize(("speed", "tokens"), [(0.25, 64), (0.01, 64), (0.5, 32), (1, 16), (4.0, 16), (None, 16)])
def test_slow_speech_is_longer(speed: float | None, tokens: int) -> None:
    body = msgspec.json.encode({"model": "m", "input": "a", "speed": speed})
    assert OPENAI_SPEECH.peek(body, Called()).output_tokens_max == tokens


@pytest.mark.parametrize(
    ("members", "streamed"),
    [({"stream_format": "sse"}, True), ({"stream_format": "audio"}, False), ({"stream": True}, True), ({}, False)],
)
def test_speech_is_streamed_when_it_comes_in_events(members: dict[str, Any], streamed: bool) -> None:
    body = msgspec.json.encode({"model": "m", "input": "a", "instructions": "slowly", **members})
    assert OPENAI_SPEECH.peek(body, Called()).streamed == streamed


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ["a"]}, "input"),
        ({"speed": 0}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"instructions": 1}, "instructions"),
        ({"stream_format": 1}, "stream_format"),
        ({"stream": 1}, "stream"),
        ({"model": 1}, "model"),
    ],
)
def test_speech_that_cannot_be_read_is_named(members: dict[str, Any], param: str) -> None:
    body = msgspec.json.encode({"model": "m", "input": "a", **members})
    assert refusal(OPENAI_SPEECH, body, Called()).param == param


def test_a_sound_is_bounded_and_estimated_by_its_size() -> None:
    found = heard({"response_format": "text", "prompt": "Hi"}, (b"file", b"\xff" * 80_001))
    assert (found.model_asked, found.media_parts, found.streamed) == ("whisper-1", 1, False)
    assert found.input_tokens_bound == 401 + HEARD_UNITS_LEAST + len("whisper-1" + "text" + "Hi")
    assert found.output_tokens_max == 401 + HEARD_UNITS_LEAST
    assert found.estimated == Usage(audio_input=11)
    assert heard({"stream": "true"}, (b"file", b"\xff" * 80_000)).estimated == Usage(input=0, audio_input=100)
    assert heard({"stream": "true"}).streamed


@pytest.mark.parametrize(("rate", "seconds"), [(32_000, 3), (96_000, 1), (1, 81)])
def test_a_wave_file_says_how_long_it_is(rate: int, seconds: int) -> None:
    head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, rate, 2, 16) + b"data"
    assert heard({}, (b"file", head + b"\0" * (80_300 - len(head)))).estimated == Usage(audio_input=seconds)


def test_a_transcription_must_be_a_form() -> None:
    assert "multipart/form-data" in refusal(OPENAI_TRANSCRIPTIONS, b'{"model":"m"}', Called()).message


# -- moderations


@pytest.mark.parametrize(
    ("members", "model", "media"),
    [
        ({"input": "a"}, "omni-moderation-latest", 0),
        ({"input": ["a", "b"], "model": "m"}, "m", 0),
        ({"input": [{"type": "text", "text": "a"}, {"type": "image_url"}], "model": None}, "omni-moderation-latest", 1),
    ],
)
def test_a_moderation_may_leave_its_model_out(members: dict[str, Any], model: str, media: int) -> None:
    found = OPENAI_MODERATIONS.peek(msgspec.json.encode(members), Called())
    assert (found.model_asked, found.media_parts, found.output_tokens_max) == (model, media, 0)
    assert found.counted == Usage()


@pytest.mark.parametrize(
    ("members", "param"), [({}, "input"), ({"input": 1}, "input"), ({"input": "a", "model": ""}, "model")]
)
def test_a_moderation_that_cannot_be_read_is_named(members: dict[str, Any], param: str) -> None:
    assert refusal(OPENAI_MODERATIONS, msgspec.json.encode(members), Called()).param == param
