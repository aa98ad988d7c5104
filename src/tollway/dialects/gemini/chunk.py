"""One chunk of a Gemini answer, which has the form of a whole one: what the lanes must know of it. Knows no framing."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.gemini.errors import parse_error
from tollway.dialects.gemini.usage import Counts, read_counts
from tollway.dialects.members import members, replace_spans
from tollway.errors import FailureKind, UpstreamFailure

_ENCODE = msgspec.json.Encoder().encode


class Call(Struct, gc=False, rename="camel"):
    """A function that the model calls; its arguments come at once, or piece by piece when the client asked for that."""

    name: str | None = None
    id: str | None = None
    args: Raw | UnsetType = UNSET
    partial_args: list[Raw] | None = None
    will_continue: bool | None = None


class Code(Struct, gc=False):
    """A program that the model wrote for the provider to run."""

    code: str | None = None
    language: str | None = None


class Outcome(Struct, gc=False):
    """What such a program put out."""

    output: str | None = None
    outcome: str | None = None


class Blob(Struct, gc=False, rename="camel"):
    """Bytes that stand in an answer."""

    mime_type: str | None = None
    data: str | None = None


class Part(Struct, gc=False, rename="camel"):
    """One part of a candidate; a member that is not known here is skipped."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: Call | None = None
    inline_data: Blob | None = None
    executable_code: Code | None = None
    code_execution_result: Outcome | None = None


class Content(Struct, gc=False):
    """What a candidate says."""

    parts: list[Part] | None = None


class Candidate(Struct, gc=False, rename="camel"):
    """One choice."""

    content: Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    grounding_metadata: Raw | UnsetType = UNSET
    citation_metadata: Raw | UnsetType = UNSET
    logprobs_result: Raw | UnsetType = UNSET


class Feedback(Struct, gc=False, rename="camel"):
    """Why a prompt was not answered."""

    block_reason: str | None = None


class Chunk(Struct, gc=False, rename="camel"):
    """What is read of a chunk."""

    candidates: list[Candidate] | None = None
    usage_metadata: Counts | None = None
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: Feedback | None = None
    error: Raw | UnsetType = UNSET

    @property
    def blocked(self) -> bool:
        """The prompt was refused: such an answer has no candidates, and is whole."""
        return self.prompt_feedback is not None and self.prompt_feedback.block_reason is not None


class _Loose(Struct, gc=False, rename="camel"):
    """A chunk whose usage has junk in it."""

    candidates: list[Candidate] | None = None
    usage_metadata: Raw | UnsetType = UNSET
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: Feedback | None = None
    error: Raw | UnsetType = UNSET


_CHUNK = msgspec.json.Decoder(Chunk)
_LOOSE = msgspec.json.Decoder(_Loose)
_RAW_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_CANDIDATES = msgspec.json.Decoder(list[dict[str, Raw]])


def read_chunk(data: bytes) -> Chunk:
    """Return a chunk; raises UpstreamFailure: BROKE for an error of the provider's, else JUNK."""
    try:
        if not data.isascii():
            data.decode()  # msgspec does not check what it skips; the edits of the end would stumble over it
        chunk = _CHUNK.decode(data)
    except msgspec.ValidationError:
        chunk = _read_loosely(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailure(FailureKind.JUNK, "the provider sent an event that is not JSON") from None
    if chunk.error is not UNSET:
        raise broke(data)
    return chunk


def broke(data: bytes) -> UpstreamFailure:
    """Return the failure of a provider that reports an error where an answer should stand."""
    said = parse_error(200, data).message
    return UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {said}")


def _read_loosely(data: bytes) -> Chunk:
    try:
        loose = _LOOSE.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if b'"error"' in data:
            raise broke(data) from None
        raise UpstreamFailure(FailureKind.JUNK, "the provider sent an event that is not in its dialect") from None
    return Chunk(
        candidates=loose.candidates,
        usage_metadata=None if loose.usage_metadata is UNSET else read_counts(loose.usage_metadata),
        model_version=loose.model_version,
        response_id=loose.response_id,
        prompt_feedback=loose.prompt_feedback,
        error=loose.error,
    )


def written_bytes(chunk: Chunk) -> int:
    """Return the UTF-8 bytes of what the model wrote: text, thoughts, calls and programs."""
    count = 0
    for candidate in chunk.candidates or ():
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                if part.text:
                    count += _utf8(part.text)
                if part.function_call is not None:
                    count += _called_bytes(part.function_call)
                if part.executable_code is not None:
                    count += _utf8(part.executable_code.code or "")
    return count


def _called_bytes(call: Call) -> int:
    count = _utf8(call.name or "") + sum(len(bytes(piece)) for piece in call.partial_args or ())
    return count if call.args is UNSET else count + len(bytes(call.args))


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def begins(chunk: Chunk) -> bool:
    """Tell whether the model says anything in it beside text: a call, a picture, a seal, a program."""
    for candidate in chunk.candidates or ():
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                if part.thought_signature or part.function_call or part.inline_data or part.executable_code:
                    return True
    return False


def usage_bytes(data: bytes) -> bytes | None:
    """Return the very bytes of the usage object of a chunk; None when it has none."""
    return next((data[each.start : each.end] for each in members(data) if each.name == "usageMetadata"), None)


def with_usage(data: bytes, usage: bytes) -> bytes:
    """Return the chunk with this usage in its place, or behind its other members; no other byte changes."""
    found = members(data)
    for each in found:
        if each.name == "usageMetadata":
            return replace_spans(data, [(each.start, each.end, usage)])
    at = found[-1].end if found else data.index(b"{") + 1
    return b'%b%b"usageMetadata":%b%b' % (data[:at], b"," if found else b"", usage, data[at:])


def without_finish(data: bytes) -> bytes:
    """Return a chunk that has candidates with nothing that says that the answer is whole."""
    found = _RAW_MEMBERS.decode(data)
    kept: dict[str, object] = {name: value for name, value in found.items() if name != "promptFeedback"}
    kept["candidates"] = [
        {name: value for name, value in candidate.items() if name not in {"finishReason", "finishMessage"}}
        for candidate in _CANDIDATES.decode(found["candidates"])
    ]
    return _ENCODE(kept)


def identity(data: bytes) -> bytes:
    """Return what a chunk of our own repeats of the provider's, as members behind a comma."""
    found = _RAW_MEMBERS.decode(data or b"{}")
    names = ("modelVersion", "createTime", "responseId")
    return b"".join(b',"%b":%b' % (name.encode(), bytes(found[name])) for name in names if name in found)
