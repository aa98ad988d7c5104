"""What a model says in a message or in a delta, in every provider's variant, as typed values. Knows no event.

Only the shapes stand here; `choices.py` says what they mean.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tollway.dialects.openai_reading import Envelope, Nested, decoder
from tollway.neutral.parts import Sealed


class Function(Struct, gc=False):
    """What is called: a function, or a custom tool."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    """OpenAI sends text; some send the object itself."""
    input: str | None = None


class Call(Struct, gc=False):
    """A call of a tool, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Function | None = None


class Detail(Struct, gc=False, omit_defaults=True):
    """One of `reasoning_details`, OpenRouter's form: a text, its signature, or what is encrypted as a whole."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None


class ImageUrl(Struct, gc=False):
    """Where a picture is."""

    url: str = ""


class Picture(Struct, gc=False):
    """One of `images`, OpenRouter's form."""

    image_url: ImageUrl | None = None


class Piece(Struct, gc=False):
    """A part of `content` where it is a list, as Mistral sends it."""

    type: str = "text"
    text: str | None = None
    thinking: "str | list[Piece] | None" = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None


class Sound(Struct, gc=False):
    """A sound, or a piece of one."""

    data: str | None = None
    transcript: str | None = None


class UrlCitation(Struct, gc=False):
    """Where a passage comes from."""

    url: str | None = None
    title: str | None = None
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Annotation(UrlCitation):
    """One of `annotations`; some providers leave out the object inside it."""

    type: str = ""
    url_citation: UrlCitation | None = None


class Spoken(Struct, gc=False):
    """What a model says."""

    content: str | list[Piece] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    audio: Sound | None = None
    annotations: list[Annotation] | None = None
    images: list[Picture] | None = None


class TopToken(Struct, gc=False):
    """What might have stood there."""

    token: str
    logprob: float


class Token(TopToken):
    """A token with its likelihood."""

    top_logprobs: list[TopToken] | None = None


class Logprobs(Struct, gc=False):
    """The likelihoods of a choice's tokens."""

    content: list[Token] | None = None


class Choice(Struct, gc=False):
    """A choice of an answer, or of a chunk."""

    index: int | None = None
    delta: Spoken | None = None
    message: Spoken | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    stop_reason: str | int | None = None
    """vLLM's word for the stop sequence that was met; the next is SGLang's."""
    matched_stop: str | int | None = None


class Source(Struct, gc=False):
    """One of `search_results`, Perplexity's form."""

    url: str | None = None
    title: str | None = None


class Body(Envelope):
    """An answer, or a chunk of one."""

    choices: list[Choice] | None = None
    citations: list[str] | None = None
    """Perplexity's: the addresses alone."""
    search_results: list[Source] | None = None


NESTED: Nested = {
    Body: {"choices": list[Choice], "search_results": list[Source]},
    Choice: {"delta": Spoken, "message": Spoken, "logprobs": Logprobs},
    Spoken: {
        "content": list[Piece],
        "reasoning_details": list[Detail],
        "tool_calls": list[Call],
        "function_call": Function,
        "audio": Sound,
        "annotations": list[Annotation],
        "images": list[Picture],
    },
    Call: {"function": Function, "custom": Function},
    Annotation: {"url_citation": UrlCitation},
}

decode_body = decoder(Body, NESTED)

ENCRYPTED = "reasoning.encrypted"
REASONING_TEXT = "reasoning.text"
_ENCODE = msgspec.json.Encoder().encode
_DETAIL = msgspec.json.Decoder(Detail)


def seal_of(detail: Detail) -> Sealed | None:
    """Return the seal of a detail; None where it has none.

    Its issuer wants back all that stands beside the seal. What a detail has beyond the plain form (`format`) is
    therefore kept with it: the seal is then the detail itself, without its text.
    """
    whole = detail.type == ENCRYPTED
    data = detail.data if whole else detail.signature
    if not data:
        return None
    if detail.format is None:
        return Sealed(data=data, whole=whole)
    kept = msgspec.structs.replace(detail, text=None, summary=None)
    return Sealed(data=_ENCODE(kept).decode(), whole=whole)


def detail_of(sealed: Sealed, *, text: str, call_id: str | None) -> Mapping[str, object]:
    """Return the detail for the provider that issued the seal: what `seal_of` kept, or the plain form."""
    if sealed.data.startswith("{"):
        try:
            kept = _DETAIL.decode(sealed.data)
        except msgspec.DecodeError:
            return plain_detail(sealed.data, text=text, whole=sealed.whole, call_id=call_id)
        return msgspec.to_builtins(msgspec.structs.replace(kept, text=text or None))
    return plain_detail(sealed.data, text=text, whole=sealed.whole, call_id=call_id)


def plain_detail(data: str, *, text: str, whole: bool, call_id: str | None) -> dict[str, object]:
    """Return a detail of a seal in the plain form."""
    detail: dict[str, object] = {"type": ENCRYPTED, "data": data}
    if not whole:
        detail = {"type": REASONING_TEXT, "text": text, "signature": data}
    if call_id is not None:
        detail["id"] = call_id
    return detail
