"""Where log lines go: one JSON object a line on standard error, with every known secret struck out. Knows no part of the gateway.

Standard output belongs to what a command says.
"""

import logging
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, TextIO, cast

import structlog

STRUCK = "[secret]"

SECRET_CHARACTERS_MIN = 8
"""A shorter value is no secret, and striking it out would garble words."""


class StrikeOut:
    """A structlog processor that replaces known secrets by value, wherever they stand."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the texts that must never be logged."""
        known = (secret for secret in secrets if len(secret) >= SECRET_CHARACTERS_MIN)
        # The longest first: one may be the start of another.
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def __call__(self, _: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Return the event without the secrets."""
        for name, value in event.items():
            if isinstance(value, str):
                event[name] = self.strike(value)
        return event

    def strike(self, text: str) -> str:
        """Return a text without the secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, STRUCK)
        return text


class Lossy:
    """A text file that drops what cannot be written: logs may be lost, and must not take a request with them."""

    def __init__(self, file: TextIO) -> None:
        """Take the file."""
        self._file = file

    def write(self, text: str) -> int:
        """Write a text, or lose it."""
        try:
            return self._file.write(text)
        except (OSError, ValueError):  # a full disk, a reader that has gone, a closed file
            return len(text)

    def flush(self) -> None:
        """Let go what was written, or lose it."""
        try:
            self._file.flush()
        except (OSError, ValueError):
            return


def configure(*, secrets: Iterable[str]) -> None:
    """Send all logging of this process to standard error, with `secrets` struck out."""
    before = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        StrikeOut(secrets),
    ]
    structlog.configure(
        processors=[*before, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Lossy(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    others = logging.StreamHandler(sys.stderr)
    others.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [others]
    # Libraries speak up when something is wrong; their everyday remarks are not ours to print.
    root.setLevel(logging.WARNING)
