"""Messages as Cohere takes them: what each part becomes, and what has no place. Pure."""

from base64 import b64decode

from tollway.dialects.cohere_chat.words import DOCUMENT_ID
from tollway.dialects.data_url import url_of
from tollway.errors import Refusal
from tollway.neutral.parts import (
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
)
from tollway.neutral.request import CACHE_MARKS, PARTICIPANT_NAME, SEALED_REASONING, Message, Role, results_behind_calls

Fields = dict[str, object]

TOOL_FAILED = "is_error"
"""How a warning calls the mark of a tool's failure, which has no place."""

READ_AS_TEXT = frozenset(("application/json", "application/xml"))
"""Documents of these types, and of all that begin with `text/`, are text: Cohere takes no other."""

TOOL_PLAN = "tool_plan"
THINKING = "thinking"


def refused(message: str, param: str) -> Refusal:
    """Return the refusal of what has no place."""
    return Refusal("invalid_request", message, param=param)


class ContentWriter:
    """The content of one request; keeps its documents, and what was left out of it."""

    def __init__(self, *, reasoning_history: str) -> None:
        """Take where the reasoning of former turns goes: TOOL_PLAN, THINKING, or nowhere."""
        self._reasoning_history = reasoning_history
        self.documents: list[Fields] = []
        self.dropped: list[str] = []

    def messages(self, messages: tuple[Message, ...]) -> list[Fields]:
        """Return the conversation."""
        written: list[Fields] = []
        for message in results_behind_calls(messages):
            if message.name is not None:
                self.dropped.append(PARTICIPANT_NAME)
            if message.role is Role.TOOL:
                written += [self._result(part) for part in message.parts if isinstance(part, ToolResult)]
            elif message.role is Role.ASSISTANT:
                written.append(self._assistant(message))
            else:
                written += self._asked(message)
        return written

    def _asked(self, message: Message) -> list[Fields]:
        """Return a user's or a system message; results of tools that stand in it become messages of their own, before it."""
        results = [self._result(part) for part in message.parts if isinstance(part, ToolResult)]
        pieces = [piece for part in message.parts for piece in self._piece(part)]
        if not pieces and len(message.parts) == len(results) > 0:
            return results
        return [*results, {"role": message.role.value, "content": _content(pieces)}]

    def _assistant(self, message: Message) -> Fields:
        pieces: list[Fields] = []
        calls: list[Fields] = []
        thoughts: list[str] = []
        for part in message.parts:
            if isinstance(part, ToolCall):
                self._mark(part)
                if part.custom:
                    raise refused(
                        f"a call of `{part.name}`, whose input is plain text, has no place with this model's provider",
                        "messages",
                    )
                function = {"name": part.name, "arguments": part.arguments or "{}"}
                calls.append({"id": part.id, "type": "function", "function": function})
            elif isinstance(part, Reasoning):
                if part.sealed is not None:
                    self.dropped.append(SEALED_REASONING)
                thoughts.append(part.text)
            else:
                pieces += self._piece(part)
        thought = "".join(thoughts)
        if thought and self._reasoning_history == THINKING:
            pieces.insert(0, {"type": "thinking", "thinking": thought})
        written: Fields = {"role": "assistant"}
        if pieces or not calls:
            written["content"] = _content(pieces)
        if calls:
            written["tool_calls"] = calls
            if thought and self._reasoning_history == TOOL_PLAN:
                written["tool_plan"] = thought
        return written

    def _piece(self, part: Part) -> list[Fields]:
        match part:
            case Text():
                self._mark(part)
                return [{"type": "text", "text": part.text}] if part.text else []
            case Declined():
                return [{"type": "text", "text": part.text}]
            case Image():
                self._mark(part)
                return [{"type": "image_url", "image_url": _image(part)}]
            case Document():
                self._mark(part)
                self.documents.append(_document(part, len(self.documents)))
                return []
            case ToolResult() | Reasoning():
                return []
            case _:
                kind = type(part).__name__.lower()
                raise refused(f"this model's provider takes no {kind} here: send text or images", "messages")

    def _result(self, part: ToolResult) -> Fields:
        self._mark(part)
        if part.failed:
            self.dropped.append(TOOL_FAILED)
        pieces: list[Fields] = []
        for inner in part.parts:
            if isinstance(inner, Text):
                self._mark(inner)
                pieces.append({"type": "text", "text": inner.text})
            elif isinstance(inner, Document):
                self._mark(inner)
                document = _document(inner, 0)
                document["id"] = f"{part.call_id}:{len(pieces)}"
                pieces.append({"type": "document", "document": document})
            else:
                raise refused(
                    "a tool result can hold text and text documents only for this model's provider", "messages"
                )
        return {"role": "tool", "tool_call_id": part.call_id, "content": _content(pieces)}

    def _mark(self, part: Text | Image | Document | ToolCall | ToolResult) -> None:
        if part.cache is not None:
            self.dropped.append(CACHE_MARKS)


def _content(pieces: list[Fields]) -> object:
    """Return text alone as a string, anything else as a list."""
    if not pieces:
        return ""
    if len(pieces) == 1 and pieces[0]["type"] == "text":
        return pieces[0]["text"]
    return pieces


def _image(part: Image) -> Fields:
    if isinstance(part.source, FileId):
        raise refused(
            "this model's provider has no files of yours: send the image inline or by its address", "messages"
        )
    image: Fields = {"url": url_of(part.source)}
    if part.detail is not None:
        image["detail"] = part.detail
    return image


def _document(part: Document, number: int) -> Fields:
    source = part.source
    media_type = source.media_type.partition(";")[0].strip().lower() if isinstance(source, Inline) else ""
    if not isinstance(source, Inline) or not (media_type.startswith("text/") or media_type in READ_AS_TEXT):
        raise refused("this model's provider reads documents of plain text only: send the document's text", "messages")
    try:
        text = b64decode(source.data, validate=True).decode("utf-8")
    except ValueError:
        raise refused("a document is not UTF-8 text in base64", "messages") from None
    data = {"text": text}
    if part.title is not None:
        data["title"] = part.title
    if part.context is not None:
        data["context"] = part.context
    return {"id": f"{DOCUMENT_ID}{number}", "data": data}
