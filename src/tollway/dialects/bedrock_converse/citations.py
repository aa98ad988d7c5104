"""Citations as Converse writes them, read into ours. Values only."""

from collections.abc import Mapping

from msgspec import Struct

from tollway.neutral.parts import Citation


class Passage(Struct, gc=False):
    """Words of a source."""

    text: str = ""


class Location(Struct, gc=False):
    """Where they stand, by its kind."""

    documentIndex: int | None = None  # noqa: N815  words of the wire
    searchResultIndex: int | None = None  # noqa: N815
    start: int | None = None
    end: int | None = None
    url: str | None = None


class Cited(Struct, gc=False):
    """One citation."""

    title: str | None = None
    source: str | None = None
    sourceContent: list[Passage] | None = None  # noqa: N815
    location: Mapping[str, Location] | None = None


_NOWHERE = Location()
CHARACTERS = "documentChar"
"""The kind of location whose places are in characters; pages and chunks are not."""


def read_citation(cited: Cited) -> Citation:
    """Return a citation in the neutral form."""
    kind, location = next(iter((cited.location or {}).items()), ("", _NOWHERE))
    exact = kind == CHARACTERS
    return Citation(
        url=location.url or cited.source or None,
        title=cited.title or None,
        quoted="".join(passage.text for passage in cited.sourceContent or ()) or None,
        document=location.documentIndex,
        source_start=location.start if exact else None,
        source_end=location.end if exact else None,
    )
