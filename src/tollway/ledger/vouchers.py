"""Vouchers: money that whoever has the code may put onto an account, once. Values and their codes; knows no store."""

from enum import StrEnum

import msgspec

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: without I, L and O, which people take for digits, and U."""

CODE_CHARS = 28
"""Five random bits each, 140 together: not to be guessed, so that one fast hash suffices."""

CODE_BYTES = 18
"""What 140 bits need."""

GROUP_CHARS = 4
HINT_CHARS = 4
"""The last group: enough to find a voucher in a list, and no help in guessing the rest."""

_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None, "\t": None, "_": None})


class VoucherState(StrEnum):
    """Whether a voucher can be redeemed."""

    GOOD = "good"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """A voucher without its code."""

    id: int
    batch: str
    hint: str
    """The end of its code."""
    amount_nanos: int
    currency: str
    expires_ms: int | None = None
    created_ms: int
    revoked_ms: int | None = None
    redeemed_ms: int | None = None
    account_id: int | None = None
    """Who redeemed it."""
    transfer_id: int | None = None

    def state(self, now_ms: int) -> VoucherState:
        """Return whether it can be redeemed at a time; what happened first is what counts."""
        if self.redeemed_ms is not None:
            return VoucherState.REDEEMED
        if self.revoked_ms is not None:
            return VoucherState.REVOKED
        if self.expires_ms is not None and self.expires_ms <= now_ms:
            return VoucherState.EXPIRED
        return VoucherState.GOOD


def code_of(secret: bytes) -> str:
    """Return the code of so many random bytes, in groups: ``01AB-CDE4-…``."""
    assert len(secret) == CODE_BYTES, "a code has 140 bits"
    number = int.from_bytes(secret, "big")
    text = "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(CODE_CHARS)))
    return "-".join(text[start : start + GROUP_CHARS] for start in range(0, CODE_CHARS, GROUP_CHARS))


def normal_code(typed: str) -> str | None:
    """Return a code as it counts, however it was typed: case, blanks, dashes and misread letters aside.

    None when it cannot be a code at all.
    """
    text = typed.strip().upper().translate(_MISREAD)
    if len(text) != CODE_CHARS or not set(text) <= set(ALPHABET):
        return None
    return text
