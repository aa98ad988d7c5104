"""Addresses with places for what operators differ in: `https://{region}.example.com`. Knows no preset and no setting."""

import re
from collections.abc import Mapping

PLACE = re.compile(r"\{([^{}]*)\}")

MODEL_PLACE = "model"
"""Stands in paths, and is filled in for each request: no parameter."""

VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What may be filled in: nothing that would make another host or another path of an address."""


def places(template: str) -> tuple[str, ...]:
    """Return the parameters that a template has places for, each once."""
    return tuple(dict.fromkeys(name for name in PLACE.findall(template) if name != MODEL_PLACE))


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return the template with its places filled in; raises KeyError with the name of what is missing."""
    return PLACE.sub(lambda place: place[0] if place[1] == MODEL_PLACE else values[place[1]], template)
