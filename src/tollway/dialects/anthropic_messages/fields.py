"""Typed reading of what a client sends, where every mismatch is a Refusal that names its place. Knows no field of its own."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from tollway.errors import Refusal

Value = TypeVar("Value")


def refused(message: str, *, param: str) -> Refusal:
    """Return the refusal of a field."""
    return Refusal("invalid_request", message, param=param)


def elsewhere(what: str, *, param: str) -> Refusal:
    """Return the refusal of a contract that no other dialect has."""
    return refused(
        f"{what} cannot be carried to this model's provider, which speaks another dialect: ask for a model whose provider "
        f"speaks `anthropic_messages`, or leave it out",
        param=param,
    )


def decoded(found: Raw, decoder: msgspec.json.Decoder[Value], place: str) -> Value:
    """Return a value; raises Refusal that names the place. What stands before its first dot or bracket is the field."""
    try:
        return decoder.decode(found)
    except (msgspec.ValidationError, RecursionError) as error:
        param = place.partition(".")[0].partition("[")[0]
        raise refused(f"`{place}` is not as it must be: {error}", param=param) from None


def given(fields: Mapping[str, Raw], name: str, decoder: msgspec.json.Decoder[Value]) -> Value | None:
    """Return a top-level field; None when it is null or not there."""
    found = fields.get(name)
    return None if found is None or bytes(found) == b"null" else decoded(found, decoder, name)
