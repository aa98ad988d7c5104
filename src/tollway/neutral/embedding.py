"""What a request for embeddings asks and what its answer says, in no wire format. Values only."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tollway.neutral.usage import Usage


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. None is "not said"."""

    model: str
    """As asked."""
    inputs: tuple[str | tuple[int, ...], ...]
    """Texts, or the tokens of texts, which not every dialect takes."""
    single: bool = False
    """The client sent one text and no list: some dialects answer it in another form."""
    dimensions: int | None = None
    base64: bool = False
    """The client wants its vectors as base64 of little-endian 32-bit floats."""
    task: str | None = None
    """What the vectors are for: `query`, `document`, `similarity`, `classification` or `clustering`. A knob."""
    end_user: str | None = None
    knobs: Mapping[str, Raw] = {}
    """What else the client tuned: its own name for it to its value as it came."""


class EmbeddingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    vectors: tuple[tuple[float, ...], ...]
    """One an input, in order."""
    usage: Usage | None = None
    """None is "not reported"."""
    model: str | None = None
    """The provider's own word for the model."""
