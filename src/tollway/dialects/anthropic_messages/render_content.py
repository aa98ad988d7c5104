"""Parts of a conversation as content blocks of Messages. Knows no provider.

What this dialect has no block for is refused; what only tunes, and seals of others, is left out and named.
"""

import base64
import binascii
from collections.abc import Iterable

from tollway.dialects.anthropic_messages.arguments import as_object, known_id
from tollway.dialects.anthropic_messages.fields import refused
from tollway.neutral.parts import (
    Audio,
    CacheMark,
    Declined,
    Document,
    Image,
    Inline,
    Part,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from tollway.neutral.request import IMAGE_DETAIL, SEALED_REASONING

PICTURES = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp"))
"""Media types of pictures that the API reads."""

CITATIONS = "citations"
"""How a warning calls citations of an earlier answer: the API takes back only its own, with marks of its own in them."""

FAILED = "The tool failed and said nothing."
"""What the result of a failed tool says where the client has no words for it: the API refuses an empty one."""

_SPELLED = {"image/jpg": "image/jpeg"}
"""Names that are no media types, and that clients use."""

_PDF, _TEXT = "application/pdf", "text/"

Block = dict[str, object]


class Blocks:
    """Renders parts for one provider, and remembers what it left out."""

    def __init__(self, *, issuer: str, dropped: list[str]) -> None:
        """Take the provider's name, and where to put the names of what is left out."""
        self._issuer = issuer
        self._dropped = dropped

    def rendered(self, parts: Iterable[Part]) -> list[Block]:
        """Return the blocks of a message; texts without a letter, which the API refuses, are none."""
        return [block for part in parts if (block := self._block(part)) is not None]

    def _block(self, part: Part) -> Block | None:
        match part:
            case Text() | Declined():
                return self._text(part)
            case Reasoning():
                return self._reasoning(part)
            case ToolCall():
                return _call(part)
            case ToolResult():
                return self._result(part)
            case Image() | Document():
                return self._medium(part)
            case _:
                raise _no_place("a sound" if isinstance(part, Audio) else "a film")

    def _text(self, part: Text | Declined) -> Block | None:
        if not part.text.strip():
            return None
        if isinstance(part, Declined):
            return {"type": "text", "text": part.text}
        if part.citations:
            self._dropped.append(CITATIONS)
        return with_mark({"type": "text", "text": part.text}, part.cache)

    def _reasoning(self, part: Reasoning) -> Block | None:
        sealed = part.sealed
        if sealed is None:
            return None
        if sealed.issuer != self._issuer:
            self._dropped.append(SEALED_REASONING)
            return None
        if sealed.whole:
            return {"type": "redacted_thinking", "data": sealed.data}
        return {"type": "thinking", "thinking": part.text, "signature": sealed.data}

    def _result(self, part: ToolResult) -> Block:
        block: Block = {"type": "tool_result", "tool_use_id": known_id(part.call_id)}
        content = self.rendered(part.parts)
        if content:
            block["content"] = content
        if part.failed:
            block["is_error"] = True
            block.setdefault("content", FAILED)
        return with_mark(block, part.cache)

    def _medium(self, part: Image | Document) -> Block:
        if isinstance(part, Document):
            return _document(part)
        if part.detail is not None:
            self._dropped.append(IMAGE_DETAIL)
        return with_mark({"type": "image", "source": _picture(part.source)}, part.cache)


def with_mark(block: Block, cache: CacheMark | None) -> Block:
    """Return a block with its mark; the shorter time is the API's own default, and needs no saying."""
    if cache is not None:
        block["cache_control"] = (
            {"type": "ephemeral"} if cache is CacheMark.MINUTES else {"type": "ephemeral", "ttl": cache.value}
        )
    return block


def _call(part: ToolCall) -> Block:
    if part.custom:
        raise _no_place(f"a call of `{part.name}`, a tool whose input is plain text,")
    return with_mark(
        {"type": "tool_use", "id": known_id(part.id), "name": part.name, "input": as_object(part.arguments)}, part.cache
    )


def _picture(source: Source) -> Block:
    match source:
        case Inline():
            media_type = source.media_type.lower()
            media_type = _SPELLED.get(media_type, media_type)
            if media_type not in PICTURES:
                raise refused(
                    f"a picture of type `{media_type[:100]}` cannot be carried: this model's provider reads "
                    f"{', '.join(sorted(PICTURES))}",
                    param="messages",
                )
            return {"type": "base64", "media_type": media_type, "data": source.data}
        case Url():
            return {"type": "url", "url": source.url}
        case _:
            raise _no_file()


def _document(part: Document) -> Block:
    block: Block = {"type": "document", "source": _paper(part.source)}
    if part.title is not None:
        block["title"] = part.title
    if part.context is not None:
        block["context"] = part.context
    if part.cited:
        block["citations"] = {"enabled": True}
    return with_mark(block, part.cache)


def _paper(source: Source) -> Block:
    match source:
        case Inline(media_type="application/pdf"):
            return {"type": "base64", "media_type": _PDF, "data": source.data}
        case Inline(media_type=media_type):
            if not media_type.startswith(_TEXT):
                raise refused(
                    f"a document of type `{media_type[:100]}` cannot be carried: this model's provider reads PDF and text",
                    param="messages",
                )
            return {"type": "text", "media_type": "text/plain", "data": _decoded(source.data)}
        case Url():
            return {"type": "url", "url": source.url}
        case _:
            raise _no_file()


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError):  # not base64, or not UTF-8
        raise refused("a text document must be base64 of UTF-8", param="messages") from None


def _no_place(what: str) -> Exception:
    return refused(
        f"{what} cannot be carried to this model's provider: ask for a model whose provider takes it, or leave it out",
        param="messages",
    )


def _no_file() -> Exception:
    return refused(
        "a file that was uploaded to one provider means nothing to another: send it inline or as a URL",
        param="messages",
    )
