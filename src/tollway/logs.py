"""Where log lines go: one JSON object a line on standard error, with every known secret struck out. Knows no part of the gateway.

Standard output belongs to what a command says. The standard library's logging does it: a package for log lines took
40 ms of each start and 5 MB of each worker, because it brought colours for terminals along.
"""

import contextlib
import json
import logging
import select
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO, cast

OURS = "tollway"
"""The logger above all of ours."""

STRUCK = "[secret]"

ROOM_BYTES = 4096
"""What a pipe that takes anything takes at once. Lines are ASCII."""

LOST = '{"event": "log lines could not be written", "level": "warning", "count": %d}\n'

SECRET_CHARACTERS_MIN = 8
"""A shorter value is no secret, and striking it out would garble words."""


class Log:
    """What a module writes its lines with: a sentence, and beside it what the sentence is about, by name."""

    def __init__(self, logger: logging.Logger) -> None:
        """Use `get_log`."""
        self._logger = logger

    def info(self, event: str, **about: object) -> None:
        """Tell of what is as it should be."""
        self._logger.info("%s", event, extra={"about": about})

    def warning(self, event: str, **about: object) -> None:
        """Tell of what somebody may want to look at."""
        self._logger.warning("%s", event, extra={"about": about})

    def error(self, event: str, **about: object) -> None:
        """Tell of what somebody must look at."""
        self._logger.error("%s", event, extra={"about": about})

    def exception(self, event: str, **about: object) -> None:
        """Tell of an error that is being handled, with its traceback."""
        self._logger.error("%s", event, extra={"about": about}, exc_info=True)  # noqa: LOG014 the caller handles one


def get_log(name: str) -> Log:
    """Return what the module of this name writes its lines with."""
    return Log(logging.getLogger(name))


class StrikeOut:
    """Replaces known secrets by value, wherever they stand."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the texts that must never be logged."""
        known = (secret for secret in secrets if len(secret) >= SECRET_CHARACTERS_MIN)
        # The longest first: one may be the start of another.
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def strike(self, value: object) -> object:
        """Return a text without the secrets, anything else as it is."""
        if isinstance(value, str):
            for secret in self._secrets:
                if secret in value:
                    value = value.replace(secret, STRUCK)
        return value


class JsonLines(logging.Formatter):
    """Writes what is logged, by us or by a library, as one JSON object."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the texts that must never be logged."""
        super().__init__()
        self._strike = StrikeOut(secrets).strike

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            **cast(dict[str, object], getattr(record, "about", {})),
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "timestamp": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: self._strike(value) for name, value in line.items()}, default=repr)


class Lossy:
    """A text file that drops what cannot be written at once: logs may be lost, and must not take a request with them.

    Nor must they stop the event loop: a pipe whose reader stands still is full after 64 KB, and who writes to it then waits.
    """

    def __init__(self, file: TextIO) -> None:
        """Take the file."""
        self._file = file
        self._torn = False
        self._room: select.poll | None = None
        # No file of the system, such as a test's; or none at all, where standard error was closed before the start.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            number = file.fileno()
            self._room = select.poll()
            self._room.register(number, select.POLLOUT)
        self.lost = 0
        """Lines since the last one that was written."""

    def write(self, text: str) -> int:
        """Write a line, or lose it; what was lost is told before the next one."""
        whole = ("\n" if self._torn else "") + (LOST % self.lost if self.lost else "") + text
        begun = False
        for start in range(0, len(whole), ROOM_BYTES):
            if not self._write_now(whole[start : start + ROOM_BYTES]):
                self._torn = self._torn or begun
                self.lost += 1
                return len(text)
            begun = True
        self._torn, self.lost = False, 0
        return len(text)

    def _write_now(self, part: str) -> bool:
        """Write a part of a line, if there is room for it now."""
        try:
            # An error is ready as well, and writing says which.
            if self._room is not None and not self._room.poll(0):
                return False
            self._file.write(part)
            self._file.flush()
        except (OSError, ValueError, AttributeError):  # a full disk, a reader that has gone, a closed file, none
            return False
        return True

    def flush(self) -> None:
        """Do nothing: each line is written when it comes."""


def configure(*, secrets: Iterable[str]) -> None:
    """Send all logging of this process to standard error, with `secrets` struck out."""
    handler = logging.StreamHandler(cast(TextIO, Lossy(sys.stderr)))
    handler.setFormatter(JsonLines(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries speak up when something is wrong; their everyday remarks are not ours to print.
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(logging.INFO)
