"""Ids: 63-bit integers that grow with time, and the prefixed texts that people see. Knows no table.

An id is milliseconds since 2025 (41 bits), the number of the worker that made it (10 bits) and a sequence (12 bits).
Growing integers keep inserts at the right edge of a table: an integer row id cost 3 µs a row where a random key
cost 18 (design, section 5). They are names, not secrets.
"""

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
SUB_ACCOUNT = "sa_"
CAP = "cap_"
PRODUCT = "prod_"
PACKAGE = "pkg_"
MANAGEMENT_KEY = "mk_"
AUDIT = "aud_"
OWN_PROVIDER = "prov_"


class IdError(ValueError):
    """A text is not an id of the wanted kind."""


def render_id(prefix: str, number: int) -> str:
    """Return the text of an id: the prefix and sixteen hexadecimal digits."""
    return f"{prefix}{number:016x}"


def begun_ms(number: int) -> int:
    """Return when an id was made, in milliseconds since 1970: of an exchange, when it began."""
    return (number >> SHIFT) + EPOCH_MS


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
