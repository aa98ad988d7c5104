"""Ids: 63-bit integers that grow with time, and the prefixed texts that people see. Knows no table.

An id is milliseconds since 2025 (41 bits), the number of the worker that made it (10 bits) and a sequence (12 bits).
Growing integers keep inserts at the right edge of a table: an integer row id cost 3 µs a row where a random key
cost 18 (design, section 5). They are names, not secrets.
"""

from tollway import clock

EPOCH_MS = 1_735_689_600_000
"""2025-01-01T00:00:00Z."""

WORKER_NUMBER_MAX = 1023
SEQUENCE_BITS = 12
WORKER_BITS = 10
SHIFT = SEQUENCE_BITS + WORKER_BITS
SEQUENCE_MAX = (1 << SEQUENCE_BITS) - 1

EXCHANGE = "req_"
ACCOUNT = "acct_"
KEY = "key_"
TRANSFER = "txn_"
CARD = "card_"
ORDER = "ord_"
VOUCHER = "vch_"


class IdError(ValueError):
    """A text is not an id of the wanted kind."""


class IdSource:
    """Makes ids that no other source with another worker number makes; never the same one twice.

    Not shared between threads. A clock that steps back does not step the ids back.
    """

    __slots__ = ("_last", "_worker")

    def __init__(self, *, worker: int, after: int = 0) -> None:
        """Start a source for `worker` (0 to 1023) whose ids are all greater than the id `after`."""
        if not 0 <= worker <= WORKER_NUMBER_MAX:
            raise IdError(f"worker number {worker} is not in 0..{WORKER_NUMBER_MAX}")
        self._worker = worker << SEQUENCE_BITS
        self._last = after

    def next(self) -> int:
        """Return the next id."""
        fresh = ((clock.now_ms() - EPOCH_MS) << SHIFT) | self._worker
        last = self._last
        if fresh <= last:
            if last & SEQUENCE_MAX == SEQUENCE_MAX or (last >> SEQUENCE_BITS) & WORKER_NUMBER_MAX != self._worker >> 12:
                fresh = (((last >> SHIFT) + 1) << SHIFT) | self._worker
            else:
                fresh = last + 1
        self._last = fresh
        return fresh


def render_id(prefix: str, number: int) -> str:
    """Return the text of an id: the prefix and sixteen hexadecimal digits."""
    return f"{prefix}{number:016x}"


def parse_id(prefix: str, text: str) -> int:
    """Return the number of an id text; raises IdError when it is not one with this prefix."""
    digits = text.removeprefix(prefix)
    if digits == text or len(digits) != 16:
        raise IdError(f"{text!r} is not an id of the form {prefix}0123456789abcdef")
    try:
        number = int(digits, 16)
    except ValueError:
        raise IdError(f"{text!r} is not an id of the form {prefix}0123456789abcdef") from None
    if not 0 < number < 2**63 or render_id(prefix, number) != text:
        raise IdError(f"{text!r} is not an id of the form {prefix}0123456789abcdef")
    return number
