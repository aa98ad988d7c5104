"""A decoded JSON object of a client, asked for its members one by one: in camel case or snake case, each of its type.

Every mistake is a Refusal that names the place. What was not asked for in the end is what nobody understood.
"""

from functools import cache
from typing import cast

from tollway.dialects.body import refused
from tollway.errors import Refusal


@cache
def _snake(name: str) -> str:
    """Return a name in snake case. Kept, because each part of a long conversation is asked for all of its members."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


class Fields:
    """One object, and which of its members have been taken."""

    __slots__ = ("_left", "path")

    def __init__(self, value: object, path: str) -> None:
        """Take a value that must be an object, and where it stands."""
        if not isinstance(value, dict):
            raise refused(f"`{path}` must be an object", param=path)
        self.path = path
        self._left = {name: each for name, each in cast(dict[str, object], value).items() if each is not None}

    def at(self, name: str) -> str:
        """Return the place of a member."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> object:
        """Return a member's value; None where there is none."""
        snake = _snake(name)
        if snake != name and snake in self._left:
            if name in self._left:
                raise refused(f"give `{self.at(name)}` or `{self.at(snake)}`, not both", param=self.at(name))
            return self._left.pop(snake)
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        """Return a string."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "a string")
        return value

    def number(self, name: str) -> float | None:
        """Return a number."""
        value = self.take(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self.wrong(name, "a number")
        return value

    def whole(self, name: str) -> int | None:
        """Return a whole number; in Google's JSON a string of digits is one as well."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdecimal():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise self.wrong(name, "a whole number")
        return int(value)

    def flag(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def items(self, name: str) -> list[object]:
        """Return a list; empty where there is none."""
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(name, "an array")
        return cast(list[object], value)

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        found = self.items(name)
        if not all(isinstance(each, str) for each in found):
            raise self.wrong(name, "an array of strings")
        return cast(list[str], found)

    def inner(self, name: str) -> "Fields | None":
        """Return an object."""
        value = self.take(name)
        return None if value is None else Fields(value, self.at(name))

    def objects(self, name: str) -> "list[Fields]":
        """Return a list of objects."""
        return [Fields(each, f"{self.at(name)}[{place}]") for place, each in enumerate(self.items(name))]

    def left(self) -> dict[str, object]:
        """Return the members that nobody took."""
        return self._left

    def wrong(self, name: str, expected: str) -> Refusal:
        """Return the refusal of a member of another type."""
        return refused(f"`{self.at(name)}` must be {expected}", param=self.at(name))
