"""Wishes that would cost more than the price card knows: they are refused, because nobody would pay for them. No I/O."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tollway.dialects.members import has_unicode_escape
from tollway.errors import Refusal

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


def refuse_unpriced(body: bytes, refused: Mapping[str, tuple[str, ...]]) -> None:
    """Raise Refusal `not_supported` when a body on its way to a provider has a field with a value that has no price.

    `refused` maps top-level fields to values; without values any will do, but null, which says nothing.
    """
    if not refused or not (has_unicode_escape(body) or any(f'"{name}"'.encode() in body for name in refused)):
        return
    for name, value in _MEMBERS.decode(body).items():
        values = refused.get(name)
        if values is None:
            continue
        said = bytes(value).strip()
        if said != b"null" and (not values or said.strip(b'"').decode("utf-8", "replace").lower() in values):
            raise Refusal(
                "not_supported",
                f"`{name}`: {said[:64].decode('utf-8', 'replace')} may cost more than the price of this model, or be answered by "
                "another one, so this gateway does not pass it on: leave it out.",
                param=name,
            )
