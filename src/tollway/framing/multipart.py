"""The parts of a multipart/form-data body, by their places: no file is copied. Knows no dialect and no JSON.

Two readers of one body must not see two forms: what was priced must be what the provider reads. So this takes only
what every reader takes alike, and refuses the rest by name: text before the first boundary or behind the last, lines
that end in LF alone, the boundary anywhere but between parts, folded or doubled headers, escaped quotes, a transfer
encoding, a multipart inside a part. What browsers, curl and the clients' libraries write has none of that.
"""

import msgspec

PARTS_MAX = 1_000
"""Parts of one body. The longest forms known have some forty fields and sixteen pictures."""

HEAD_BYTES_MAX = 8_192
"""All header lines of one part: a disposition and a content type need two hundred."""

HEAD_LINES_MAX = 16

BOUNDARY_CHARS_MAX = 70
"""RFC 2046, 5.1.1."""

FORM = "multipart/form-data"

_BOUNDARY_CHARS = frozenset("'()+_,-./:=? 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_PLAIN_ENCODINGS = frozenset((b"7bit", b"8bit", b"binary"))
_DISPOSITION, _TYPE, _ENCODING = b"content-disposition", b"content-type", b"content-transfer-encoding"


class MultipartError(ValueError):
    """A body is not a form that everybody reads alike; says what to mend."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """One part, and where it stands."""

    name: str
    is_file: bool
    """It has a file name."""
    part_start: int
    """Where its boundary begins; the part ends where the next one's begins."""
    part_end: int
    name_start: int
    """The name as it is written, without quotes if it has any."""
    name_end: int
    start: int
    """The value."""
    end: int

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return self.end - self.start


class _Parameter(msgspec.Struct, frozen=True, gc=False):
    value: str
    start: int
    """Where the value stands in the text, in characters."""


def media_type(content_type: str) -> str:
    """Return the type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a content type names; raises MultipartError."""
    start = content_type.find(";")
    found = _parameters(content_type, start).get("boundary") if start >= 0 else None
    if found is None:
        raise MultipartError("the Content-Type names no boundary: send `multipart/form-data; boundary=...`")
    boundary = found.value
    if not 0 < len(boundary) <= BOUNDARY_CHARS_MAX or boundary[-1] == " " or not _BOUNDARY_CHARS.issuperset(boundary):
        raise MultipartError(f"the boundary must be 1 to {BOUNDARY_CHARS_MAX} letters, digits or '()+_,-./:=?")
    return boundary.encode()


def opening_boundary(body: bytes) -> bytes:
    """Return the boundary of a body that `read_parts` has taken: its first line names it."""
    return body[2 : body.index(b"\r\n")]


def read_parts(body: bytes, boundary: bytes) -> list[Part]:
    """Return the parts in order; raises MultipartError. Looks at every byte once or twice, whatever it is sent."""
    delimiter = b"--" + boundary
    if not body.startswith(delimiter + b"\r\n"):
        raise MultipartError("the body must begin with `--`, the boundary that the Content-Type names, and CRLF")
    parts: list[Part] = []
    at, more = 0, True
    while more:
        if len(parts) == PARTS_MAX:
            raise MultipartError(f"the body has more than {PARTS_MAX} parts")
        part = _read_part(body, delimiter, at)
        parts.append(part)
        at = part.part_end
        after = at + len(delimiter)
        more = body.startswith(b"\r\n", after)
        if not more and not (body.startswith(b"--", after) and body[after + 2 : after + 5] in {b"", b"\r\n"}):
            raise MultipartError("a boundary must be followed by CRLF, and the last one by `--` and nothing else")
    if body.count(delimiter) != len(parts) + 1:
        raise MultipartError("the boundary stands inside a part: choose another one")
    return parts


def _read_part(body: bytes, delimiter: bytes, at: int) -> Part:
    head = at + len(delimiter) + 2
    head_end = body.find(b"\r\n\r\n", head, head + HEAD_BYTES_MAX)
    if head_end < 0:
        raise MultipartError(f"the headers of a part do not end within {HEAD_BYTES_MAX} bytes")
    start = head_end + 4
    end = body.find(b"\r\n" + delimiter, start)
    if end < 0:
        raise MultipartError("the body is cut off: its last part has no boundary behind it")
    lines = _header_lines(body[head:head_end], head)
    if lines.get(_ENCODING, (b"binary", 0))[0].lower() not in _PLAIN_ENCODINGS:
        raise MultipartError("a part must not have a Content-Transfer-Encoding: send its bytes as they are")
    if lines.get(_TYPE, (b"", 0))[0].lower().startswith(b"multipart/"):
        raise MultipartError("a part must not be a multipart itself: send each file as a part of its own")
    if _DISPOSITION not in lines:
        raise MultipartError("a part has no Content-Disposition: each needs `form-data` and a name")
    value, value_start = lines[_DISPOSITION]
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise MultipartError("the name of a part is not valid UTF-8") from None
    semicolon = text.find(";")
    if semicolon < 0 or text[:semicolon].strip().lower() != "form-data":
        raise MultipartError('a part must say `Content-Disposition: form-data; name="..."`')
    parameters = _parameters(text, semicolon)
    name = parameters.get("name")
    if name is None or "name*" in parameters:
        raise MultipartError('a part must have a plain name: `form-data; name="..."`')
    name_start = value_start + len(text[: name.start].encode())
    return Part(
        name=name.value,
        is_file="filename" in parameters or "filename*" in parameters,
        part_start=at,
        part_end=end + 2,
        name_start=name_start,
        name_end=name_start + len(name.value.encode()),
        start=start,
        end=end,
    )


def _header_lines(head: bytes, offset: int) -> dict[bytes, tuple[bytes, int]]:
    """Return the value of each header, and where it stands in the body."""
    found: dict[bytes, tuple[bytes, int]] = {}
    lines = head.split(b"\r\n")
    if len(lines) > HEAD_LINES_MAX:
        raise MultipartError(f"a part has more than {HEAD_LINES_MAX} header lines")
    for line in lines:
        name, colon, value = line.partition(b":")
        key = name.lower()
        if not colon or not name or name.strip() != name or b"\r" in line or b"\n" in line or b"\0" in line:
            raise MultipartError("a header line of a part is not `Name: value` on one line that ends in CRLF")
        if key in found:
            raise MultipartError("a part has the same header twice")
        bare = value.strip(b" \t")
        found[key] = (bare, offset + len(name) + 1 + value.index(bare))
        offset += len(line) + 2
    return found


def _parameters(text: str, at: int) -> dict[str, _Parameter]:
    """Return the parameters behind the semicolon at `at`; raises MultipartError where readers would differ."""
    found: dict[str, _Parameter] = {}
    while at < len(text):
        equals = text.find("=", at)
        name = text[at + 1 : equals].strip().lower()
        if equals < 0 and not text[at + 1 :].strip():
            break  # a semicolon at the end
        if equals < 0 or not name or not name.isascii() or any(mark in name for mark in '";, '):
            raise MultipartError("the parameters of a Content-Disposition or Content-Type are not `name=value; ...`")
        start = equals + 1
        if text.startswith('"', start):
            start += 1
            end = text.find('"', start)
            if end < 0 or text[end - 1] == "\\":
                raise MultipartError('a quoted name must end with `"`, and must not have `\\"` in it: write `%22`')
            semicolon = text.find(";", end)
            rest = text[end + 1 :] if semicolon < 0 else text[end + 1 : semicolon]
        else:
            semicolon = text.find(";", start)
            end = len(text.rstrip()) if semicolon < 0 else semicolon
            rest = '"' if '"' in text[start:end] or text[start:end].strip() != text[start:end] else ""
        if rest.strip() or name in found:
            raise MultipartError("a parameter stands twice, or is quoted in part: give each once")
        found[name] = _Parameter(text[start:end], start)
        at = len(text) if semicolon < 0 else semicolon
    return found
