"""Requests for pictures and sounds on their way to a provider: the model changes, and no other byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.openai_media.test_peeks import FORM, form
from tollway.dialects.openai_media import OPENAI_SPEECH, OPENAI_TRANSCRIPTIONS
from tollway.dialects.record import Called, Lane, RequestEdits
from tollway.errors import Refusal
from tollway.framing.multipart import read_parts

SOUND = (b"file", bytes(range(256)) + b"\r\n--xy")
BODY = form({"model": "fast", "include[]": "logprobs", "temperature": "0"}, SOUND)
PEEK = OPENAI_TRANSCRIPTIONS.peek(BODY, FORM)
SAME = RequestEdits(model_routed="fast")


def patched(edits: RequestEdits, body: bytes = BODY) -> tuple[bytes, Lane, tuple[str, ...]]:
    found = OPENAI_TRANSCRIPTIONS.patch_request(body, PEEK, edits)
    return found.body, found.lane, found.dropped


def test_a_form_that_needs_no_change_is_the_very_bytes() -> None:
    body, lane, dropped = patched(SAME)
    assert body is BODY
    assert (lane, dropped) == (Lane.VERBATIM, ())
    nothing_found = RequestEdits(model_routed="fast", unsupported=frozenset(("seed",)))
    assert patched(nothing_found) == (BODY, Lane.VERBATIM, ())


def test_only_the_model_of_a_form_changes() -> None:
    body, lane, _ = patched(RequestEdits(model_routed="whisper-größe"))
    assert lane is Lane.PATCHED
    assert body == BODY.replace(b"\r\n\r\nfast\r\n", b"\r\n\r\nwhisper-gr\xc3\xb6\xc3\x9fe\r\n")
    assert OPENAI_TRANSCRIPTIONS.peek(body, FORM).model_asked == "whisper-größe"


def test_what_a_provider_does_not_know_is_left_out_and_named() -> None:
    edits = RequestEdits(model_routed="fast", unsupported=frozenset(("include", "seed")))
    body, lane, dropped = patched(edits)
    assert (lane, dropped) == (Lane.PATCHED, ("include",))
    assert body == form({"model": "fast", "temperature": "0"}, SOUND)


def test_a_model_that_stands_in_the_path_is_left_out_in_silence() -> None:
    body, _, dropped = patched(RequestEdits(model_routed="fast", removed=frozenset(("model",))))
    assert dropped == ()
    assert body == form({"include[]": "logprobs", "temperature": "0"}, SOUND)


def test_fields_get_the_names_that_a_provider_knows() -> None:
    body, _, _ = patched(RequestEdits(model_routed="fast", renames={"include": "with", "temperature": "heat"}))
    assert body == form({"model": "fast", "with[]": "logprobs", "heat": "0"}, SOUND)
    with pytest.raises(Refusal, match="not both"):
        patched(RequestEdits(model_routed="fast", renames={"include": "temperature"}))


def test_what_a_provider_demands_is_added() -> None:
    edits = RequestEdits(model_routed="fast", added={"temperature": 1, "language": "de", "diarize": True})
    body, lane, _ = patched(edits)
    assert lane is Lane.PATCHED
    assert [part.name for part in read_parts(body, b"xyz")][-2:] == ["language", "diarize"]
    assert body.endswith(b'name="diarize"\r\n\r\ntrue\r\n--xyz--\r\n')
    assert b'name="language"\r\n\r\nde\r\n' in body


def test_json_is_patched_as_everywhere() -> None:
    body = b'{ "model" : "fast", "input": "a" }'
    peek = OPENAI_SPEECH.peek(body, Called())
    assert OPENAI_SPEECH.patch_request(body, peek, SAME).body is body
    changed = OPENAI_SPEECH.patch_request(body, peek, RequestEdits(model_routed="tts-1"))
    assert (changed.body, changed.lane) == (b'{ "model" : "tts-1", "input": "a" }', Lane.PATCHED)


def test_an_answer_that_the_money_does_not_cover_is_refused_because_it_cannot_be_limited() -> None:
    with pytest.raises(Refusal) as caught:
        patched(RequestEdits(model_routed="fast", output_tokens_max=10))
    assert caught.value.code == "insufficient_quota"


@given(st.binary(max_size=200), st.text(min_size=1, max_size=30))
def test_whatever_a_file_holds_only_the_model_changes(sound: bytes, model: str) -> None:
    body = form({"a": "1", "model": "fast"}, (b"file", sound))
    changed, _, _ = patched(RequestEdits(model_routed=model), body)
    parts = read_parts(changed, b"xyz") if b"--xyz" not in model.encode() + sound else []
    for part, value in zip(parts, (b"1", model.encode(), sound), strict=bool(parts)):
        assert changed[part.start : part.end] == value
