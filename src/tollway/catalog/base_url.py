"""Reads a base URL into where to connect and what to put before each path. Resolves no name and opens nothing."""

import re
from urllib.parse import SplitResult, urlsplit

from tollway.catalog.records import Origin, Reach, Scheme

PORTS = {Scheme.HTTP: 80, Scheme.HTTPS: 443}

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


class BaseUrlError(ValueError):
    """A text is no base URL; the message says why, what to write, and repeats nothing that may be a secret."""


def parse_base_url(text: str, *, reach: Reach) -> tuple[Origin, str]:
    """Return the origin of a base URL and its path without a final slash; raises BaseUrlError."""
    if not _VISIBLE_ASCII.fullmatch(text):
        raise BaseUrlError("must be a URL such as https://api.example.com/v1, without spaces, in plain ASCII")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BaseUrlError("has a host or port that cannot be read; write it as https://HOST:PORT/PATH") from None
    scheme = _checked_scheme(parts)
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise BaseUrlError("must not hold a user or password; the secret belongs into api_key")
    if not _HOST.fullmatch(host):
        raise BaseUrlError("names no host; write it as https://HOST/PATH")
    if "?" in text or "#" in text:
        raise BaseUrlError("must not have a query or fragment (? or #): the path of each request is put behind it")
    origin = Origin(scheme=scheme, host=host, port=PORTS[scheme] if port is None else port, reach=reach)
    return origin, parts.path.rstrip("/")


def render_base_url(origin: Origin, path: str) -> str:
    """Return the base URL that `parse_base_url` reads as these two."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    port = "" if origin.port == PORTS[origin.scheme] else f":{origin.port}"
    return f"{origin.scheme}://{host}{port}{path}"


def _checked_scheme(parts: SplitResult) -> Scheme:
    if parts.scheme not in tuple(Scheme):
        raise BaseUrlError("must start with https:// or http://")
    return Scheme(parts.scheme)
