"""What embedding dialects share: their facts, vectors as base64, and the place of usage. Knows no dialect and no provider."""

import binascii
import math
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence

from tollway.dialects.body import refused
from tollway.dialects.members import SMALL_BYTES_MAX, append_members, known_value_start, members
from tollway.dialects.patching import patch_body
from tollway.dialects.record import JSON, Called, CostFields, Lane, PatchedRequest, ReadAnswer, RequestEdits, Stream
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.embedding import EmbeddingRequest
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage
from tollway.neutral.wishes import Wishes

MEDIA_TOKENS_MAX = 65_536
"""What a hold allows for a picture, sound or file among the inputs, whose tokens do not follow from the body's bytes."""

VALUE_MAX = 3.4028234663852886e38
"""The greatest 32-bit float."""

PLAUSIBLE_MAX = 1e6
"""No model's vector has a greater value: bytes that give one are something else than 32-bit floats."""

_VALUE_BYTES = 4


def peek_of(model: str, body: bytes, *, media: int = 0, wishes: Wishes | None = None) -> Peek:
    """Return the facts of an embedding request, which has no output.

    Its input may be many texts, each as long as the model's context: only the body's bytes bound their tokens.
    """
    return Peek(
        model_asked=model,
        streamed=False,
        usage_asked=False,
        output_tokens_max=0,
        choices=1,
        body_bytes=len(body),
        media_parts=media,
        input_tokens_bound=len(body) + media * MEDIA_TOKENS_MAX,
        wishes=wishes,
    )


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for a provider of the same dialect, whose model stands in `model`; nobody limits its output."""
    edited = edits.renames or edits.unsupported or edits.added or edits.removed
    if not edited and edits.model_routed == peek.model_asked:
        return PatchedRequest(body, Lane.VERBATIM)
    return patch_body(body, edits, model="model")


def texts_of(request: EmbeddingRequest) -> list[str]:
    """Return the inputs as texts; raises Refusal for tokens, which mean nothing to another tokenizer."""
    texts = [each for each in request.inputs if isinstance(each, str)]
    if len(texts) < len(request.inputs):
        raise refused(
            "this model's provider takes texts and no arrays of tokens: send `input` as a string or an array of strings",
            param="input",
        )
    return texts


def read_usage_of(tokens: int | None) -> Usage | None:
    """Return the usage of so many tokens read; none at all is "not reported" (lesson 12): every input has some."""
    return Usage(input=tokens, output=0) if tokens else None


def with_member(body: bytes, name: str, found: bytes | None, value: bytes) -> bytes:
    """Return a JSON object with this value in the place of `found`, which is its top-level member, or behind the others."""
    token = b'"%b"' % name.encode()
    if found is None:
        return append_members(body, b"%b:%b" % (token, value))
    at = known_value_start(body, token) if len(body) <= SMALL_BYTES_MAX else None
    if at is None:
        # Of a repeated key the last one counts, for this decoder and for the clients'.
        at = next(member.start for member in reversed(members(body)) if member.name == name)
    return b"".join((body[:at], value, body[at + len(found) :]))


def floats_of(text: str) -> tuple[float, ...]:
    """Return a vector that stands in base64 as little-endian 32-bit floats; raises UpstreamFailure JUNK for anything else."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _no_vector() from None
    count, rest = divmod(len(data), _VALUE_BYTES)
    if rest:
        raise _no_vector()
    vector = struct.unpack(f"<{count}f", data)
    if not all(math.isfinite(value) and abs(value) <= PLAUSIBLE_MAX for value in vector):
        raise _no_vector()
    return vector


def base64_of(vector: Sequence[float]) -> str:
    """Return a vector as base64 of little-endian 32-bit floats."""
    bounded = [max(-VALUE_MAX, min(VALUE_MAX, value)) for value in vector]
    return b64encode(struct.pack(f"<{len(bounded)}f", *bounded)).decode("ascii")


def indexed(pairs: Iterable[tuple[int | None, tuple[float, ...]]]) -> tuple[tuple[float, ...], ...]:
    """Return vectors in the order of their indexes; one without an index stays where it is."""
    placed = [(at if index is None else index, vector) for at, (index, vector) in enumerate(pairs)]
    placed.sort(key=lambda each: each[0])
    return tuple([vector for _, vector in placed])


def open_no_stream(_peek: Peek) -> Stream:
    """Raise: embeddings are not streamed."""
    raise Refusal("invalid_request", "embeddings are not streamed")


def no_peek(_body: bytes, _called: Called) -> Peek:
    """Raise, for a dialect that no client speaks."""
    raise _no_client()


def no_patch(_body: bytes, _peek: Peek, _edits: RequestEdits) -> PatchedRequest:
    """Raise, for a dialect that no client speaks."""
    raise _no_client()


def no_answer(_body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Raise, for a dialect that no client speaks."""
    raise _no_client()


def no_splice(_answer: ReadAnswer, _costs: CostFields, _estimate: Usage | None) -> bytes:
    """Raise, for a dialect that no client speaks."""
    raise _no_client()


def no_error(_refusal: Refusal) -> bytes:
    """Raise, for a dialect that no client speaks."""
    raise _no_client()


def _no_client() -> Refusal:
    return Refusal("not_found", "no client speaks this form: it is only asked of providers")


def _no_vector() -> UpstreamFailure:
    return UpstreamFailure(FailureKind.JUNK, "the provider's embedding is not base64 of 32-bit floats")
