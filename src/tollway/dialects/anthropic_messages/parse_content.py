"""Content blocks of a Messages request, read into parts. Knows no provider."""

import base64
from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.anthropic_messages.arguments import as_text
from tollway.dialects.anthropic_messages.fields import decoded, elsewhere
from tollway.dialects.anthropic_messages.parse_answer import citations_of
from tollway.neutral.parts import (
    CacheMark,
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
)
from tollway.neutral.seals import UNSEALED, unmarked

PLAIN_TEXT, PDF = "text/plain", "application/pdf"

_Filled = Annotated[str, Meta(min_length=1)]


class Cache(Struct):
    """A mark on what a provider is to keep."""

    type: str
    ttl: CacheMark = CacheMark.MINUTES


class _Cited(Struct):
    enabled: bool = False


class _Kind(Struct):
    type: str


class _Text(Struct):
    text: str
    cache_control: Cache | None = None
    citations: list[Raw] | None = None


class _Source(Struct):
    type: str
    media_type: _Filled | None = None
    data: str | None = None
    url: _Filled | None = None
    file_id: _Filled | None = None
    content: Raw | UnsetType = UNSET


class _Image(Struct):
    source: _Source
    cache_control: Cache | None = None


class _Document(Struct):
    source: _Source
    title: str | None = None
    context: str | None = None
    citations: _Cited | None = None
    cache_control: Cache | None = None


class _SearchResult(Struct):
    source: str
    title: str
    content: list[_Text]
    citations: _Cited | None = None
    cache_control: Cache | None = None


class _ToolUse(Struct):
    id: _Filled
    name: _Filled
    input: dict[str, Raw]
    cache_control: Cache | None = None


class _Input(Struct):
    input: Raw


class _ToolResult(Struct):
    tool_use_id: _Filled
    content: Raw | UnsetType = UNSET
    is_error: bool | None = None
    cache_control: Cache | None = None


class _Thinking(Struct):
    thinking: str
    signature: str | None = None


class _Redacted(Struct):
    data: _Filled


_KIND = msgspec.json.Decoder(_Kind)
_TEXT = msgspec.json.Decoder(_Text)
_IMAGE = msgspec.json.Decoder(_Image)
_DOCUMENT = msgspec.json.Decoder(_Document)
_SEARCH_RESULT = msgspec.json.Decoder(_SearchResult)
_TOOL_USE = msgspec.json.Decoder(_ToolUse)
_INPUT = msgspec.json.Decoder(_Input)
_TOOL_RESULT = msgspec.json.Decoder(_ToolResult)
_THINKING = msgspec.json.Decoder(_Thinking)
_REDACTED = msgspec.json.Decoder(_Redacted)
_CONTENT = msgspec.json.Decoder(str | list[Raw])


def parts_of(content: Raw, place: str) -> tuple[Part, ...]:
    """Return the parts of a string or of an array of blocks; raises Refusal that names the place."""
    found = decoded(content, _CONTENT, place)
    if isinstance(found, str):
        return (Text(text=found),)
    return tuple(_part(block, f"{place}[{at}]") for at, block in enumerate(found))


def mark_of(cache: Cache | None) -> CacheMark | None:
    """Return how long a provider is to keep what stands before the mark."""
    return None if cache is None else cache.ttl


def _part(block: Raw, place: str) -> Part:
    kind = decoded(block, _KIND, place).type
    read = _PARTS.get(kind)
    if read is None:
        raise elsewhere(f"a content block of type `{kind[:100]}` (`{place}`)", param=place.partition("[")[0])
    return read(block, place)


def _text(block: Raw, place: str) -> Part:
    said = decoded(block, _TEXT, place)
    return Text(text=said.text, cache=mark_of(said.cache_control), citations=citations_of(said.citations))


def _image(block: Raw, place: str) -> Part:
    said = decoded(block, _IMAGE, place)
    return Image(source=_source(said.source, f"{place}.source"), cache=mark_of(said.cache_control))


def _document(block: Raw, place: str) -> Part:
    said = decoded(block, _DOCUMENT, place)
    return Document(
        source=_source(said.source, f"{place}.source"),
        title=said.title,
        context=said.context,
        cited=said.citations is not None and said.citations.enabled,
        cache=mark_of(said.cache_control),
    )


def _source(said: _Source, place: str) -> Source:
    match said:
        case _Source(type="base64", media_type=str(media_type), data=str(data)):
            return Inline(media_type=media_type, data=data)
        case _Source(type="text", data=str(data)):
            return _plain(data)
        case _Source(type="url", url=str(url)):
            return Url(url=url)
        case _Source(type="file", file_id=str(file_id)):
            return FileId(id=file_id)
        case _Source(type="content", content=Raw() as content):
            parts = parts_of(content, f"{place}.content")
            texts = [part.text for part in parts if isinstance(part, Text)]
            if len(texts) == len(parts):
                return _plain("\n\n".join(texts))
            raise elsewhere(f"a document of pictures (`{place}`)", param=place.partition("[")[0])
        case _:
            raise elsewhere(
                f"a source of type `{said.type[:100]}` with these fields (`{place}`)", param=place.partition("[")[0]
            )


def _plain(text: str) -> Inline:
    return Inline(media_type=PLAIN_TEXT, data=base64.b64encode(text.encode()).decode())


def _search_result(block: Raw, place: str) -> Part:
    """Read what a client's own search has found: text, or a document where the answer shall cite it."""
    said = decoded(block, _SEARCH_RESULT, place)
    text, mark = "\n\n".join(each.text for each in said.content), mark_of(said.cache_control)
    if said.citations is not None and said.citations.enabled:
        return Document(source=_plain(text), title=said.title, context=said.source, cited=True, cache=mark)
    return Text(text=f"{said.title}\n{said.source}\n\n{text}", cache=mark)


def _tool_use(block: Raw, place: str) -> Part:
    said = decoded(block, _TOOL_USE, place)
    arguments = as_text(_INPUT.decode(block).input)
    return ToolCall(id=said.id, name=said.name, arguments=arguments, cache=mark_of(said.cache_control))


def _tool_result(block: Raw, place: str) -> Part:
    said = decoded(block, _TOOL_RESULT, place)
    content = said.content
    return ToolResult(
        call_id=said.tool_use_id,
        parts=() if content is UNSET or bytes(content) == b"null" else parts_of(content, f"{place}.content"),
        failed=said.is_error is True,
        cache=mark_of(said.cache_control),
    )


def _thinking(block: Raw, place: str) -> Part:
    said = decoded(block, _THINKING, place)
    signature = None if said.signature == UNSEALED else said.signature
    return Reasoning(text=said.thinking, sealed=unmarked(signature, whole=False) if signature else None)


def _redacted(block: Raw, place: str) -> Part:
    return Reasoning(sealed=unmarked(decoded(block, _REDACTED, place).data, whole=True))


_PARTS: Mapping[str, Callable[[Raw, str], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}
