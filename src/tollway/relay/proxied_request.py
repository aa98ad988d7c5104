"""A call that belongs to no dialect, as bytes for its provider: its path below the provider's, its headers without ours. Pure."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from tollway import __version__
from tollway.catalog.records import CallPrice, Provider, Spoken, fits
from tollway.dialects.record import Dialect
from tollway.errors import Refusal
from tollway.relay.wire import host_of

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
"""What is passed on."""

NEVER_PASSED = frozenset(
    (
        b"host",
        b"content-length",
        b"expect",
        b"accept-encoding",  # what is said of a key is struck, and that is to be read
        # Of one connection (RFC 9110, 7.6.1).
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        # Credentials: whoever lets the call in does it below.
        b"authorization",
        b"x-api-key",
        b"x-goog-api-key",
        b"api-key",
        b"x-admin-key",
        b"cookie",
        # Another method or path than the one that has the price.
        b"x-http-method-override",
        b"x-http-method",
        b"x-method-override",
        b"x-original-url",
        b"x-rewrite-url",
        # Who and where the client is.
        b"forwarded",
        b"via",
        b"x-real-ip",
    )
)
FORWARDED = b"x-forwarded-"

DECODINGS_MAX = 3
"""How often a path is decoded to see where it leads: some servers behind servers do it again."""

_VISIBLE = re.compile(rb"[\x21-\x7e]+")
_HEADER_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks of a provider at a path that belongs to no dialect."""

    method: str
    """In capitals; one of METHODS."""
    path: str
    """As it came, encoded, without its query."""
    query: str
    """As it came; empty for none."""
    headers: tuple[tuple[bytes, bytes], ...]
    """All of the client's, names in lower case."""
    body: bytes


def checked_path(path: bytes) -> str:
    """Return a path that leads to one place, whoever decodes it how often; raises Refusal `invalid_request` for any other."""
    if not _VISIBLE.fullmatch(path) or b"#" in path:
        raise _unclear()
    decoded = path
    for _ in range(DECODINGS_MAX):
        if not _is_clear(decoded):
            raise _unclear()
        again = unquote_to_bytes(decoded)
        if again.count(b"/") != decoded.count(b"/"):
            raise _unclear()
        if again == decoded:
            return path.decode("ascii")
        decoded = again
    raise _unclear()


def checked_query(query: bytes) -> str:
    """Return a query as it came, without its question mark; raises Refusal for characters that no query has."""
    if query and (b"#" in query or not _VISIBLE.fullmatch(query)):
        raise Refusal("invalid_request", "The query is not passed on: it has characters that must be encoded.")
    return query.decode("ascii")


def _is_clear(path: bytes) -> bool:
    """Tell whether a path, decoded so far, is one below the root, without segments that lead elsewhere."""
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    first, *parts = text.split("/")
    return (
        not first
        and "\\" not in text
        and not any(ord(character) < ord(" ") or character == "\x7f" for character in text)
        and not any(part in (".", "..") for part in parts)
        and "" not in parts[:-1]
    )


def _unclear() -> Refusal:
    return Refusal(
        "invalid_request",
        "This path is not passed on: it has empty segments, dots for segments, encoded slashes or characters that no path has.",
    )


def request_of(provider: Provider, call: Call, *, ours: tuple[bytes, ...], lines: bytes) -> bytes:
    """Return the bytes of a call; `lines` are header lines of this one alone, a key or a signature.

    `ours` are the beginnings of headers that are said to this gateway.
    """
    spoken = provider.home
    target = target_of(provider, call)
    passed = list(passed_headers(call.headers, ours=ours))
    said = {name for name, _ in passed}
    head = [f"{call.method} {target} HTTP/1.1", f"host: {host_of(spoken.origin)}", "accept-encoding: identity"]
    if b"user-agent" not in said:
        head.append(f"user-agent: tollway/{__version__}")
    theirs = {name.encode("latin-1") for name, _ in provider.headers} - SHARED
    head += [f"{name}: {value}" for name, value in provider.headers if name.encode("latin-1") not in said & SHARED]
    assert not any("\r" in line or "\n" in line for line in head), (
        "neither paths nor configured headers have line breaks"
    )
    kept = b"".join([b"%b: %b\r\n" % header for header in passed if header[0] not in theirs])
    if call.body or call.method not in ("GET", "DELETE"):
        kept += b"content-length: %d\r\n" % len(call.body)
    return b"%b\r\n%b%b\r\n%b" % ("\r\n".join(head).encode("latin-1"), kept, lines, call.body)


SHARED = frozenset((b"anthropic-version",))
"""Headers that a preset sends and that its clients may say themselves: theirs counts."""


def target_of(provider: Provider, call: Call) -> str:
    """Return path and query of a call as they stand on the wire to a provider."""
    path = path_at(provider.home.path_prefix, call.path)
    return f"{path}?{call.query}" if call.query else path


def passed_headers(headers: Iterable[tuple[bytes, bytes]], *, ours: tuple[bytes, ...]) -> Iterable[tuple[bytes, bytes]]:
    """Yield the client's headers that are meant for the provider; raises Refusal for one with a line break in it."""
    headers = tuple(headers)
    of_connection = {
        word.strip().lower() for name, value in headers if name == b"connection" for word in value.split(b",")
    }
    for name, value in headers:
        if name in NEVER_PASSED or name in of_connection or name.startswith((FORWARDED, *ours)):
            continue
        if not _HEADER_VALUE.fullmatch(value):
            raise Refusal(
                "invalid_request", f"The header {name.decode('latin-1')[:64]} has characters that no header has."
            )
        yield name, value


def path_at(prefix: str, path: str) -> str:
    """Return a client's path below the one of a provider's base URL, without saying twice what both have.

    `/v1` and `/v1/things` make `/v1/things`, as do `/v1` and `/things`.
    """
    above, below = prefix.split("/")[1:], path.split("/")[1:]
    shared = next((count for count in range(min(len(above), len(below)), 0, -1) if above[-count:] == below[:count]), 0)
    return "/" + "/".join([*above, *below[shared:]])


def price_of(provider: Provider, call: Call) -> CallPrice | None:
    """Return what a call costs: of the first entry that fits any spelling of the path, None where none does.

    `/v1/things`, `/things`, `/things/` and `/Things` may be one place at a provider: none of them is cheaper.
    """
    asked = _spellings(provider, call)
    for price in provider.calls:
        patterns = (price.path, path_at(provider.home.path_prefix, price.path).casefold())
        if price.method == call.method and any(fits(pattern, each) for pattern in patterns for each in asked):
            return price
    return None


def dialect_at(provider: Provider, call: Call, dialects: Mapping[str, Dialect]) -> str | None:
    """Return the dialect of clients that the provider speaks at a call's path; None where it speaks none there.

    What is said in a dialect is priced by what is in it, and asked for at the gateway's own path.
    """
    if call.method != "POST":
        return None
    asked = _spellings(provider, call)
    for spoken in provider.speaks:
        dialect = dialects[spoken.dialect]
        if spoken.origin == provider.home.origin and _is_of_clients(dialect):
            for path in _paths_of(spoken, dialect):
                if any(fits(path, each) for each in asked):
                    return dialect.name
    return None


def _spellings(provider: Provider, call: Call) -> tuple[str, ...]:
    """Return a call's path as it was written, and as its provider may read it."""
    written = decoded = unquote(call.path)
    while (again := unquote(decoded)) != decoded:
        decoded = again
    landing = path_at(provider.home.path_prefix, decoded).casefold()
    return written, landing, landing.rstrip("/")


def _paths_of(spoken: Spoken, dialect: Dialect) -> Iterable[str]:
    """Yield the patterns of the paths at which a provider is asked in a dialect."""
    for path in (spoken.path or dialect.path, spoken.streamed_path or dialect.streamed_path):
        if path is not None:
            yield f"{spoken.path_prefix}{path.partition('?')[0].replace('{model}', '*')}".casefold()


def _is_of_clients(dialect: Dialect) -> bool:
    """Tell whether clients may ask in a dialect here: some stand on the provider's side alone."""
    translator = dialect.chat or dialect.embedding
    return translator is None or translator.parse_request is not None
