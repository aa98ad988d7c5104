"""The input items of a Responses request, read into messages. Knows no provider.

Neighbouring items of the model make one turn of it, and neighbouring outputs of tools one turn of theirs.
"""

from collections.abc import Callable

import msgspec
from msgspec import Raw

from tollway.dialects.body import refused
from tollway.dialects.data_url import SCHEME, source_of
from tollway.dialects.openai_responses.sealing import seal_of
from tollway.dialects.openai_responses.wire import (
    CALL,
    KIND,
    MESSAGE,
    OUTPUT,
    REASONING,
    WireAudio,
    WirePart,
    citations_of,
    present,
)
from tollway.dialects.openai_responses.words import ASKED_AGAIN, AUDIO_TYPES, FILE_TYPES, ROLES
from tollway.dialects.openai_words import DETAIL_DEFAULT
from tollway.neutral.parts import (
    Audio,
    CacheMark,
    Declined,
    Document,
    FileId,
    Image,
    Inline,
    Part,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from tollway.neutral.request import Message, Role
from tollway.neutral.seals import UNSEALED


def messages_of(items: str | list[Raw], instructions: str | None) -> tuple[Message, ...]:
    """Return the conversation, with `instructions` first; raises Refusal for what it cannot understand or carry."""
    found: list[Message] = []
    if instructions is not None:
        found.append(Message(role=Role.SYSTEM, parts=(Text(text=instructions),)))
    if isinstance(items, str):
        return (*found, Message(role=Role.USER, parts=(Text(text=items),)))
    for place, item in enumerate(items):
        message = _message_of(item, f"input[{place}]")
        last = found[-1] if found else None
        if last is not None and last.role == message.role and message.role in {Role.ASSISTANT, Role.TOOL}:
            found[-1] = Message(role=last.role, parts=last.parts + message.parts)
        else:
            found.append(message)
    return tuple(found)


def _message_of(item: Raw, place: str) -> Message:
    try:
        kind = KIND.decode(item).type
        read = _ITEMS.get(kind)
        if read is not None:
            return read(item, place)
    except msgspec.ValidationError as error:
        raise refused(f"`{place}` is not an item of the Responses API: {error}", param=place) from None
    if kind == "item_reference":
        raise refused(
            f"`{place}` refers to an item that is kept elsewhere, and this model's provider keeps none: send the item",
            param=place,
        )
    raise refused(f"`{place}`: nobody but its own provider can read a {kind[:60]}: {ASKED_AGAIN}", param=place)


def _words(item: Raw, place: str) -> Message:
    message = MESSAGE.decode(item)
    role = ROLES.get(message.role)
    if role is None:
        raise refused(f"the `role` in `{place}` must be one of {', '.join(ROLES)}", param=place)
    return Message(role=role, parts=_parts_of(message.content or (), place))


def _parts_of(content: str | list[WirePart] | tuple[()], place: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(text=content),)
    return tuple(part_of(part, f"{place}.content[{number}]") for number, part in enumerate(content))


def part_of(part: WirePart, place: str) -> Part:
    """Return a part of a message or of a tool's output."""
    read = _PARTS.get(part.type)
    if read is None:
        raise refused(
            f"`{place}`: a part of the type {part.type[:60]} has no place elsewhere: {ASKED_AGAIN}", param=place
        )
    return read(part, place)


def _text(part: WirePart, _place: str) -> Part:
    return Text(text=part.text or "", cache=_mark(part), citations=citations_of(part.annotations))


def _declined(part: WirePart, _place: str) -> Part:
    return Declined(text=part.refusal or "")


def _image(part: WirePart, place: str) -> Part:
    source = _source(part.image_url, part.file_id, place, "image/png")
    if source is None:
        raise refused(f"`{place}` needs an `image_url` or a `file_id`", param=place)
    detail = None if part.detail == DETAIL_DEFAULT else part.detail  # the official types demand it to be said
    return Image(source=source, detail=detail, cache=_mark(part))


def _file(part: WirePart, place: str) -> Part:
    media_type = FILE_TYPES.get((part.filename or "").rpartition(".")[2].lower(), FILE_TYPES["pdf"])
    address = part.file_data if part.file_data is not None else part.file_url
    if part.file_data is not None and not part.file_data.startswith(SCHEME):
        source: Source | None = Inline(media_type=media_type, data=part.file_data)
    else:
        source = _source(address, part.file_id, place, media_type)
    if source is None:
        raise refused(f"`{place}` needs `file_data`, a `file_url` or a `file_id`", param=place)
    return Document(source=source, title=part.filename, cache=_mark(part))


def _sound(part: WirePart, place: str) -> Part:
    sound = part.input_audio
    if not isinstance(sound, WireAudio):
        raise refused(f"`{place}` needs `input_audio` with `data` and `format`", param=place)
    media_type = AUDIO_TYPES.get(sound.format, f"audio/{sound.format}")
    return Audio(source=Inline(media_type=media_type, data=sound.data), cache=_mark(part))


def _mark(part: WirePart) -> CacheMark | None:
    return None if present(part.prompt_cache_breakpoint) is None else CacheMark.MINUTES


def _source(address: str | None, file_id: str | None, place: str, media_type: str) -> Source | None:
    """Return where a part's bytes are; `media_type` is that of an address which holds them and does not say."""
    if address is None:
        return None if file_id is None else FileId(id=file_id)
    source = source_of(address, media_type=media_type)
    if source is None:
        raise refused(f"`{place}` needs its data in base64: data:TYPE;base64,…", param=place)
    return source


def _function_call(item: Raw, place: str) -> Message:
    call = CALL.decode(item)
    call_id = call.call_id or call.id or ""
    return _called(ToolCall(id=call_id, name=call.name, arguments=call.arguments or ""), place)


def _custom_call(item: Raw, place: str) -> Message:
    call = CALL.decode(item)
    call_id = call.call_id or call.id or ""
    return _called(ToolCall(id=call_id, name=call.name, arguments=call.input or "", custom=True), place)


def _called(part: ToolCall, place: str) -> Message:
    if not (part.id and part.name):
        raise refused(f"`{place}` needs a `call_id` and a `name`", param=place)
    return Message(role=Role.ASSISTANT, parts=(part,))


def _output(item: Raw, place: str) -> Message:
    found = OUTPUT.decode(item)
    return Message(role=Role.TOOL, parts=(ToolResult(call_id=found.call_id, parts=_parts_of(found.output, place)),))


def _thoughts(item: Raw, _place: str) -> Message:
    reasoning = REASONING.decode(item)
    text = reasoning.text
    sealed = None
    if reasoning.encrypted_content and reasoning.encrypted_content != UNSEALED:
        sealed = seal_of(reasoning.id, reasoning.encrypted_content, whole=not text)
    return Message(role=Role.ASSISTANT, parts=(Reasoning(text=text, sealed=sealed),))


_ITEMS: dict[str, Callable[[Raw, str], Message]] = {
    "message": _words,
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
    "reasoning": _thoughts,
}

_PARTS: dict[str, Callable[[WirePart, str], Part]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _declined,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _sound,
}
