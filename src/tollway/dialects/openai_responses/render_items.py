"""Messages of the neutral form as input items of a Responses request. Knows no provider by name."""

from collections.abc import Callable

from tollway.dialects.body import refused
from tollway.dialects.call_ids import within
from tollway.dialects.data_url import url_of
from tollway.dialects.openai_responses.sealing import unpacked
from tollway.dialects.openai_responses.wire import annotation_of
from tollway.dialects.openai_responses.words import AUDIO_FORMATS, FILE_NAMES, ROLE_WORDS
from tollway.errors import Refusal
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
)
from tollway.neutral.request import CACHE_MARKS, PARTICIPANT_NAME, SEALED_REASONING, Message, Role

Fields = dict[str, object]

_ID_CHARS_MAX = 64
FAILED_RESULT = "is_error"
"""How a warning calls that a tool's result is its failure, which the text says as well, and only the text here."""
CITED = "citations"
"""The same for the wish that a document be cited."""


class Items:
    """The input of one request while it is written."""

    def __init__(self, issuer: str) -> None:
        """Take the provider's name: seals of any other are left out."""
        self.fields: list[Fields] = []
        self.dropped: list[str] = []
        self._issuer = issuer
        self._custom: set[str] = set()
        self._words: list[Fields] | None = None
        """The content of the model's message that is open."""

    def add(self, message: Message) -> None:
        """Write one message."""
        if message.name is not None:
            self.dropped.append(PARTICIPANT_NAME)
        if any(_marked(part) for part in message.parts):
            self.dropped.append(CACHE_MARKS)
        self._words = None
        if message.role in ROLE_WORDS:
            content = [each for part in message.parts for each in self._content(part)]
            self.fields.append({"type": "message", "role": ROLE_WORDS[message.role], "content": content})
            return
        for part in message.parts:
            self._add_part(part)

    def _add_part(self, part: Part) -> None:
        match part:
            case Text():
                found = (annotation_of(each, until=len(part.text)) for each in part.citations)
                annotations = [each for each in found if each is not None]
                self._say({"type": "output_text", "text": part.text, "annotations": annotations})
            case Declined():
                self._say({"type": "refusal", "refusal": part.text})
            case ToolCall():
                self._call(part)
            case ToolResult():
                self._result(part)
            case Reasoning():
                self._think(part)
            case _:
                raise no_place(part)

    def _say(self, part: Fields) -> None:
        if self._words is None:
            self._words = []
            self.fields.append({"type": "message", "role": "assistant", "content": self._words})
        self._words.append(part)

    def _call(self, part: ToolCall) -> None:
        self._words = None
        if part.custom:
            self._custom.add(part.id)
        kind, name = ("custom_tool_call", "input") if part.custom else ("function_call", "arguments")
        written = part.arguments if part.custom else part.arguments or "{}"
        call_id = within(part.id, _ID_CHARS_MAX)
        self.fields.append({"type": kind, "call_id": call_id, "name": part.name, name: written})

    def _result(self, part: ToolResult) -> None:
        if part.failed:
            self.dropped.append(FAILED_RESULT)
        content = [each for held in part.parts for each in self._content(held)]
        plain = len(content) == 1 and content[0]["type"] == "input_text"
        kind = "custom_tool_call_output" if part.call_id in self._custom else "function_call_output"
        output = content[0]["text"] if plain else content
        self.fields.append({"type": kind, "call_id": within(part.call_id, _ID_CHARS_MAX), "output": output or ""})

    def _think(self, part: Reasoning) -> None:
        self._words = None
        sealed = part.sealed
        if sealed is None:
            return
        if sealed.issuer != self._issuer:
            self.dropped.append(SEALED_REASONING)
            return
        item_id, encrypted = unpacked(sealed.data)
        item: Fields = {"type": "reasoning", "summary": [], "encrypted_content": encrypted}
        if item_id is not None:
            item["id"] = item_id
        if part.text:
            item["summary"] = [{"type": "summary_text", "text": part.text}]
        self.fields.append(item)

    def _content(self, part: Part) -> list[Fields]:
        if isinstance(part, Document) and part.cited:
            self.dropped.append(CITED)
        write = _CONTENT.get(type(part))
        if write is None:
            raise no_place(part)
        return write(part)


def _marked(part: Part) -> bool:
    if isinstance(part, ToolResult) and any(_marked(held) for held in part.parts):
        return True
    return getattr(part, "cache", None) is not None


def no_place(part: Part) -> Refusal:
    """Return the refusal of a part."""
    kind = type(part).__name__.lower()
    return refused(
        f"this model's provider takes no {kind} where one stands in the messages: leave it out", param="messages"
    )


def _text(part: Text) -> list[Fields]:
    return [{"type": "input_text", "text": part.text}]


def _image(part: Image) -> list[Fields]:
    return [{"type": "input_image", "image_url": _address(part.source), "detail": part.detail or "auto"}]


def _document(part: Document) -> list[Fields]:
    context: list[Fields] = [] if part.context is None else [{"type": "input_text", "text": part.context}]
    if isinstance(part.source, Inline):
        name = part.title or FILE_NAMES.get(part.source.media_type, "document")
        return [*context, {"type": "input_file", "filename": name, "file_data": _address(part.source)}]
    return [*context, {"type": "input_file", "file_url": _address(part.source)}]


def _audio(part: Audio) -> list[Fields]:
    source = part.source
    if not isinstance(source, Inline) or source.media_type not in AUDIO_FORMATS:
        raise refused("this model's provider takes audio as WAV or MP3 inside the request only", param="messages")
    sound = {"data": source.data, "format": AUDIO_FORMATS[source.media_type]}
    return [{"type": "input_audio", "input_audio": sound}]


def _address(source: Source) -> str:
    if isinstance(source, FileId):
        raise refused(
            f"the file {source.id[:60]} is known only where it was uploaded: send its bytes or its address",
            param="messages",
        )
    return url_of(source)


_CONTENT: dict[type[Part], Callable[..., list[Fields]]] = {
    Text: _text,
    Image: _image,
    Document: _document,
    Audio: _audio,
}


def instructions_of(messages: tuple[Message, ...]) -> tuple[str | None, tuple[Message, ...]]:
    """Return what the first system messages say, joined, and the other messages; None where they are more than text."""
    texts: list[str] = []
    for place, message in enumerate(messages):
        plain = [part.text for part in message.parts if isinstance(part, Text) and part.cache is None]
        if message.role is not Role.SYSTEM or message.name is not None or len(plain) != len(message.parts):
            return "\n\n".join(texts) if texts else None, messages[place:]
        texts.append("".join(plain))
    return None, messages
