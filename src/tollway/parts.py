"""Imports what only some runs of the program need, when they need it. Knows no part of the gateway.

What all of it takes, and why each piece waits: bench/where-the-time-goes.md, under "Start-up and memory".
"""

import gc
import importlib
import sys
from typing import Any


def part(name: str) -> Any:  # noqa: ANN401 the module is not imported where a type could be named
    """Return a module; if that imports it, garbage is looked for from now on, though not in what imports made.

    That stays for good: to look through it again and again while it grows took a tenth of a start.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()
