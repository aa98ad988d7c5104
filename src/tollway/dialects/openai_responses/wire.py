"""The items of the Responses API as they stand in requests and answers. Values only.

What nobody reads is skipped. The same types read both sides: an answer's items come back as the next request's input.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.neutral.events import TokenLogprob
from tollway.neutral.parts import Citation


class WireAudio(Struct, gc=False):
    """A sound in a request."""

    data: str
    format: str


class WireAnnotation(Struct, gc=False):
    """What a passage rests on."""

    type: str = ""
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class WireLogprob(Struct, gc=False):
    """One token."""

    token: str
    logprob: float
    top_logprobs: "list[WireLogprob] | None" = None


class WirePart(Struct, gc=False):
    """One part of a message, of a tool's output, or of a reasoning."""

    type: str = "input_text"
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    file_data: str | None = None
    filename: str | None = None
    input_audio: WireAudio | None = None
    annotations: list[WireAnnotation] | None = None
    logprobs: list[WireLogprob] | None = None
    prompt_cache_breakpoint: Raw | UnsetType = UNSET


class WireKind(Struct, gc=False):
    """Which item it is."""

    type: str = "message"


class WireMessage(Struct, gc=False):
    """Words of somebody."""

    role: str = "assistant"
    content: str | list[WirePart] | None = None


class WireCall(Struct, gc=False):
    """The model asks for a tool."""

    name: str = ""
    call_id: str = ""
    id: str | None = None
    arguments: str | None = None
    input: str | None = None


class WireOutput(Struct, gc=False):
    """What a tool answered."""

    call_id: str
    output: str | list[WirePart]


class WireReasoning(Struct, gc=False):
    """What a model thought."""

    id: str | None = None
    summary: list[WirePart] | None = None
    content: list[WirePart] | None = None
    encrypted_content: str | None = None

    @property
    def text(self) -> str:
        """The thoughts themselves where a model shows them, else their summary."""
        texts = [part.text for part in self.content or self.summary or () if part.text]
        return "\n\n".join(texts)


class WireImage(Struct, gc=False):
    """A picture that the model made."""

    result: str | None = None
    output_format: str | None = None


class WireIncomplete(Struct, gc=False):
    """Why a response ended early."""

    reason: str | None = None


class WireAnswer(Struct, gc=False):
    """A response."""

    output: list[Raw] | UnsetType = UNSET
    id: str | None = None
    model: str | None = None
    created_at: Annotated[float, Meta(ge=0, le=1e15)] | None = None
    status: str | None = None
    incomplete_details: WireIncomplete | None = None
    usage: Raw | UnsetType = UNSET
    service_tier: str | None = None


KIND = msgspec.json.Decoder(WireKind)
MESSAGE = msgspec.json.Decoder(WireMessage)
CALL = msgspec.json.Decoder(WireCall)
OUTPUT = msgspec.json.Decoder(WireOutput)
REASONING = msgspec.json.Decoder(WireReasoning)
IMAGE = msgspec.json.Decoder(WireImage)
ANSWER = msgspec.json.Decoder(WireAnswer)
PART = msgspec.json.Decoder(WirePart)
ANNOTATION = msgspec.json.Decoder(WireAnnotation)
LOGPROBS = msgspec.json.Decoder(list[WireLogprob] | None)


def present(value: Raw | UnsetType) -> Raw | None:
    """Return a member; None for one that is absent or null."""
    return None if value is UNSET or bytes(value) == b"null" else value


def citations_of(annotations: list[WireAnnotation] | None) -> tuple[Citation, ...]:
    """Return the annotations that have a neutral place: those of addresses. Files of a provider mean nothing elsewhere."""
    return tuple(citation_of(each) for each in annotations or () if each.type == "url_citation")


def citation_of(annotation: WireAnnotation) -> Citation:
    """Return the citation of a `url_citation`."""
    return Citation(
        url=annotation.url,
        title=annotation.title,
        answer_start=annotation.start_index,
        answer_end=annotation.end_index,
    )


def annotation_of(citation: Citation, *, until: int) -> dict[str, object] | None:
    """Return the `url_citation` of a citation, None without an address; `until` is where the text ends."""
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.answer_start or 0,
        "end_index": until if citation.answer_end is None else citation.answer_end,
    }


def logprobs_of(found: list[WireLogprob] | None) -> tuple[TokenLogprob, ...]:
    """Return the tokens with their likelihoods."""
    return tuple(
        TokenLogprob(token=each.token, logprob=each.logprob, top=logprobs_of(each.top_logprobs)) for each in found or ()
    )


def logprob_fields(logprob: TokenLogprob) -> dict[str, object]:
    """Return a token as the dialect shows it."""
    return _token_fields(logprob) | {"top_logprobs": [_token_fields(each) for each in logprob.top]}


def _token_fields(logprob: TokenLogprob) -> dict[str, object]:
    told = list(logprob.token.encode("utf-8", "surrogatepass"))
    return {"token": logprob.token, "logprob": logprob.logprob, "bytes": told}
