"""Makes values of a command line's words where that is plain: texts, whole numbers, paths, choices. Knows no command.

Typer has pydantic make them, which takes 40 ms to import and 5 MB for as long as a worker serves.
"""

import os
from enum import Enum
from pathlib import Path
from typing import Any

from typer import Context
from typer.core import TyperGroup


class PlainValue:
    """Makes the value of one option or argument; stands where typer keeps what pydantic makes it with."""

    def coerce(self, value: object, param: Any, ctx: Any) -> object:  # noqa: ANN401 typer names neither in public
        """Return the value; what is not plain, or is wrong, typer makes or complains of."""
        if value is None:
            return None
        kind, info = param.type_descriptor.annotation, param.type_descriptor.parameter_info
        made = plain(kind, value)
        if made is None or not within(made, info.min, info.max):
            param._runtime_param = None  # noqa: SLF001 then typer makes its own
            made = param.get_runtime_param().coerce(value, param=param, ctx=ctx)
        return made


def make_plainly(command: Any) -> None:  # noqa: ANN401 typer does not name what commands and groups have in common
    """Have a command, and those below it, make plain values."""
    # The option --help is made of what a context says, and is a parameter like the others.
    for param in command.get_params(Context(command)):
        if param.nargs == 1 and not param.multiple:
            param._runtime_param = PlainValue()  # noqa: SLF001 typer keeps it nowhere else
    if isinstance(command, TyperGroup):
        for below in command.commands.values():
            make_plainly(below)


def plain(kind: object, value: object) -> object | None:
    """Return the value of a kind that a word stands for, None where that takes more than a glance; a default is a value."""
    if not isinstance(kind, type):
        return None
    if isinstance(value, kind):
        made = value
    elif not isinstance(value, str):
        made = None
    elif kind is int:
        made = int(value) if value.isdecimal() and value.isascii() else None
    elif kind is Path:
        made = Path(value) if os.access(value, os.R_OK) or not os.path.lexists(value) else None
    elif issubclass(kind, Enum):
        made = next((each for each in kind if each.value == value), None)
    else:
        made = None
    return made


def within(value: object, lowest: float | None, highest: float | None) -> bool:
    """Tell whether a number is not beyond its bounds, if it is one and has any."""
    if not isinstance(value, int):
        return True
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)
