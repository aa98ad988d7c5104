"""Vouchers: made in batches, their codes shown once, each redeemed once. Only digests are ever stored. Knows no SQL."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from tollway import clock
from tollway.billing.accounts import Ids, checked_amount, checked_currency, checked_name
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, VOUCHER, render_id
from tollway.ledger.records import FUNDING_VOUCHER, Account, Transfer, TransferKind, account_leg
from tollway.ledger.vouchers import CODE_BYTES, CODE_CHARS, HINT_CHARS, Voucher, VoucherState, code_of, normal_code
from tollway.money import render_amount

BATCH_MAX = 10_000
"""Codes of one batch: their one listing is less than a megabyte."""

VOUCHERS_MAX = 10_000
"""Vouchers of one listing."""

EXPIRES_MS_MAX = 253_402_300_799_999
"""The end of the year 9999 (UTC): a later time cannot be shown."""

TOLD = {
    VoucherState.REDEEMED: "was redeemed before",
    VoucherState.REVOKED: "was revoked",
    VoucherState.EXPIRED: "has expired",
}


class VoucherRows(Protocol):
    """What vouchers want of the store; every call is one transaction."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def add_vouchers(self, made: Sequence[Voucher], digests: Sequence[bytes]) -> bool:
        """Write the vouchers of a new batch; False, and nothing written, when there is a batch of that name."""
        ...

    def redeem_voucher(self, digest: bytes, transfer: Transfer) -> bool:
        """Use up the voucher with this digest and post the transfer, both or neither.

        False when there is none that is good at the time of the transfer, of its amount and currency, or when the
        balance cannot take it. Of several calls at once, one succeeds.
        """
        ...

    def find_voucher(self, digest: bytes) -> Voucher | None:
        """Read the voucher with this digest."""
        ...

    def vouchers(self, batch: str | None, limit: int) -> tuple[Voucher, ...]:
        """Read the vouchers of a batch, or all, newest first."""
        ...

    def revoke_vouchers(self, batch: str, revoked_ms: int) -> int | None:
        """Revoke what was not redeemed of a batch; return how many, None when there is no such batch."""
        ...


class NewVouchers(msgspec.Struct, frozen=True, kw_only=True):
    """A batch to make."""

    batch: str
    """Its name, of which there is one."""
    amount_nanos: int
    """Of each voucher."""
    currency: str
    count: int = 1
    expires_ms: int | None = None


class Vouchers:
    """The use cases of vouchers. Errors are CommandRefused with a sentence, and then nothing has moved."""

    def __init__(self, store: VoucherRows, ids: Ids, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Work on `store`; `ids` may be shared between threads."""
        self._store = store
        self._ids = ids
        self._now_ms = now_ms

    def create(self, new: NewVouchers) -> tuple[tuple[Voucher, str], ...]:
        """Make a batch; return its vouchers, each with its code, which is shown this once."""
        batch, now_ms = checked_name(new.batch), self._now_ms()
        amount_nanos, currency = checked_amount(new.amount_nanos), checked_currency(new.currency)
        if not 0 < new.count <= BATCH_MAX:
            raise CommandRefused(f"a batch has 1 to {BATCH_MAX} vouchers")
        if new.expires_ms is not None and not now_ms < new.expires_ms <= EXPIRES_MS_MAX:
            raise CommandRefused("vouchers must expire in the future, and before the year 10000 (UTC)")
        codes = [code_of(secrets.token_bytes(CODE_BYTES)) for _ in range(new.count)]
        vouchers = [
            Voucher(
                id=self._ids.next(),
                batch=batch,
                hint=f"...{code[-HINT_CHARS:]}",
                amount_nanos=amount_nanos,
                currency=currency,
                expires_ms=new.expires_ms,
                created_ms=now_ms,
            )
            for code in codes
        ]
        if not self._store.add_vouchers(vouchers, [code_digest(code) for code in codes]):
            raise CommandRefused(f"there is a batch {batch!r} already: its codes were shown when it was made")
        return tuple(zip(vouchers, codes, strict=True))

    def redeem(self, account_id: int, code: str) -> Transfer:
        """Put a voucher's money onto an account, and use the voucher up."""
        account = self._store.account(account_id)
        if account is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        if normal_code(code) is None:
            raise CommandRefused(f"this is not a voucher code: one has {CODE_CHARS} letters and digits")
        digest = code_digest(code)
        voucher = self._store.find_voucher(digest)
        if voucher is None:
            raise CommandRefused("there is no voucher with this code: look for a letter that was misread")
        if voucher.currency != account.currency:
            raise CommandRefused(f"this voucher is in {voucher.currency}, and the account in {account.currency}")
        transfer = Transfer(
            id=self._ids.next(),
            kind=TransferKind.VOUCHER,
            debit_account=FUNDING_VOUCHER,
            credit_account=account_leg(account_id),
            amount_nanos=voucher.amount_nanos,
            currency=voucher.currency,
            reason=f"voucher of batch {voucher.batch}",
            created_ms=self._now_ms(),
            reference=render_id(VOUCHER, voucher.id),
        )
        if not self._store.redeem_voucher(digest, transfer):
            raise CommandRefused(self._why_not(digest, transfer))
        return transfer

    def list(self, batch: str | None = None, limit: int = 100) -> tuple[Voucher, ...]:
        """Return the vouchers of a batch, or all, newest first, without their codes."""
        if not 0 < limit <= VOUCHERS_MAX:
            raise CommandRefused(f"a listing has 1 to {VOUCHERS_MAX} vouchers")
        return self._store.vouchers(batch, limit)

    def revoke(self, batch: str) -> int:
        """Make worthless what was not redeemed of a batch; return how many vouchers that were."""
        revoked = self._store.revoke_vouchers(batch, self._now_ms())
        if revoked is None:
            raise CommandRefused(f"there is no batch {batch!r} of vouchers")
        return revoked

    def _why_not(self, digest: bytes, transfer: Transfer) -> str:
        voucher = self._store.find_voucher(digest)
        state = VoucherState.GOOD if voucher is None else voucher.state(transfer.created_ms)
        if state in TOLD:
            return f"this voucher {TOLD[state]}: nothing was credited"
        return f"a credit of {render_amount(transfer.amount_nanos)} would exceed the largest balance kept"


def code_digest(code: str) -> bytes:
    """Return what is stored of a code: the SHA-256 of how it counts."""
    return hashlib.sha256((normal_code(code) or "").encode()).digest()
