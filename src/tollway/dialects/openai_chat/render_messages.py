"""A conversation of any client, written as chat messages for one provider. Knows no client's dialect.

What a chat message has no place for is moved where it keeps its meaning (pictures that a tool returned stand in a user's
message behind the results), else refused by name; marks and seals are left out and named.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from tollway.dialects.body import refused
from tollway.dialects.call_ids import of_nine, within
from tollway.dialects.data_url import url_of
from tollway.dialects.openai_chat.spoken import REASONING_TEXT, detail_of
from tollway.dialects.record import RequestEdits
from tollway.neutral.parts import (
    Audio,
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
from tollway.neutral.request import CACHE_MARKS, SEALED_REASONING, Message, Role, results_behind_calls

Fields = dict[str, object]

CITATIONS = "citations"
FAILED = "is_error"
"""How a warning calls what chat messages have no word for: whereon an earlier answer rested, and that a tool failed."""

_FORMATS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/x-wav": "wav", "audio/wave": "wav", "audio/pcm": "pcm16"}
_ROLES = {Role.SYSTEM: "system", Role.USER: "user"}
_PLAIN = "text/plain"
_ID_CHARS_MAX = 40
"""OpenAI refuses a longer id of a call; other dialects have them."""


class MessageRenderer:
    """Writes the messages of one request, and notes what it leaves out."""

    def __init__(self, edits: RequestEdits) -> None:
        """Take what the provider varies."""
        options = edits.options
        self._issuer = edits.issuer
        self._roles = {**_ROLES, Role.SYSTEM: options.get("system_role", "system")}
        self._history = options.get("reasoning_history")
        self._marks = options.get("cache_marks") == "parts"
        self._documents = options.get("documents", "inline")
        self._media_inside = options.get("tool_media") == "parts"
        self._ids = options.get("call_ids")
        self._waiting: list[Fields] = []
        self.dropped: list[str] = []

    def render(self, messages: tuple[Message, ...]) -> list[Fields]:
        """Return the messages; raises Refusal for what has no place."""
        rendered: list[Fields] = []
        for message in results_behind_calls(messages):
            if message.role is Role.TOOL:
                rendered += [self._result(part) for part in message.parts]
                continue
            self._release(rendered)
            if message.role is Role.ASSISTANT:
                fields = self._assistant(message)
            else:
                fields = {"role": self._roles[message.role], "content": self._content(message.parts)}
            if message.name is not None:
                fields["name"] = message.name
            rendered.append(fields)
        self._release(rendered)
        return rendered

    def _release(self, rendered: list[Fields]) -> None:
        """Put what tools returned beside text behind the last of their results: none may stand between these."""
        if self._waiting:
            rendered.append({"role": "user", "content": self._waiting})
            self._waiting = []

    def _content(self, parts: tuple[Part, ...]) -> object:
        """Return the content: a string where it is one text, else parts."""
        rendered = [self._part(part) for part in parts]
        if len(rendered) == 1 and isinstance(parts[0], Text) and CACHE_MARKS not in rendered[0]:
            return parts[0].text
        return rendered or ""

    def _result(self, part: Part) -> Fields:
        assert isinstance(part, ToolResult)
        if part.failed:
            self.dropped.append(FAILED)
        if part.cache is not None:
            self.dropped.append(CACHE_MARKS)
        inside = part.parts if self._media_inside else tuple(each for each in part.parts if isinstance(each, Text))
        others = [self._part(each) for each in part.parts if each not in inside]
        if others:
            self._waiting.append({"type": "text", "text": f"From the result of the call {self._id(part.call_id)}:"})
            self._waiting += others
        return {"role": "tool", "tool_call_id": self._id(part.call_id), "content": self._content(inside)}

    def _assistant(self, message: Message) -> Fields:
        texts: list[str] = []
        declined: list[str] = []
        calls: list[Fields] = []
        for part in message.parts:
            match part:
                case Text():
                    self._note(part)
                    texts.append(part.text)
                case Audio(transcript=str() as words):
                    texts.append(words)
                case Declined():
                    declined.append(part.text)
                case ToolCall():
                    calls.append(self._call(part))
                case Reasoning():
                    pass
                case _:
                    raise _placeless(part, "in what the assistant said")
        content = "".join(texts)
        fields: Fields = {"role": "assistant", "content": content if content or not (calls or declined) else None}
        if declined:
            fields["refusal"] = "".join(declined)
        self._think(message.parts, fields)
        if calls:
            fields["tool_calls"] = calls
        return fields

    def _think(self, parts: tuple[Part, ...], fields: Fields) -> None:
        """Put the thoughts of the history in: sealed ones for who sealed them, plain ones where the provider takes them."""
        plain: list[str] = []
        details: list[Mapping[str, object]] = []
        for place, part in enumerate(parts):
            if not isinstance(part, Reasoning):
                continue
            if part.sealed is None:
                plain.append(part.text)
            elif not self._issuer or part.sealed.issuer != self._issuer:
                self.dropped.append(SEALED_REASONING)
            else:
                following = parts[place + 1] if place + 1 < len(parts) else None
                call_id = self._id(following.id) if isinstance(following, ToolCall) and not part.text else None
                details.append(detail_of(part.sealed, text=part.text, call_id=call_id))
        if details:
            fields["reasoning_details"] = [*({"type": REASONING_TEXT, "text": text} for text in plain), *details]
        elif plain and self._history is not None:
            fields[self._history] = "".join(plain)

    def _call(self, call: ToolCall) -> Fields:
        if call.cache is not None:
            self.dropped.append(CACHE_MARKS)
        call_id = self._id(call.id)
        if call.custom:
            return {"id": call_id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
        # Servers parse the arguments of the history, and stumble over none.
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        return {"id": call_id, "type": "function", "function": function}

    def _id(self, call_id: str) -> str:
        return of_nine(call_id) if self._ids == "nine" else within(call_id, _ID_CHARS_MAX)

    def _note(self, part: Text) -> None:
        if part.cache is not None:
            self.dropped.append(CACHE_MARKS)
        if part.citations:
            self.dropped.append(CITATIONS)

    def _part(self, part: Part) -> Fields:
        render = _PARTS.get(type(part))
        if render is None:
            raise _placeless(part, "in a message of this role")
        fields = render(part, self._documents)
        if isinstance(part, Document) and part.cited:
            self.dropped.append(CITATIONS)
        mark = getattr(part, "cache", None)
        if mark is not None:
            if self._marks:
                fields[CACHE_MARKS] = {"type": "ephemeral", "ttl": mark.value}
            else:
                self.dropped.append(CACHE_MARKS)
        return fields


def _text(part: Text, _documents: str) -> Fields:
    return {"type": "text", "text": part.text}


def _image(part: Image, _documents: str) -> Fields:
    address: Fields = {"url": url_of(_reachable(part.source))}
    if part.detail is not None:
        address["detail"] = part.detail
    return {"type": "image_url", "image_url": address}


def _video(part: Video, _documents: str) -> Fields:
    return {"type": "video_url", "video_url": {"url": url_of(_reachable(part.source))}}


def _sound(part: Audio, _documents: str) -> Fields:
    source = part.source
    if not isinstance(source, Inline):
        raise refused("this model's provider takes no address of a sound: send its bytes", param="messages")
    media_type = source.media_type.partition(";")[0]
    form = _FORMATS.get(media_type, media_type.removeprefix("audio/"))
    return {"type": "input_audio", "input_audio": {"data": source.data, "format": form}}


def _document(part: Document, documents: str) -> Fields:
    source = _reachable(part.source)
    if isinstance(source, Inline) and source.media_type.partition(";")[0] == _PLAIN:
        return _plain_document(part, source)
    if part.context:
        raise refused(
            "this model's provider takes no `context` of a document: put it into a text beside it", param="messages"
        )
    if isinstance(source, Inline):
        return {"type": "file", "file": {"filename": part.title or "document", "file_data": url_of(source)}}
    if documents == "document_url":
        return {"type": "document_url", "document_url": source.url}
    if documents == "file_data":
        return {"type": "file", "file": {"filename": part.title or "document", "file_data": source.url}}
    raise refused("this model's provider takes no address of a document: send its bytes", param="messages")


def _plain_document(part: Document, source: Inline) -> Fields:
    """Return a document of plain text as what it is: providers that take files take pages, not text."""
    try:
        text = base64.b64decode(source.data).decode()
    except (binascii.Error, ValueError):
        raise refused("a document of `text/plain` must be UTF-8 in base64", param="messages") from None
    head = "\n".join(line for line in (part.title, part.context) if line)
    return {"type": "text", "text": f"{head}\n\n{text}" if head else text}


def _reachable(source: Inline | Url | FileId) -> Inline | Url:
    if isinstance(source, FileId):
        raise refused(
            "a file that was uploaded to one provider means nothing to another: send its bytes", param="messages"
        )
    return source


def _placeless(part: Part, where: str) -> Exception:
    what = type(part).__name__.lower()
    return refused(
        f"this model's provider has no place for a part of the kind {what} {where}: leave it out, or ask for another model",
        param="messages",
    )


_PARTS: Mapping[type[Part], Callable[[Any, str], Fields]] = {
    Text: _text,
    Image: _image,
    Video: _video,
    Audio: _sound,
    Document: _document,
}
