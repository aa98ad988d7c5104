"""Whole answers with pictures, sounds, transcripts and judgements: usage read, cost spliced, other bytes untouched."""

import json
from typing import Any

import pytest

from tollway.dialects.openai_media import (
    OPENAI_IMAGE_EDITS,
    OPENAI_IMAGES,
    OPENAI_MODERATIONS,
    OPENAI_SPEECH,
    OPENAI_TRANSCRIPTIONS,
)
from tollway.dialects.openai_media.usage import added_up, by_seconds, read_media_usage
from tollway.dialects.record import JSON, CostFields, Dialect
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=10_000_000, fee_nanos=0, total_nanos=10_000_000, currency="USD")
SHOWN = '"base_cost_usd":0.01,"platform_fee_usd":0,"total_cost_usd":0.01'
MP3 = b"ID3\x04\xff\xfb\x00"


def spliced(dialect: Dialect, body: str | bytes, estimate: Usage | None = None, content_type: str = JSON) -> str:
    raw = body.encode() if isinstance(body, str) else body
    return dialect.splice_cost(dialect.read_answer(raw, content_type), COSTS, estimate).decode("latin-1")


def usage(dialect: Dialect, **members: Any) -> Usage | None:
    return dialect.read_answer(json.dumps(members).encode(), JSON).usage


@pytest.mark.parametrize(
    ("found", "read"),
    [
        (
            ('{"input_tokens":50,"output_tokens":4160,"total_tokens":4210,"input_tokens_details":{"text_tokens":10,'
            '"image_tokens":40},"output_tokens_details":{"image_tokens":4160,"text_tokens":0}}'),
            Usage(input=50, output=4160),
        ),
        (
            ('{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},'
            '"output_tokens":45,"total_tokens":59}'),
            Usage(input=4, audio_input=10, output=45),
        ),
        ('{"type":"duration","seconds":36.2}', Usage(audio_input=37, output=0)),
        ('{"type":"duration","seconds":37}', Usage(audio_input=37, output=0)),
        ('{"seconds":0}', None),
        (
            '{"prompt_audio_seconds":36,"prompt_tokens":13,"completion_tokens":151,"total_tokens":164}',
            Usage(input=13, audio_input=36, output=151),
        ),
        ('{"input_tokens":10,"input_tokens_details":{"cached_tokens":4}}', Usage(input=6, cached_input=4)),
        ('{"input_tokens":3,"input_tokens_details":{"cached_tokens":4,"audio_tokens":5}}', Usage(input=0, cached_input=3, audio_input=0)),
        ('{"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4}}', Usage(output=5, reasoning=4)),
        ('{"output_tokens":9,"output_tokens_details":{"reasoning_tokens":40}}', Usage(output=0, reasoning=9)),
        ('{"input_tokens":9,"output_tokens_details":{"reasoning_tokens":4}}', Usage(input=9)),
        ('{"input_tokens":0,"output_tokens":0}', None),
        ('{"cost_in_usd_ticks":200000000}', None),
        ('{"input_tokens":-1}', None),
        ('{"input_tokens":"many"}', None),
        ('{"seconds":-1}', None),
        ("null", None),
        ("7", None),
    ],
)  # fmt: skip
def test_usage_is_read_into_disjoint_units(found: str, read: Usage | None) -> None:
    assert read_media_usage(found.encode()) == read


def test_seconds_that_have_begun_count_whole() -> None:
    assert by_seconds(0.001) == Usage(audio_input=1, output=0)
    assert by_seconds(0) is None


def test_usages_add_up() -> None:
    assert added_up(Usage(input=1, output=2), Usage(output=3, images=1)) == Usage(input=1, output=5, images=1)


def test_pictures_are_counted_beside_their_tokens() -> None:
    data = [{"b64_json": "AAAA"}, {"url": "https://example.com"}]
    assert usage(OPENAI_IMAGES, data=data) == Usage(images=2)
    assert usage(OPENAI_IMAGE_EDITS, data=data, usage={"input_tokens": 5, "output_tokens": 6}) == Usage(
        input=5, output=6, images=2
    )
    drawn = {"model": "writer", "input_tokens": 1, "output_tokens": 9, "reasoning_tokens": 4, "total_tokens": 10}
    assert usage(OPENAI_IMAGES, data=data[:1], usage={"input_tokens": 5, "output_tokens": 6}, svg_usage=drawn) == Usage(
        input=6, output=15, images=1
    )


def test_a_picture_tells_its_cost_in_its_usage() -> None:
    body = '{"data":[],"usage":{"input_tokens":5,"output_tokens":6},"size":"1024x1024"}'
    assert spliced(OPENAI_IMAGES, body, Usage(input=5, output=6)) == body.replace(":6}", f":6,{SHOWN}}}")
    assert spliced(OPENAI_IMAGES, '{"data":[{}]}', Usage(images=1)) == f'{{"data":[{{}}],"usage":{{{SHOWN}}}}}'
    ticks = '{"data":[{}],"usage":{"cost_in_usd_ticks":200000000}}'
    assert spliced(OPENAI_IMAGES, ticks, Usage(images=1)) == ticks.replace("00}", f"00,{SHOWN}}}")
    assert OPENAI_IMAGES.read_answer(ticks.encode(), JSON).provider_cost_nanos == 20_000_000


def test_a_picture_that_reports_nothing_shows_the_estimate_that_was_charged() -> None:
    estimate = Usage(input=5, output=4160, images=1)
    shown = '"input_tokens":5,"output_tokens":4160,"total_tokens":4165,"estimated":true'
    assert spliced(OPENAI_IMAGES, '{"data":[{}]}', estimate) == f'{{"data":[{{}}],"usage":{{{shown},{SHOWN}}}}}'
    assert spliced(OPENAI_IMAGES, '{"data":[{}],"usage":null}', estimate).endswith(f'"usage":{{{shown},{SHOWN}}}}}')
    found = '{"data":[{}],"usage":{"input_tokens":null,"cost":1}}'
    assert json.loads(spliced(OPENAI_IMAGES, found, estimate))["usage"]["cost"] == 1


def test_the_usage_that_counts_is_edited_wherever_else_the_word_stands() -> None:
    body = '{"results":[{"usage":"usage"}],"usage":{"a":1},"note":"\\"usage\\""}'
    assert spliced(OPENAI_MODERATIONS, body) == body.replace(":1}", f":1,{SHOWN}}}")
    long = '{"text":"%s","usage":{"seconds":1}}' % ("a" * 20_000)
    assert spliced(OPENAI_TRANSCRIPTIONS, long) == long.replace(":1}", f":1,{SHOWN}}}")


def test_a_moderation_reports_nothing_and_tells_what_it_cost() -> None:
    answer = OPENAI_MODERATIONS.read_answer(b'{"id":"m","model":"omni","results":[{"flagged":false}]}', JSON)
    assert (answer.usage, answer.model_answered, answer.text_bytes) == (None, "omni", 0)
    assert spliced(OPENAI_MODERATIONS, '{"results":[]}') == f'{{"results":[],"usage":{{{SHOWN}}}}}'


@pytest.mark.parametrize(
    ("members", "read", "text_bytes"),
    [
        ({"text": "Hé", "usage": {"type": "duration", "seconds": 37}}, Usage(audio_input=37, output=0), 0),
        ({"text": "Hé", "duration": 36.7, "usage": None}, Usage(audio_input=37, output=0), 0),
        ({"text": "Hé", "duration": "36.7"}, Usage(audio_input=37, output=0), 0),
        ({"text": "Hé", "duration": 0}, None, 3),
        ({"text": "Hé", "duration": None}, None, 3),
        ({"text": "Hé"}, None, 3),
        ({"text": "Hé", "usage": {"input_tokens": 4}}, Usage(input=4), 3),
    ],
)
def test_a_transcript_is_billed_by_what_it_reports(members: dict[str, Any], read: Usage, text_bytes: int) -> None:
    answer = OPENAI_TRANSCRIPTIONS.read_answer(json.dumps(members).encode(), JSON)
    assert (answer.usage, answer.text_bytes) == (read, text_bytes)


def test_a_transcript_that_reports_nothing_shows_the_seconds_that_were_charged() -> None:
    shown = '"type":"duration","seconds":11,"estimated":true'
    assert spliced(OPENAI_TRANSCRIPTIONS, '{"text":"a"}', Usage(audio_input=11, output=1)) == (
        f'{{"text":"a","usage":{{{shown},{SHOWN}}}}}'
    )


@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "application/x-subrip", "text/vtt"])
def test_a_transcript_that_is_text_passes_untouched(content_type: str) -> None:
    answer = OPENAI_TRANSCRIPTIONS.read_answer(b"WEBVTT\n\nHi", content_type)
    assert (answer.usage, answer.text_bytes, answer.content_type) == (None, 10, content_type)
    assert OPENAI_TRANSCRIPTIONS.splice_cost(answer, COSTS, Usage(audio_input=1)) is answer.body


def test_a_sound_passes_untouched() -> None:
    answer = OPENAI_SPEECH.read_answer(MP3, "audio/mpeg")
    assert (answer.usage, answer.text_bytes, answer.content_type) == (None, 0, "audio/mpeg")
    assert OPENAI_SPEECH.splice_cost(answer, COSTS, Usage(input=6)) is MP3


def test_a_sound_inside_json_tells_its_cost_and_no_characters_as_tokens() -> None:
    body = '{"audio_data":"SUQz"}'
    assert spliced(OPENAI_SPEECH, body, Usage(input=6)) == f'{{"audio_data":"SUQz","usage":{{{SHOWN}}}}}'
    assert '"output_tokens":9,"total_tokens":11,"estimated":true' in spliced(
        OPENAI_SPEECH, body, Usage(input=2, audio_output=9), "application/problem+json"
    )


@pytest.mark.parametrize("dialect", [OPENAI_IMAGES, OPENAI_MODERATIONS, OPENAI_TRANSCRIPTIONS, OPENAI_SPEECH])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        b"[]",
        b'{"data":1,"results":1,"text":1,"error":1}',
        b"[" * 100_000,
        b'{"text":"\xff","data":[],"results":[]}',
        b'{"data":[],"results":[],"text":"","error":{"message":"Out of luck."}}',
    ],
)
def test_junk_is_no_answer(dialect: Dialect, body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        dialect.read_answer(body, JSON)
    assert caught.value.kind is FailureKind.JUNK
    assert ("Out of luck." in caught.value.message) == (b"luck" in body)


@pytest.mark.parametrize("dialect", [OPENAI_TRANSCRIPTIONS, OPENAI_SPEECH])
@pytest.mark.parametrize(("body", "content_type"), [(b"", "audio/mpeg"), (b"<html>", "text/html; charset=utf-8")])
def test_nothing_and_a_web_page_are_no_answer(dialect: Dialect, body: bytes, content_type: str) -> None:
    with pytest.raises(UpstreamFailure, match="is not a"):
        dialect.read_answer(body, content_type)


def test_a_null_error_and_a_model_of_another_type_are_no_error() -> None:
    answer = OPENAI_IMAGES.read_answer(b'{"data":[],"error":null,"model":7}', JSON)
    assert (answer.usage, answer.model_answered) == (Usage(images=0), None)


def test_errors_have_the_usual_form() -> None:
    body = OPENAI_IMAGES.render_error(Refusal("invalid_request", "No."))
    assert OPENAI_SPEECH.parse_error(400, body).message == "No."
