"""What a message is made of, in no wire format: text, media, tool calls and their results, reasoning. Values only."""

from enum import StrEnum

import msgspec


class CacheMark(StrEnum):
    """How long a provider is asked to keep what stands before a mark."""

    MINUTES = "5m"
    HOUR = "1h"


class Inline(msgspec.Struct, frozen=True, kw_only=True, tag="inline"):
    """Bytes that stand in the request or the answer itself."""

    media_type: str
    """Such as `image/png`."""
    data: str
    """Base64, as it came: it is never decoded on its way."""


class Url(msgspec.Struct, frozen=True, kw_only=True, tag="url"):
    """An address from which the provider fetches; Tollway itself never does."""

    url: str
    media_type: str | None = None


class FileId(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """A file that was uploaded to one provider: it means nothing to another dialect, which refuses it."""

    id: str


Source = Inline | Url | FileId


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What only its issuer can read: a signature of reasoning, or reasoning encrypted as a whole."""

    data: str
    """As the issuer wrote it."""
    issuer: str | None = None
    """The provider's name; None when nobody knows: such a seal goes nowhere but to a provider of its own dialect, untouched."""
    whole: bool = False
    """It is the reasoning itself, redacted or encrypted, and not the signature of the text beside it."""


class Citation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a passage of an answer rests on. Places are in characters; None is "not said"."""

    url: str | None = None
    title: str | None = None
    quoted: str | None = None
    """The words of the source."""
    document: int | None = None
    """Which document of the request, from 0."""
    source_start: int | None = None
    source_end: int | None = None
    """Where the quoted words stand in their document."""
    answer_start: int | None = None
    answer_end: int | None = None
    """Which characters of the answer's text part rest on it."""


class Text(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Plain text."""

    text: str
    cache: CacheMark | None = None
    citations: tuple[Citation, ...] = ()


class Image(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """A picture."""

    source: Source
    detail: str | None = None
    """OpenAI's `low`, `high`, `auto`: a knob."""
    cache: CacheMark | None = None


class Audio(msgspec.Struct, frozen=True, kw_only=True, tag="audio"):
    """A sound."""

    source: Source
    transcript: str | None = None
    """Its words, where a model spoke them."""
    cache: CacheMark | None = None


class Video(msgspec.Struct, frozen=True, kw_only=True, tag="video"):
    """A film."""

    source: Source
    cache: CacheMark | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True, tag="document"):
    """A file to be read, usually a PDF; a plain text one is inline with the media type `text/plain`, in base64 as well."""

    source: Source
    title: str | None = None
    context: str | None = None
    """What the client tells the model about it."""
    cited: bool = False
    """The answer shall cite it."""
    cache: CacheMark | None = None


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """A model asks for a tool."""

    id: str
    """Never empty: a reader of a dialect without ids makes them."""
    name: str
    arguments: str
    """The very text that the model wrote; it ought to be a JSON object and may be anything. Of a custom tool: its input."""
    custom: bool = False
    """A tool whose input is text of any form (OpenAI's `custom`)."""
    cache: CacheMark | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """What a tool answered."""

    call_id: str
    parts: "tuple[Part, ...]"
    name: str | None = None
    """Of the tool, where the client says it; else `names_of_calls` finds it."""
    failed: bool = False
    cache: CacheMark | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning"):
    """What a model thought before it went on. Its seal vouches for what follows it as well as for its own text.

    Where a provider seals something else, such as the call of a tool, that seal stands in a Reasoning without text
    right before it.
    """

    text: str = ""
    sealed: Sealed | None = None


class Declined(msgspec.Struct, frozen=True, kw_only=True, tag="declined"):
    """A model's words when it will not answer (OpenAI's `refusal`)."""

    text: str


Part = Text | Image | Audio | Video | Document | ToolCall | ToolResult | Reasoning | Declined
