"""What a brand adds to the body of an error, and how it tells some refusals. Pure; knows no dialect and no connection."""

from collections.abc import Mapping
from typing import cast

import msgspec

from tollway.errors import Refusal, Retold
from tollway.settings.brand import Brand

_ENCODE = msgspec.json.encode
_NAMES = msgspec.json.Decoder(dict[str, msgspec.Raw])


def retold(refusal: Refusal, brand: Brand) -> Refusal:
    """Return the refusal as the brand tells it: whether trying again can help stays as it is."""
    told = brand.refusals.get(refusal.code)
    if told is None:
        return refusal
    facts = refusal.facts
    said = facts._replace(
        status=facts.status if told.status is None else told.status,
        type=facts.type if told.type is None else told.type,
    )
    return Retold(refusal, said, code=refusal.code if told.code is None else told.code)


def with_members(body: bytes, members: Mapping[str, object], refusal: Refusal, *, request_id: str) -> bytes:
    """Return the body of an error with the brand's members behind its own, which stay as they are.

    `refusal` is what the body tells. A body that is no JSON object is returned as it is.
    """
    if not members or not body.startswith(b"{"):
        return body
    known = _NAMES.decode(body)
    words = {
        "{message}": refusal.message,
        "{code}": refusal.code,
        "{status}": str(refusal.facts.status),
        "{request_id}": request_id,
    }
    known |= {name: msgspec.Raw(_ENCODE(_filled(value, words))) for name, value in members.items() if name not in known}
    return _ENCODE(known)


def _filled(value: object, words: Mapping[str, str]) -> object:
    """Return a member's value with the facts of the error in the place of its words."""
    if isinstance(value, dict):
        return {name: _filled(inner, words) for name, inner in cast("dict[str, object]", value).items()}
    if not isinstance(value, str):
        return value
    for place, word in words.items():
        value = value.replace(place, word)
    return value
