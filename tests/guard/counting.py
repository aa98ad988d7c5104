"""Counts what the interpreter does: instructions, calls of Python, calls of C, by function. Knows nothing of the gateway.

An instruction is one of CPython's bytecode, as the tracing hook sees it: not specialized, and so the same whatever ran
before. What C does inside one call is not seen; the calls of C are counted for that reason.
"""

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import CodeType, FrameType
from typing import Any, NamedTuple

TURN_S, IDLE_S = 0.0002, 30.0
"""How often threads are looked at, and how long they may be at work."""
NEVER_S = 3600.0

_ASYNCIO = Path(asyncio.__file__).parent
_LEFT_OUT = (
    str(Path(__file__).parent),
    *(str(_ASYNCIO / name) for name in ("base_events.py", "events.py")),
)
"""The test itself, and what is C in a served gateway because uvloop does it."""


class Cost(NamedTuple):
    """What something took."""

    opcodes: int
    calls: int
    """Of Python functions, and resumptions of coroutines and generators."""
    c_calls: int


class Tally:
    """The counts of one thread, or of several together."""

    def __init__(self) -> None:
        self.opcodes: Counter[CodeType] = Counter()
        self.calls: Counter[CodeType] = Counter()
        self.c_calls: Counter[CodeType] = Counter()
        """By who calls."""

    def copy(self) -> "Tally":
        """Return what was counted so far, which stays as it is."""
        copied = Tally()
        copied.add(self, Tally())
        return copied

    def add(self, now: "Tally", before: "Tally") -> None:
        """Count what was counted between two copies."""
        self.opcodes.update(now.opcodes - before.opcodes)
        self.calls.update(now.calls - before.calls)
        self.c_calls.update(now.c_calls - before.c_calls)

    @property
    def cost(self) -> Cost:
        """What was counted so far."""
        return Cost(self.opcodes.total(), self.calls.total(), self.c_calls.total())

    def on_trace(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """Count a function's instructions: for sys.settrace."""
        if left_out(frame.f_code):
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return self._on_opcode

    def _on_opcode(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode":
            self.opcodes[frame.f_code] += 1
        return self._on_opcode

    def on_profile(self, frame: FrameType, event: str, _argument: object) -> None:
        """Count calls: for sys.setprofile."""
        code = frame.f_code
        if event == "c_call":
            if not left_out(code):
                self.c_calls[code] += 1
        elif event == "call":
            caller = frame.f_back
            if not left_out(code):
                self.calls[code] += 1
            elif caller is not None and not left_out(caller.f_code):
                self.c_calls[caller.f_code] += 1  # of the loop, which is C where it matters


class Threads(Tally):
    """The counts of every thread that starts from now on, and whether they have anything to do."""

    def __init__(self) -> None:
        super().__init__()
        self._inside: dict[int, Any] = {}
        # Nobody is interrupted between taking work from a queue and being seen to have it.
        sys.setswitchinterval(NEVER_S)
        threading.settrace(self.on_trace)
        threading.setprofile(self.on_profile)

    def on_profile(self, frame: FrameType, event: str, argument: Any) -> None:
        """Count calls, and keep which function of C a thread is in."""
        self._inside[threading.get_ident()] = argument if event == "c_call" else None
        super().on_profile(frame, event, argument)

    def idle(self) -> bool:
        """Tell whether each of them waits at an empty queue."""
        alive = set(sys._current_frames())  # not the frames: this one among them would keep itself
        return all(_waits(inside) for ident, inside in self._inside.items() if ident in alive)

    def wait(self) -> None:
        """Return when they are: what they still do after they have told of a result is counted as well."""
        until = time.perf_counter() + IDLE_S
        while not self.idle():
            assert time.perf_counter() < until, "a thread is always at work"
            time.sleep(TURN_S)


def _waits(inside: Any) -> bool:
    queue = getattr(inside, "__self__", None)
    return isinstance(queue, SimpleQueue) and queue.empty()


_known: dict[CodeType, bool] = {}


def left_out(code: CodeType) -> bool:
    """Tell whether a function is no part of the gateway."""
    known = _known.get(code)
    if known is None:
        known = _known[code] = code.co_filename.startswith(_LEFT_OUT)
    return known


@contextmanager
def counted(tally: Tally) -> Iterator[None]:
    """Count what this thread does in the block."""
    sys.setprofile(tally.on_profile)
    sys.settrace(tally.on_trace)
    try:
        yield
    finally:
        sys.settrace(None)
        sys.setprofile(None)
