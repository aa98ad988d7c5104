"""Vouchers in SQL. Knows no code: only digests."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, or_, select, update

from tollway.ledger.records import Transfer, purse_of_leg
from tollway.ledger.vouchers import Voucher
from tollway.store.account_rows import post
from tollway.store.order_rows import lock
from tollway.store.rows import fields_of
from tollway.store.tables import vouchers
from tollway.store.transactions import Rows

_SHOWN = tuple(column for column in vouchers.columns if column is not vouchers.c.digest)


class VoucherRows(Rows):
    """The rows of vouchers: satisfies billing's VoucherRows."""

    def add_vouchers(self, made: Sequence[Voucher], digests: Sequence[bytes]) -> bool:
        """Write the vouchers of a new batch; False, and nothing written, when there is a batch of that name."""
        with self._writing() as connection:
            lock(connection)  # two batches of one name at once would both find that there is none
            if _exists(connection, made[0].batch):
                return False
            rows = [
                {**msgspec.structs.asdict(voucher), "digest": digest}
                for voucher, digest in zip(made, digests, strict=True)
            ]
            connection.execute(insert(vouchers), rows)
            return True

    def redeem_voucher(self, digest: bytes, transfer: Transfer) -> bool:
        """Use up the voucher with this digest and post the transfer, both or neither.

        False when there is none that is good at the time of the transfer, of its amount and currency, or when the
        balance cannot take it. Of several calls at once, one succeeds.
        """
        c, now_ms = vouchers.c, transfer.created_ms
        good = (
            c.digest == digest,
            c.redeemed_ms.is_(None),
            c.revoked_ms.is_(None),
            or_(c.expires_ms.is_(None), c.expires_ms > now_ms),
            c.amount_nanos == transfer.amount_nanos,
            c.currency == transfer.currency,
        )
        used = {
            "redeemed_ms": now_ms,
            "account_id": purse_of_leg(transfer.credit_account),
            "transfer_id": transfer.id,
        }
        with self._writing() as connection:
            redeemed = connection.execute(update(vouchers).where(*good).values(used))
            if redeemed.rowcount == 1 and post(connection, transfer):
                return True
            connection.rollback()
            return False

    def find_voucher(self, digest: bytes) -> Voucher | None:
        """Read the voucher with this digest."""
        with self._reading() as connection:
            row = connection.execute(select(*_SHOWN).where(vouchers.c.digest == digest)).mappings().first()
            return None if row is None else _read(row)

    def vouchers(self, batch: str | None, limit: int) -> tuple[Voucher, ...]:
        """Read the vouchers of a batch, or all, newest first."""
        query = select(*_SHOWN).order_by(vouchers.c.id.desc()).limit(limit)
        if batch is not None:
            query = query.where(vouchers.c.batch == batch)
        with self._reading() as connection:
            return tuple(_read(row) for row in connection.execute(query).mappings())

    def revoke_vouchers(self, batch: str, revoked_ms: int) -> int | None:
        """Revoke what was not redeemed of a batch; return how many, None when there is no such batch."""
        c = vouchers.c
        unused = (c.batch == batch, c.redeemed_ms.is_(None), c.revoked_ms.is_(None))
        with self._writing() as connection:
            if not _exists(connection, batch):
                return None
            return connection.execute(update(vouchers).where(*unused).values(revoked_ms=revoked_ms)).rowcount


def _exists(connection: Connection, batch: str) -> bool:
    return connection.scalar(select(vouchers.c.id).where(vouchers.c.batch == batch).limit(1)) is not None


def _read(row: Mapping[Any, Any]) -> Voucher:
    return Voucher(**fields_of(row))
