"""What a passage rests on, in the words of Messages and out of them. Knows no stream.

The neutral form has places in characters alone: pages and blocks of a source are lost on the way to another dialect, the
words that were quoted are not.
"""

import msgspec
from msgspec import Raw, Struct

from tollway.neutral.parts import Citation


class _Location(Struct, gc=False):
    cited_text: str | None = None
    document_index: int | None = None
    document_title: str | None = None
    start_char_index: int | None = None
    end_char_index: int | None = None
    title: str | None = None
    url: str | None = None
    source: str | None = None


_LOCATION = msgspec.json.Decoder(_Location)


def read_citation(found: Raw) -> Citation | None:
    """Return what a citation of any type says; None for one that cannot be read."""
    try:
        said = _LOCATION.decode(found)
    except msgspec.ValidationError:
        return None
    return Citation(
        url=said.url or said.source,
        title=said.title or said.document_title,
        quoted=said.cited_text,
        document=said.document_index,
        source_start=said.start_char_index,
        source_end=said.end_char_index,
    )


def citation_members(citation: Citation) -> dict[str, object]:
    """Return a citation: of a document of the request where it names one, else of a place in the web."""
    quoted = citation.quoted or ""
    if citation.document is None:
        return {
            "type": "web_search_result_location",
            "cited_text": quoted,
            "encrypted_index": "",
            "title": citation.title,
            "url": citation.url or "",
        }
    return {
        "type": "char_location",
        "cited_text": quoted,
        "document_index": citation.document,
        "document_title": citation.title,
        "start_char_index": citation.source_start or 0,
        "end_char_index": citation.source_end or 0,
    }
