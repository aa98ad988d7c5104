"""Messages of a client's chat request, read into the neutral form. Knows no provider.

What it does not understand it refuses, and names its place: content is never lost.
"""

from collections.abc import Callable, Mapping

from tollway.dialects.body import refused
from tollway.dialects.data_url import source_of
from tollway.dialects.openai_chat import asked
from tollway.dialects.openai_chat.spoken import ENCRYPTED, Detail
from tollway.dialects.openai_words import DETAIL_DEFAULT
from tollway.neutral.parts import (
    Audio,
    CacheMark,
    Citation,
    Declined,
    Document,
    FileId,
    Image,
    Inline,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from tollway.neutral.request import Message, Role
from tollway.neutral.seals import unmarked

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
_SOUNDS = {"mp3": "audio/mpeg", "pcm16": "audio/pcm"}
"""Formats whose media type is not `audio/` and their name."""

_PDF = "application/pdf"
_LEGACY_CALL = "call_function_{}"
"""The id of a legacy call, which has none: its place in the conversation."""


def parse_messages(messages: list[asked.Message]) -> tuple[Message, ...]:
    """Return the conversation; raises Refusal for what has no place in the neutral form."""
    parsed: list[Message] = []
    calls: dict[str, str] = {}
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        role = _ROLES.get(message.role)
        if role is None:
            raise refused(f"`{where}.role` must be one of {', '.join(_ROLES)}", param=f"{where}.role")
        if message.audio is not None:
            raise refused(
                f"`{where}.audio` refers to a sound at one provider: send what was said as `content`",
                param=f"{where}.audio",
            )
        if role is Role.ASSISTANT:
            parts = _assistant_parts(message, where, place)
            if message.function_call is not None:
                calls[message.function_call.name or ""] = _LEGACY_CALL.format(place)
        elif role is Role.TOOL:
            parts = (_result(message, where, calls),)
        else:
            parts = _content(message, where)
        name = None if role is Role.TOOL else message.name
        parsed.append(Message(role=role, parts=parts, name=name))
    return tuple(parsed)


def cache_mark(cache: asked.Cache | None) -> CacheMark | None:
    """Return how long a mark asks to keep what stands before it."""
    if cache is None:
        return None
    return CacheMark.HOUR if cache.ttl == CacheMark.HOUR else CacheMark.MINUTES


def _content(message: asked.Message, where: str) -> tuple[Part, ...]:
    content = message.content
    mark = cache_mark(message.cache_control)
    if content is None or (content == "" and message.role == "assistant"):
        return ()  # beside calls some clients say nothing, and some an empty text, which other dialects refuse
    if isinstance(content, str):
        return (Text(text=content, cache=mark),)
    return tuple(_part(part, f"{where}.content[{place}]") for place, part in enumerate(content))


def _result(message: asked.Message, where: str, calls: Mapping[str, str]) -> ToolResult:
    call_id = message.tool_call_id
    if message.role == "function":
        call_id = calls.get(message.name or "")
    if not call_id:
        wanted = "name" if message.role == "function" else "tool_call_id"
        raise refused(
            f"`{where}.{wanted}` must name a call that the assistant made before: a result belongs to one",
            param=f"{where}.{wanted}",
        )
    return ToolResult(
        call_id=call_id,
        parts=_content(message, where),
        name=message.name,
        cache=cache_mark(message.cache_control) if isinstance(message.content, list) else None,
    )


def _assistant_parts(message: asked.Message, where: str, place: int) -> tuple[Part, ...]:
    """Return thoughts, words and calls in this order; a seal that names a call stands right before it."""
    before, of_calls = _thoughts(message)
    parts: list[Part] = [*before, *_cited(_content(message, where), message)]
    if message.refusal:
        parts.append(Declined(text=message.refusal))
    for number, call in enumerate(message.tool_calls or ()):
        called = _call(call, f"{where}.tool_calls[{number}]")
        parts += of_calls.get(called.id, ())
        parts.append(called)
    legacy = message.function_call
    if legacy is not None:
        parts.append(ToolCall(id=_LEGACY_CALL.format(place), name=legacy.name or "", arguments=_arguments(legacy)))
    return tuple(parts)


def _cited(parts: tuple[Part, ...], message: asked.Message) -> tuple[Part, ...]:
    """Return the content with its annotations, which speak of the message's one text."""
    if not message.annotations or len(parts) != 1 or not isinstance(parts[0], Text):
        return parts
    citations = tuple(
        Citation(
            url=found.url,
            title=found.title,
            quoted=found.content,
            answer_start=found.start_index,
            answer_end=found.end_index,
        )
        for found in (each.url_citation or each for each in message.annotations)
    )
    return (Text(text=parts[0].text, cache=parts[0].cache, citations=citations),)


def _thoughts(message: asked.Message) -> tuple[list[Part], dict[str, list[Part]]]:
    """Return what was thought before the words, and the seals of calls by the call's id."""
    plain = message.reasoning_content or message.reasoning
    details = message.reasoning_details or ()
    before: list[Part] = []
    of_calls: dict[str, list[Part]] = {}
    if plain and not any(detail.text or detail.summary for detail in details):
        sole = [detail for detail in details if detail.signature and detail.id is None and detail.text is None]
        if len(sole) == 1:  # its text was streamed beside it
            details = [each for each in details if each is not sole[0]]
            before.append(Reasoning(text=plain, sealed=unmarked(sole[0].signature or "", whole=False)))
        else:
            before.append(Reasoning(text=plain))
    called = {call.id for call in message.tool_calls or ()}
    for detail in details:
        thought = _thought(detail)
        if thought is None:
            continue
        if detail.id is not None and detail.id in called:
            of_calls.setdefault(detail.id, []).append(thought)
        else:
            before.append(thought)
    return before, of_calls


def _thought(detail: Detail) -> Reasoning | None:
    if detail.type == ENCRYPTED:
        return Reasoning(sealed=unmarked(detail.data, whole=True)) if detail.data else None
    text = detail.text or detail.summary or ""
    sealed = unmarked(detail.signature, whole=False) if detail.signature else None
    return Reasoning(text=text, sealed=sealed) if text or sealed else None


def _call(call: asked.Call, where: str) -> ToolCall:
    custom = call.type == "custom"
    called = call.custom if custom else call.function
    if not call.id or called is None or not called.name:
        raise refused(f"`{where}` must have an `id` and a `function` (or `custom`) with its `name`", param=where)
    arguments = (called.input or "") if custom else _arguments(called)
    return ToolCall(id=call.id, name=called.name, arguments=arguments, custom=custom)


def _arguments(function: asked.Function) -> str:
    arguments = function.arguments
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return asked.ENCODE(arguments).decode()


def _part(part: asked.Part, where: str) -> Part:
    read = _PARTS.get(part.type)
    if read is None:
        known = ", ".join(sorted(_PARTS))
        raise refused(
            f"`{where}.type` {part.type[:40]!r} is not known: use one of {known}, or ask for a model whose provider "
            "takes it in this form",
            param=f"{where}.type",
        )
    return read(part, where)


def _text(part: asked.Part, where: str) -> Part:
    if part.text is None:
        raise _missing(where, "text")
    return Text(text=part.text, cache=cache_mark(part.cache_control))


def _refusal(part: asked.Part, where: str) -> Part:
    if part.refusal is None:
        raise _missing(where, "refusal")
    return Declined(text=part.refusal)


def _thinking(part: asked.Part, where: str) -> Part:
    thinking = part.thinking
    if thinking is None:
        raise _missing(where, "thinking")
    return Reasoning(text=thinking if isinstance(thinking, str) else "".join(each.text or "" for each in thinking))


def _image(part: asked.Part, where: str) -> Part:
    address = _address(part.image_url, where, "image_url")
    source = _source(address.url, f"{where}.image_url", media_type="image/png")
    detail = None if address.detail == DETAIL_DEFAULT else address.detail
    return Image(source=source, detail=detail, cache=cache_mark(part.cache_control))


def _video(part: asked.Part, where: str) -> Part:
    address = _address(part.video_url, where, "video_url")
    source = _source(address.url, f"{where}.video_url", media_type="video/mp4")
    return Video(source=source, cache=cache_mark(part.cache_control))


def _sound(part: asked.Part, where: str) -> Part:
    sound = part.input_audio
    if sound is None:
        raise _missing(where, "input_audio")
    media_type = _SOUNDS.get(sound.format, f"audio/{sound.format}")
    data = sound.data.partition(",")[2] if sound.data.startswith("data:") else sound.data
    return Audio(source=Inline(media_type=media_type, data=data), cache=cache_mark(part.cache_control))


def _file(part: asked.Part, where: str) -> Part:
    file = part.file
    if file is None:
        raise _missing(where, "file")
    mark = cache_mark(part.cache_control)
    if file.file_data is None:
        if not file.file_id:
            raise _missing(where, "file` with `file_data` or `file_id")
        return Document(source=FileId(id=file.file_id), title=file.filename, cache=mark)
    data = file.file_data
    if data.startswith(("data:", "http:", "https:")):
        return _media(_source(data, f"{where}.file.file_data", media_type=_PDF), file.filename, mark)
    return Document(source=Inline(media_type=_PDF, data=data), title=file.filename, cache=mark)


def _media(source: Inline | Url, title: str | None, mark: CacheMark | None) -> Part:
    """Return what a file is: a picture that is sent as a file stays a picture."""
    if isinstance(source, Inline) and source.media_type.startswith("image/"):
        return Image(source=source, cache=mark)
    return Document(source=source, title=title, cache=mark)


def _document_url(part: asked.Part, where: str) -> Part:
    if part.document_url is None:
        raise _missing(where, "document_url")
    source = _source(part.document_url, f"{where}.document_url", media_type=_PDF)
    return _media(source, part.document_name, cache_mark(part.cache_control))


def _file_url(part: asked.Part, where: str) -> Part:
    address = _address(part.file_url, where, "file_url")
    return _media(_source(address.url, f"{where}.file_url", media_type=_PDF), None, cache_mark(part.cache_control))


def _address(found: asked.Address | str | None, where: str, name: str) -> asked.Address:
    if found is None:
        raise _missing(where, name)
    return asked.Address(url=found) if isinstance(found, str) else found


def _source(url: str, where: str, *, media_type: str) -> Inline | Url:
    source = source_of(url, media_type=media_type)
    if source is None:
        raise refused(f"`{where}` must be an address, or `data:TYPE;base64,…`", param=where)
    return source


def _missing(where: str, name: str) -> Exception:
    return refused(f"`{where}` must have `{name}`", param=where)


_PARTS: Mapping[str, Callable[[asked.Part, str], Part]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "thinking": _thinking,
    "image_url": _image,
    "video_url": _video,
    "input_audio": _sound,
    "file": _file,
    "document_url": _document_url,
    "file_url": _file_url,
}
