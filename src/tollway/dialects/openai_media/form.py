"""A client's multipart form: the facts that a peek asks of it, and the edits on its way to a provider. Knows no provider.

Which fields hold text and which hold files is said by who asks; every field that is asked for stands once at most.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from tollway.dialects.body import PARAM_CHARS_MAX, refused
from tollway.dialects.members import Span, replace_spans
from tollway.dialects.patching import both
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.framing.multipart import (
    FORM,
    MultipartError,
    Part,
    boundary_of,
    media_type,
    opening_boundary,
    read_parts,
)

FIELD_BYTES_MAX = 1_048_576
"""Longest text of a form. A prompt has at most 32,000 characters."""

NUMBER_CHARS_MAX = 9
"""Longest number of a form."""

_FLAGS: Mapping[str, bool] = {"true": True, "True": True, "false": False, "False": False}
"""How clients' libraries write the two; other words are read in different ways."""

_ENCODE = msgspec.json.Encoder().encode


def is_form(content_type: str) -> bool:
    """Tell whether a body is a multipart form, by its type."""
    return media_type(content_type) == FORM


class FormFacts:
    """The fields of one form; everything raises Refusal `invalid_request` that names the field and says what to mend."""

    def __init__(self, body: bytes, content_type: str) -> None:
        """Find the parts."""
        try:
            self.parts = read_parts(body, boundary_of(content_type))
        except MultipartError as error:
            raise refused(f"the body is not a form that can be read: {error}") from None
        self._body = body
        self._times = Counter(part.name for part in self.parts)
        self._by_name = {part.name: part for part in self.parts}

    @property
    def files(self) -> list[Part]:
        """The parts that are files."""
        return [part for part in self.parts if part.is_file]

    def text(self, name: str) -> str | None:
        """Return the text of a field; None when there is none."""
        part = self._by_name.get(name)
        if part is None:
            return None
        if self._times[name] > 1:
            raise refused(f"`{name}` stands twice in the form: give it once", param=name)
        if part.is_file or part.size > FIELD_BYTES_MAX:
            raise refused(f"`{name}` must be a plain field of at most {FIELD_BYTES_MAX} bytes, not a file", param=name)
        try:
            return self._body[part.start : part.end].decode()
        except UnicodeDecodeError:
            raise refused(f"`{name}` is not valid UTF-8", param=name) from None

    def model(self) -> str:
        """Return the field `model`, which every form has."""
        found = self.text("model")
        if not found:
            raise refused(
                "`model` must be a field of the form that names a model; GET /v1/models lists them", param="model"
            )
        return found

    def flag(self, name: str) -> bool:
        """Return a field that is true or false; false when there is none."""
        found = self.text(name)
        if found is None:
            return False
        if found not in _FLAGS:
            raise refused(f"`{name}` must be true or false", param=name)
        return _FLAGS[found]

    def number(self, name: str, *, least: int, most: int) -> int | None:
        """Return a field that is a whole number; None when there is none."""
        found = self.text(name)
        if found is None:
            return None
        digits = found.isascii() and found.isdigit() and len(found) <= NUMBER_CHARS_MAX
        if not digits or not least <= int(found) <= most:
            raise refused(f"`{name}` must be a whole number from {least} to {most}", param=name)
        return int(found)

    def head(self, part: Part, size: int) -> bytes:
        """Return the first bytes of a part."""
        return self._body[part.start : min(part.start + size, part.end)]


def plain_name(name: str) -> str:
    """Return the name of a field without the brackets that some libraries write for a list."""
    return name.removesuffix("[]")


def patch_form(body: bytes, edits: RequestEdits) -> PatchedRequest:
    """Return the form for the provider: the very bytes when nothing must change, and the same boundary.

    Raises Refusal where a renamed field meets one that the form has already.
    """
    boundary = opening_boundary(body)
    parts = read_parts(body, boundary)
    gone = edits.unsupported | edits.removed
    kept = [part for part in parts if plain_name(part.name) not in gone]
    names = {plain_name(part.name) for part in parts}
    spans: list[Span] = [(part.part_start, part.part_end, b"") for part in parts if plain_name(part.name) in gone]
    for part in kept:
        if part.name == "model" and body[part.start : part.end] != edits.model_routed.encode():
            spans.append((part.start, part.end, edits.model_routed.encode()))
        new_name = edits.renames.get(plain_name(part.name))
        if new_name is not None:
            if new_name in names:
                raise both(plain_name(part.name)[:PARAM_CHARS_MAX], new_name)
            end = part.name_start + len(plain_name(part.name).encode())
            spans.append((part.name_start, end, new_name.encode()))
    added = b"".join(_new_part(boundary, name, value) for name, value in edits.added.items() if name not in names)
    if added:
        spans.append((parts[-1].part_end, parts[-1].part_end, added))
    dropped = _once(plain_name(part.name) for part in parts if plain_name(part.name) in edits.unsupported)
    if not spans:
        return PatchedRequest(body, Lane.VERBATIM, dropped)
    return PatchedRequest(replace_spans(body, sorted(spans)), Lane.PATCHED, dropped)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _new_part(boundary: bytes, name: str, value: object) -> bytes:
    text = value.encode() if isinstance(value, str) else _ENCODE(value)
    head = b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n' % (boundary, name.encode())
    return head + text + b"\r\n"
