"""Edits of a request on its way to a provider of the same dialect: top-level members only, every other byte stays.

Knows no dialect: each brings what it calls its model and its output limit. The body is known to be one JSON object in
which no name stands twice.
"""

from collections.abc import Iterable, Mapping

import msgspec

from tollway.dialects.members import Member, Span, appended, members, replace_spans
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.errors import Refusal

_ENCODE = msgspec.json.Encoder().encode


class Patch:
    """The edits of one body, gathered and then made in one copy."""

    def __init__(self, body: bytes) -> None:
        """Find the members of the body."""
        self._body = body
        self._found = members(body)
        self._spans: list[Span] = []
        self._added: dict[str, bytes] = {}
        self._gone: set[str] = set()
        self._said: set[str] = set()
        self.dropped: list[str] = []
        self.by_name: Mapping[str, Member] = {member.name: member for member in self._found}

    def value(self, name: str) -> bytes | None:
        """Return the very bytes of a member's value; None when there is no such member."""
        member = self.by_name.get(name)
        return None if member is None else self._body[member.start : member.end]

    def set(self, name: str, value: bytes) -> None:
        """Give a member this value, or add it."""
        self._said.add(name)
        member = self.by_name.get(name)
        if member is None:
            self._added[name] = value
        elif self._body[member.start : member.end] != value:
            self._spans.append((member.start, member.end, value))

    def rename(self, renames: Mapping[str, str]) -> None:
        """Give members the names that the provider knows; raises Refusal where that name is taken.

        Of two with one name a null gives way: it says nothing.
        """
        if not renames:
            return
        for member in self._found:
            new_name = renames.get(member.name)
            if new_name is None or member.name in self._gone:
                continue
            if self._speaks(new_name):
                if self._speaks(member.name):
                    raise both(member.name, new_name)
                self._gone.add(member.name)
                continue
            if new_name in self.by_name:
                self._gone.add(new_name)
            self._spans.append((member.name_start, member.name_end, _ENCODE(new_name)))
            self._said.add(new_name)

    def _speaks(self, name: str) -> bool:
        """Tell whether the body will say something under a name."""
        if name in self._said:
            return True
        return name not in self._gone and self.value(name) not in {None, b"null"}

    def remove(self, names: Iterable[str]) -> None:
        """Leave members out, in silence."""
        self._gone.update(name for name in names if name in self.by_name)

    def drop(self, names: Iterable[str]) -> None:
        """Leave members out, and name those that said something: null says nothing."""
        dropped = [name for name in self.by_name if name in names]
        self._gone.update(dropped)
        self.dropped += [name for name in dropped if self.value(name) != b"null"]

    def add_missing(self, added: Mapping[str, object]) -> None:
        """Put in what the provider demands, where the body has none of that name."""
        for name, value in added.items():
            if name not in self.by_name and name not in self._said:
                self._added.setdefault(name, _ENCODE(value))

    def made(self) -> PatchedRequest:
        """Return the patched body: the very bytes when nothing changed."""
        spans = [span for span in self._spans if not self._is_gone(span)]
        spans += self._removals()
        if self._added:
            added = b",".join([b"%b:%b" % (_ENCODE(name), value) for name, value in self._added.items()])
            if len(self._gone) == len(self._found):
                return PatchedRequest(b"{%b}" % added, Lane.PATCHED, tuple(self.dropped))
            spans.append(appended(self._body, added))
        if not spans:
            return PatchedRequest(self._body, Lane.VERBATIM, tuple(self.dropped))
        spans.sort()
        return PatchedRequest(replace_spans(self._body, spans), Lane.PATCHED, tuple(self.dropped))

    def _is_gone(self, span: Span) -> bool:
        return any(member.name_start <= span[0] < member.end for member in self._found if member.name in self._gone)

    def _removals(self) -> list[Span]:
        """Return the spans of what is left out, each with one comma, so that the rest is an object again."""
        spans: list[Span] = []
        kept_before = False
        for place, member in enumerate(self._found):
            if member.name not in self._gone:
                kept_before = True
            elif kept_before:
                spans.append((self._found[place - 1].end, member.end, b""))
            else:
                following = self._found[place + 1].name_start if place + 1 < len(self._found) else member.end
                spans.append((member.name_start, following, b""))
        return spans


def patch_body(body: bytes, edits: RequestEdits, *, model: str | None) -> PatchedRequest:
    """Return the body with the edits that every dialect has: model, renames, what is left out and what is added.

    `model` is the name of the member that names the model; None where it stands in the path. The output limit is the
    caller's: it uses `Patch` itself.
    """
    if not (model or edits.renames or edits.unsupported or edits.added or edits.removed):
        return PatchedRequest(body, Lane.VERBATIM)
    patch = Patch(body)
    common(patch, edits, model=model)
    return patch.made()


def common(patch: Patch, edits: RequestEdits, *, model: str | None) -> None:
    """Make the edits that every dialect has."""
    if model is not None:
        value = patch.value(model)
        if value is None or msgspec.json.decode(value) != edits.model_routed:
            patch.set(model, _ENCODE(edits.model_routed))
    patch.drop(edits.unsupported)
    patch.remove(edits.removed)
    patch.rename(edits.renames)
    patch.add_missing(edits.added)


def both(name: str, new_name: str) -> Refusal:
    """Return the refusal of a body that names one thing twice: one of the two would be lost."""
    return Refusal(
        "invalid_request",
        f"give `{name}` or `{new_name}`, not both: this provider knows only `{new_name}`",
        param=name,
    )


def finished(fields: dict[str, object], edits: RequestEdits, dropped: list[str]) -> tuple[bytes, tuple[str, ...]]:
    """Return a new body, made in the provider's dialect, with what its profile varies; and all that was left out.

    `fields` are its top-level members by the dialect's names.
    """
    dropped = dropped + [name for name in fields if name in edits.unsupported]
    made: dict[str, object] = {}
    for name, value in fields.items():
        if name in edits.unsupported or name in edits.removed:
            continue
        new_name = edits.renames.get(name, name)
        if new_name in made:
            raise both(name, new_name)
        made[new_name] = value
    for name, value in edits.added.items():
        made.setdefault(name, value)
    return _ENCODE(made), tuple(dict.fromkeys(dropped))
