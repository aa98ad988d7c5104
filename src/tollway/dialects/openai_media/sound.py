"""What a request for speech or for a transcript says before it is relayed, and what it may cost. Knows no price.

Speech is billed by the characters of its text, or by tokens of text and sound; a transcript by the seconds of its
sound, or by tokens of sound and text. Which of the two it is, the price card knows: here both are bounded and estimated.
"""

from math import ceil
from typing import Annotated

import msgspec
from msgspec import Meta

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.openai_media.form import FormFacts, is_form
from tollway.dialects.record import PLAIN_CALL, Called
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.money import divide_up
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

SPOKEN_TOKENS_MAX = 16
"""More tokens of sound than one character is spoken in, at the usual speed. A digit takes the longest: half a second, of
which OpenAI's models make some 20 tokens (0.015 dollars a minute at 12 dollars per million, by its price list)."""

SPOKEN_CHARACTERS_PER_S = 15
SPOKEN_TOKENS_PER_S = 21
"""For estimates: English is read aloud at some 150 words of six characters a minute; the price list as above."""

SLOWEST = 0.25
"""The least `speed` that OpenAI accepts."""

HEARD_BYTES_PER_UNIT = 200
"""Bytes of a sound for one second or one token of it, at least. Speech is not often sent below 16 kbit/s, 2,000 bytes a
second, of which the models that count tokens make ten (gpt-4o-transcribe) to thirteen (Voxtral). What is packed tighter,
such as silence, may outgrow its hold, which settlement allows for; more bytes a unit would refuse who can well pay."""

HEARD_BYTES_PER_S = 8_000
"""For estimates: 64 kbit/s, as telephones and recorders pack speech. A WAVE file says its own."""

HEARD_TOKENS_PER_S = 10

HEARD_UNITS_LEAST = 100
"""Allowance for what is billed of the shortest sound: some providers charge ten seconds at least."""

_WAVE_HEAD_BYTES = 36
_BYTES_PER_TOKEN = 4


class _Facts(Wishing, gc=False, kw_only=True):
    input: str
    instructions: str | None = None
    speed: Annotated[float, Meta(gt=0)] | None = None
    stream_format: str | None = None
    stream: bool | None = None


_FACTS = msgspec.json.Decoder(_Facts)

_EXPECTED = Expected(
    summary="a JSON object with `model` and `input`",
    fields={
        "model": model_must_be(),
        **FIELDS,
        "input": "`input` must be a string: the text to be spoken",
        "instructions": "`instructions` must be a string",
        "speed": "`speed` must be a number above 0",
        "stream_format": "`stream_format` must be `sse` or `audio`",
        "stream": "`stream` must be true or false",
    },
)


def peek_speech(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request for speech; raises Refusal `invalid_request` that says what to mend.

    A sound that is sent as it is made, without events, is not streamed in our sense: it is relayed as a whole.
    """
    facts = read_facts(body, _FACTS, _EXPECTED)
    characters = len(facts.input)
    text_bytes = len(facts.input.encode()) + len((facts.instructions or "").encode())
    slowness = 1 / max(SLOWEST, min(facts.speed or 1.0, 1.0))
    return Peek(
        model_asked=first_model(facts),
        streamed=facts.stream_format == "sse" or facts.stream is True,
        usage_asked=False,
        output_tokens_max=ceil(characters * SPOKEN_TOKENS_MAX * slowness),
        choices=1,
        body_bytes=len(body),
        media_parts=0,
        input_tokens_bound=text_bytes,
        counted=Usage(input=characters),
        estimated=Usage(
            input=divide_up(text_bytes, _BYTES_PER_TOKEN),
            audio_output=divide_up(characters * SPOKEN_TOKENS_PER_S, SPOKEN_CHARACTERS_PER_S),
        ),
        limit_lowers=False,
        wishes=wishes_of(facts),
    )


def peek_transcription(body: bytes, called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a form with a sound; raises Refusal `invalid_request` that says what to mend."""
    if not is_form(called.content_type):
        raise refused("the Content-Type must be multipart/form-data, with the fields `model` and `file`")
    form = FormFacts(body, called.content_type)
    model, streamed = form.model(), form.flag("stream")
    prompt_bytes = sum(part.size for part in form.parts if not part.is_file)
    sound_bytes = sum(part.size for part in form.files)
    units = divide_up(sound_bytes, HEARD_BYTES_PER_UNIT) + HEARD_UNITS_LEAST
    seconds = sum(_seconds(form.head(part, _WAVE_HEAD_BYTES), part.size) for part in form.files)
    return Peek(
        model_asked=model,
        streamed=streamed,
        usage_asked=False,
        output_tokens_max=units,
        choices=1,
        body_bytes=len(body),
        media_parts=len(form.files),
        input_tokens_bound=units + prompt_bytes,
        # Only models that count tokens stream their text.
        estimated=Usage(input=0, audio_input=seconds * HEARD_TOKENS_PER_S) if streamed else Usage(audio_input=seconds),
        limit_lowers=False,
    )


def _seconds(head: bytes, size: int) -> int:
    """Return about how long a sound is: by the bytes a second that a WAVE file names, else by the usual ones."""
    rate = HEARD_BYTES_PER_S
    if head.startswith(b"RIFF") and head[8:16] == b"WAVEfmt ":
        rate = max(int.from_bytes(head[28:32], "little"), HEARD_BYTES_PER_S // 8)
    return divide_up(size, rate)
