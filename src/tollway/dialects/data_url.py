"""Addresses that hold their bytes themselves (`data:image/png;base64,…`), and the sources they stand for. Knows no dialect."""

from tollway.neutral.parts import Inline, Url

SCHEME = "data:"
_BASE64 = ";base64"


def source_of(url: str, *, media_type: str) -> Inline | Url | None:
    """Return what an address stands for; None for a data URL that is not base64.

    `media_type` is that of a data URL which does not name its own.
    """
    if url[: len(SCHEME)].lower() != SCHEME:
        return Url(url=url)
    head, comma, data = url[len(SCHEME) :].partition(",")
    if not comma or not head.lower().endswith(_BASE64):
        return None
    named = head[: -len(_BASE64)].partition(";")[0]
    return Inline(media_type=named or media_type, data=data)


def url_of(source: Inline | Url) -> str:
    """Return the address of a source."""
    if isinstance(source, Url):
        return source.url
    return f"{SCHEME}{source.media_type}{_BASE64},{source.data}"
