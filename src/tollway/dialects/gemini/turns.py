"""Messages on their way into the contents of a Gemini request. Knows no settings and no tools."""

from collections.abc import Mapping
from typing import cast

import msgspec
from msgspec import Raw

from tollway.dialects.body import refused
from tollway.dialects.gemini.calls import as_object, is_object
from tollway.dialects.gemini.contents import ERROR_WORD, FILES, RESULT_WORDS
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
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from tollway.neutral.request import (
    CACHE_MARKS,
    IMAGE_DETAIL,
    PARTICIPANT_NAME,
    SEALED_REASONING,
    ChatRequest,
    Message,
    Role,
    in_order_of_calls,
    names_of_calls,
)

_ENCODE = msgspec.json.Encoder().encode
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])

UNSEALED = "skip_thought_signature_validator"
"""What Google documents as the signature of a call that another model made: models with levels refuse one without."""

OPENING = "(The conversation begins with the assistant's words.)"
"""What the user is made to say where a client cut a conversation so that it begins with a call, which Gemini refuses."""

_Item = dict[str, object]

_ENDINGS: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "csv": "text/csv",
    "html": "text/html",
    "md": "text/markdown",
    "json": "application/json",
}
"""What an address is, by its ending, where the client does not say it."""

_SPELLED = {"image/jpg": "image/jpeg"}
"""Names that are no media types, and that clients use."""

_KINDS: Mapping[type[Part], str] = {
    Image: "image/jpeg",
    Audio: "audio/mpeg",
    Video: "video/mp4",
    Document: "application/pdf",
}
"""And what it is taken for where the ending says nothing: the field must not be empty."""


class Turns:
    """Writes messages in order; neighbours of one role become one content."""

    def __init__(self, request: ChatRequest, edits: RequestEdits) -> None:
        """Take the request, and what its provider varies."""
        self.contents: list[_Item] = []
        self._last: list[_Item] = []
        self.system: list[str] = []
        self.dropped: list[str] = []
        self._names = names_of_calls(request.messages)
        self._issuer = edits.issuer
        self._ids = edits.options.get("call_ids") == "kept"
        self._beside = edits.options.get("result_media", "beside") == "beside"
        self._sealed_calls = edits.options.get("thinking") == "level"
        for message in in_order_of_calls(request.messages):
            self._take(message)
        if not self.contents and self.system:
            self._put("user", [{"text": "\n\n".join(self.system)}])  # contents must not be empty
            self.system.clear()
        if not self.contents:
            raise refused("`messages` must hold a message that says something", param="messages")
        if any("functionCall" in item for item in self._first_of_model()):
            self.contents.insert(0, {"role": "user", "parts": [{"text": OPENING}]})

    def _take(self, message: Message) -> None:
        if message.name is not None:
            self.dropped.append(PARTICIPANT_NAME)
        if message.role is Role.SYSTEM:
            for part in message.parts:
                if not isinstance(part, Text):
                    raise refused("Gemini takes nothing but text as instructions: leave the rest out", param="messages")
                self._mark(part)
                if part.text.strip():
                    self.system.append(part.text)
        elif message.role is Role.ASSISTANT:
            self._put("model", self._spoken(message))
        else:
            self._put("user", [item for part in message.parts for item in self._heard(part)])

    def _first_of_model(self) -> list[_Item]:
        """Return what the model said before anybody else."""
        first = self.contents[0]
        return cast("list[_Item]", first["parts"]) if first["role"] == "model" else []

    def _put(self, role: str, items: list[_Item]) -> None:
        if not items:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self._last += items
        else:
            self._last = items
            self.contents.append({"role": role, "parts": items})

    def _mark(self, part: Part) -> None:
        if getattr(part, "cache", None) is not None:
            self.dropped.append(CACHE_MARKS)

    def _spoken(self, message: Message) -> list[_Item]:
        """Return what the model said: a seal without text belongs to what comes right after it."""
        items: list[_Item] = []
        seal: str | None = None
        called = False
        for part in message.parts:
            self._mark(part)
            if isinstance(part, Reasoning):
                own = self._own_seal(part)
                if own is None:
                    continue
                if seal is not None:
                    items.append(_lone(seal))
                seal = None if part.text else own
                if part.text:
                    items.append({"text": part.text, "thought": True, "thoughtSignature": own})
                continue
            for item in [self._call(part)] if isinstance(part, ToolCall) else self._plain(part):
                if isinstance(part, ToolCall):
                    if seal is None and self._sealed_calls and not called:
                        seal = UNSEALED
                    called = True
                if seal is not None:
                    item["thoughtSignature"], seal = seal, None
                items.append(item)
        if seal is not None:
            items.append(_lone(seal))
        return items

    def _own_seal(self, part: Reasoning) -> str | None:
        if part.sealed is None:
            return None
        if part.sealed.issuer is None or part.sealed.issuer != self._issuer:
            self.dropped.append(SEALED_REASONING)
            return None
        return part.sealed.data

    def _call(self, part: ToolCall) -> _Item:
        call: _Item = {"name": part.name, "args": as_object(part.arguments)}
        return {"functionCall": {"id": part.id, **call} if self._ids else call}

    def _plain(self, part: Part) -> list[_Item]:
        match part:
            case Text() | Declined():
                return [{"text": part.text}] if part.text else []
            case Image():
                if part.detail is not None:
                    self.dropped.append(IMAGE_DETAIL)
                return [self._medium(part, part.source)]
            case Audio() | Video():
                return [self._medium(part, part.source)]
            case Document():
                return self._document(part)
            case _:
                raise refused("Gemini has no place for this part in this role", param="messages")

    def _heard(self, part: Part) -> list[_Item]:
        self._mark(part)
        return self._result(part) if isinstance(part, ToolResult) else self._plain(part)

    def _document(self, part: Document) -> list[_Item]:
        if part.cited:
            self.dropped.append("citations")
        if part.title is not None:
            self.dropped.append("title")
        context: list[_Item] = [{"text": part.context}] if part.context else []
        return [*context, self._medium(part, part.source)]

    def _medium(self, part: Part, source: Source) -> _Item:
        if isinstance(source, Inline):
            media_type = _SPELLED.get(source.media_type, source.media_type)
            return {"inlineData": {"mimeType": media_type, "data": source.data}}
        if isinstance(source, FileId):
            if not (source.id.startswith("gs://") or FILES in source.id):
                raise refused(
                    "a file that was uploaded elsewhere means nothing to this provider: send its bytes or an address",
                    param="messages",
                )
            return {"fileData": {"fileUri": source.id}}
        if not source.url.startswith("https://"):
            raise refused("Gemini fetches from https addresses alone: send the bytes instead", param="messages")
        ending = source.url.partition("?")[0].partition("#")[0].rpartition(".")[2].lower()
        media_type = source.media_type or _ENDINGS.get(ending) or _KINDS[type(part)]
        return {"fileData": {"mimeType": media_type, "fileUri": source.url}}

    def _result(self, part: ToolResult) -> list[_Item]:
        name = part.name or self._names.get(part.call_id)
        if name is None:
            raise refused(f"no call in the conversation has the id {part.call_id!r} of this result", param="messages")
        text = "\n".join(each.text for each in part.parts if isinstance(each, Text | Declined))
        media = [item for each in part.parts if not isinstance(each, Text | Declined) for item in self._heard(each)]
        response: _Item = {"name": name, "response": _response(text, part)}
        if self._ids:
            response["id"] = part.call_id
        if media and not self._beside:
            response["parts"] = media
            media = []
        return [{"functionResponse": response}, *media]


def _lone(seal: str) -> _Item:
    """Return the seal of something that has no part of its own, as Google sends one behind the last text."""
    return {"text": "", "thoughtSignature": seal}


def _response(text: str, part: ToolResult) -> object:
    """Return what a function said as an object: its own, or one with Google's words for output and error."""
    if part.failed:
        return {ERROR_WORD: text}
    if not is_object(text):
        return {RESULT_WORDS[0]: text}
    said = _MEMBERS.decode(text)
    if not said or (len(said) == 1 and next(iter(said)) in (*RESULT_WORDS, ERROR_WORD)):
        return {RESULT_WORDS[0]: text}
    return Raw(text.encode())
