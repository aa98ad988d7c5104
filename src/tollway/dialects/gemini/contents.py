"""The contents of a client's Gemini request on their way into messages. Knows no settings and no tools."""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import cast

import msgspec

from tollway.dialects.body import refused
from tollway.dialects.gemini import sealing
from tollway.dialects.gemini.calls import made_id
from tollway.dialects.gemini.fields import Fields
from tollway.dialects.gemini.reader import output_text, program_text
from tollway.neutral.parts import (
    Audio,
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
    Url,
    Video,
)
from tollway.neutral.request import Message, Role

_ENCODE = msgspec.json.Encoder().encode

FILES = "/files/"
"""What the address of an uploaded file has in it: nobody but the provider can fetch it."""

RESULT_WORDS = ("output", "result")
"""The members that hold what a function put out, where one stands alone."""
ERROR_WORD = "error"


class _Waiting:
    """The calls without a result, in order; found without a search, for there may be many."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, str] | None] = []
        self._by_id: defaultdict[str, deque[int]] = defaultdict(deque)
        self._by_name: defaultdict[str, deque[int]] = defaultdict(deque)

    def add(self, call_id: str, name: str) -> None:
        self._by_id[call_id].append(len(self._calls))
        self._by_name[name].append(len(self._calls))
        self._calls.append((call_id, name))

    def take(self, call_id: str | None, name: str) -> tuple[str, str] | None:
        """Return id and name of the first call of this id, else of this name, which waits no longer."""
        return self._first(self._by_id.get(call_id or "")) or self._first(self._by_name.get(name))

    def _first(self, places: deque[int] | None) -> tuple[str, str] | None:
        while places:
            place = places.popleft()
            call, self._calls[place] = self._calls[place], None
            if call is not None:
                return call
        return None


class Conversation:
    """Reads contents in order and remembers which calls wait for their result."""

    def __init__(self) -> None:
        """Start at the beginning."""
        self.knobs: dict[str, object] = {}
        self._turns: list[tuple[Role, list[Part]]] = []
        self._waiting = _Waiting()
        self._calls = 0
        self._joins = False
        """The next part belongs to the content of the last one."""

    @property
    def messages(self) -> list[Message]:
        """What has been said."""
        return [Message(role=role, parts=tuple(parts)) for role, parts in self._turns]

    def take(self, content: Fields) -> None:
        """Read one content: results of functions become messages of their own."""
        role = content.text("role") or "user"
        says = {"user": Role.USER, "model": Role.ASSISTANT, "function": Role.USER, "tool": Role.USER}.get(role)
        if says is None:
            raise refused(f"`{content.at('role')}` must be user or model", param=content.at("role"))
        self._joins = False
        for part in content.objects("parts"):
            for read in self._part(part):
                self._add(Role.TOOL if isinstance(read, ToolResult) else says, read)

    def _add(self, role: Role, part: Part) -> None:
        """Put a part behind the others of its message, or begin one."""
        if self._joins and self._turns[-1][0] is role:
            self._turns[-1][1].append(part)
        else:
            self._turns.append((role, [part]))
        self._joins = True

    def _part(self, part: Fields) -> list[Part]:
        thought, signature = part.flag("thought") is True, part.text("thoughtSignature")
        sealed = None if not signature else sealing.read(signature)
        if thought:
            text = part.text("text") or ""
            self._rest(part)
            return [Reasoning(text=text, sealed=sealed)] if text or sealed is not None else []
        before: list[Part] = [] if sealed is None else [Reasoning(sealed=sealed)]
        for name, read in _READERS.items():
            value = part.take(name)
            if value is not None:
                found = read(self, value, part.at(name))
                self._rest(part)
                return [*before, found]
        text = part.text("text")
        self._rest(part)
        return [*before, Text(text=text)] if text else before

    def _rest(self, part: Fields) -> None:
        """Keep what only tunes; refuse what nobody understood."""
        media = part.take("mediaResolution")
        if media is not None:
            self.knobs["mediaResolution"] = media
        part.take("partMetadata")
        for name in part.left():
            raise refused(
                f"`{part.at(name)}` cannot be carried to another dialect: ask for a model whose provider speaks "
                f"Gemini's, or leave it out",
                param=part.at(name),
            )

    def call(self, value: object, path: str) -> Part:
        """Read a call; one without id gets one."""
        fields = Fields(value, path)
        name = fields.text("name")
        if not name:
            raise refused(f"`{path}.name` must name a function", param=f"{path}.name")
        arguments = _ENCODE(_members(fields.take("args"), f"{path}.args")).decode()
        call_id = fields.text("id") or made_id("", self._calls, (name, arguments))
        self._calls += 1
        self._waiting.add(call_id, name)
        return ToolCall(id=call_id, name=name, arguments=arguments)

    def result(self, value: object, path: str) -> Part:
        """Read the result of a call: by its id, else of the first of that name that has none yet."""
        fields = Fields(value, path)
        name, given = fields.text("name") or "", fields.text("id")
        found = self._waiting.take(given, name)
        if found is None:
            raise refused(f"`{path}` answers no function call that stands before it", param=path)
        failed, parts = _response(_members(fields.take("response"), f"{path}.response"))
        parts += [self._media(each) for each in fields.objects("parts")]
        return ToolResult(call_id=found[0], name=found[1], parts=tuple(parts), failed=failed)

    def _media(self, part: Fields) -> Part:
        for name in ("inlineData", "fileData"):
            value = part.take(name)
            if value is not None:
                self._rest(part)
                return _READERS[name](self, value, part.at(name))
        raise refused(f"`{part.path}` must have `inlineData` or `fileData`", param=part.path)

    def inline(self, value: object, path: str) -> Part:
        """Read bytes that stand in the request."""
        fields = Fields(value, path)
        media_type, data = fields.text("mimeType"), fields.text("data")
        if not media_type or data is None:
            raise refused(f"`{path}` must have `mimeType` and `data`", param=path)
        return _medium(Inline(media_type=media_type, data=_standard(data)), media_type, fields.text("displayName"))

    def file(self, value: object, path: str) -> Part:
        """Read an address, or the name of an uploaded file."""
        fields = Fields(value, path)
        media_type, uri = fields.text("mimeType"), fields.text("fileUri")
        if not uri:
            raise refused(f"`{path}.fileUri` must be an address", param=f"{path}.fileUri")
        source = Url(url=uri, media_type=media_type) if is_public(uri) else FileId(id=uri)
        return _medium(source, media_type or "", fields.text("displayName"))

    def program(self, value: object, path: str) -> Part:
        """Read a program that the provider ran, as the text it becomes elsewhere."""
        fields = Fields(value, path)
        return Text(text=program_text(fields.text("language"), fields.text("code")))

    def outcome(self, value: object, path: str) -> Part:
        """Read what such a program put out."""
        return Text(text=output_text(Fields(value, path).text("output")))


def _standard(data: str) -> str:
    """Return base64 in the alphabet that every dialect reads: Google's own client writes the one for addresses."""
    return data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4)


_READERS: dict[str, Callable[[Conversation, object, str], Part]] = {
    "functionCall": Conversation.call,
    "functionResponse": Conversation.result,
    "inlineData": Conversation.inline,
    "fileData": Conversation.file,
    "executableCode": Conversation.program,
    "codeExecutionResult": Conversation.outcome,
}


def is_public(uri: str) -> bool:
    """Tell whether anybody may fetch an address: the web, but no file that was uploaded to the provider."""
    return uri.startswith(("https://", "http://")) and FILES not in uri


def _members(value: object, path: str) -> dict[str, object]:
    """Return an object as it is, nulls included."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refused(f"`{path}` must be an object", param=path)
    return cast(dict[str, object], value)


def _medium(source: Source, media_type: str, title: str | None) -> Part:
    kind = media_type.partition("/")[0]
    if kind == "image":
        return Image(source=source)
    if kind == "audio":
        return Audio(source=source)
    if kind == "video":
        return Video(source=source)
    return Document(source=source, title=title)


def _response(said: dict[str, object]) -> tuple[bool, list[Part]]:
    """Return whether a function failed, and what it said."""
    if len(said) == 1:
        name, value = next(iter(said.items()))
        if name in RESULT_WORDS or name == ERROR_WORD:
            text = value if isinstance(value, str) else _ENCODE(value).decode()
            return name == ERROR_WORD, [Text(text=text)]
    return False, [Text(text=_ENCODE(said).decode())] if said else []
