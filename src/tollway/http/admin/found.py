"""Turns the absence of what a path names into 404."""

from collections.abc import Callable
from typing import TypeVar

from tollway.errors import CommandRefused, Refusal

Thing = TypeVar("Thing")


def found(look: Callable[[], Thing]) -> Thing:
    """Return what `look` finds. Only for calls whose one refusal is that there is no such thing."""
    try:
        return look()
    except CommandRefused as error:
        raise Refusal("not_found", str(error)) from None
