"""What an Ollama server writes: a line of a stream or a whole answer, read without trust in its types. Keeps no state.

Chat and generate differ in where the words stand: `message` holds them, or `response` and `thinking` do.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.error_body import parse_error
from tollway.dialects.openai_usage import COUNT_MAX
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]

UNPARSED = "_unparsed"
"""The one member of the object that stands for arguments which are no JSON object: here they must be one."""

IDLE_REASONS = frozenset(("load", "unload"))
"""Why an answer without any words ended: the model was only fetched or let go, and nothing was used."""


class Function(Struct, gc=False):
    """The tool that is called. Its arguments are an object; some models make them a string."""

    name: str = ""
    arguments: Raw = Raw(b"{}")


class Call(Struct, gc=False):
    """A tool call; newer servers give it an id."""

    function: Function
    id: str | None = None


class Said(Struct, gc=False):
    """What the model said, in a line or in all."""

    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[Call] | None = None


class Alternative(Struct, gc=False):
    """A token that might have stood there."""

    token: str
    logprob: float


class Logprob(Struct, gc=False):
    """A token with its likelihood."""

    token: str
    logprob: float
    top_logprobs: list[Alternative] | None = None


class Line(Struct, gc=False):
    """A line of a stream, or a whole answer."""

    model: str | None = None
    created_at: str | None = None
    message: Said | None = None
    response: str | None = None
    thinking: str | None = None
    image: str | None = None
    """A picture that a generate request made."""
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: Count | None = None
    eval_count: Count | None = None
    logprobs: list[Logprob] | None = None
    error: Raw | UnsetType = UNSET


class Shape(Struct, frozen=True):
    """Where one of the two dialects has its words."""

    said: Callable[[Line], Said | None]
    """What a line says; None when it lacks the place for it."""
    members: Callable[[Said], dict[str, object]]
    """The members that say it."""


_LINE = msgspec.json.Decoder(Line)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ANY = msgspec.json.Decoder()
_TEXT = msgspec.json.Decoder(str)
_ENCODE = msgspec.json.Encoder().encode
_Kind = TypeVar("_Kind", Line, Said)


def read_line(payload: bytes) -> Line:
    """Return what a line says; what has another type than it ought to is left out.

    Raises msgspec.MsgspecError, UnicodeDecodeError or RecursionError when it is not a JSON object.
    """
    if not payload.isascii():
        payload.decode()  # msgspec does not check what it skips; an edit of the stream's end would stumble over it
    try:
        return _LINE.decode(payload)
    except msgspec.ValidationError:
        return _mended(payload, Line)


def _mended(payload: bytes | Raw, kind: type[_Kind]) -> _Kind:
    found = _MEMBERS.decode(payload)
    kept: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        raw = found.get(field.name)
        if raw is None:
            continue
        try:
            kept[field.name] = msgspec.json.decode(raw, type=field.type)
        except msgspec.ValidationError:
            if field.name == "message" and bytes(raw).startswith(b"{"):
                kept[field.name] = _mended(raw, Said)
    return kind(**kept)


def failure_in(line: Line, payload: bytes) -> UpstreamFailure | None:
    """Return the error that a line reports; None when it reports none."""
    if line.error is UNSET or bytes(line.error) == b"null":
        return None
    said = parse_error(200, payload).message
    return UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {said}")


def usage_in(line: Line) -> Usage | None:
    """Return the counts of the last line; the prompt's is left out by old servers that had it in their cache."""
    if line.prompt_eval_count is None and line.eval_count is None:
        return Usage(input=0, output=0) if line.done_reason in IDLE_REASONS else None
    return Usage(input=line.prompt_eval_count, output=line.eval_count)


def written_bytes(said: Said) -> int:
    """Return the UTF-8 bytes of what was written: words, thoughts, names and arguments of calls; no pictures."""
    count = 0
    if said.content:
        count = _utf8(said.content)
    if said.thinking:
        count += _utf8(said.thinking)
    if said.tool_calls:
        for call in said.tool_calls:
            count += _utf8(call.function.name) + len(arguments_text(call.function.arguments).encode())
    return count


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


_UNPARSED_NAME = b'"%b"' % UNPARSED.encode()


def arguments_text(arguments: Raw) -> str:
    """Return the arguments of a call as the text that a model is taken to have written."""
    given = bytes(arguments)
    if given.startswith(b'"'):
        return _TEXT.decode(given)
    if given == b"null":
        return "{}"
    text = msgspec.json.format(given, indent=-1)
    if _UNPARSED_NAME in text:
        found = _ANY.decode(text)
        if found.keys() == {UNPARSED} and isinstance(found[UNPARSED], str):
            return found[UNPARSED]
    return text.decode()


def arguments_object(text: str) -> Raw:
    """Return the arguments of a call as the object that stands here for them, on one line."""
    if not text.strip():
        return Raw(b"{}")
    return Raw(_ENCODE({UNPARSED: text})) if not is_object(text) else Raw(msgspec.json.format(text.encode(), indent=-1))


def is_object(text: str) -> bool:
    """Tell whether a text is a JSON object."""
    try:
        return isinstance(_ANY.decode(text), dict)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return False


def call_id(place: int, call: Call, salt: str) -> str:
    """Return the id of a call: the server's, else one that is the same for the same bytes.

    `salt` tells apart two answers of a conversation that ask for the same.
    """
    if call.id:
        return call.id
    written = f"{salt}\0{call.function.name}\0{arguments_text(call.function.arguments)}"
    return f"call_{place}_{blake2b(written.encode(), digest_size=6).hexdigest()}"


def _said_in_chat(line: Line) -> Said | None:
    return line.message


def _chat_members(said: Said) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": said.content or ""}
    if said.thinking:
        message["thinking"] = said.thinking
    if said.images:
        message["images"] = said.images
    if said.tool_calls:
        message["tool_calls"] = [_call_members(call) for call in said.tool_calls]
    return {"message": message}


def _call_members(call: Call) -> dict[str, object]:
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "function": function} if call.id else {"function": function}


def _said_in_generate(line: Line) -> Said | None:
    if line.response is None and line.thinking is None and line.image is None:
        return None
    return Said(content=line.response, thinking=line.thinking, images=[line.image] if line.image else None)


def _generate_members(said: Said) -> dict[str, object]:
    members: dict[str, object] = {"response": said.content or ""}
    if said.thinking:
        members["thinking"] = said.thinking
    if said.images:
        members["image"] = said.images[0]
    return members


CHAT = Shape(_said_in_chat, _chat_members)
GENERATE = Shape(_said_in_generate, _generate_members)
