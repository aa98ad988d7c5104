"""The tables of payments: orders, what the payment provider told of them, vouchers, top-ups, bills. Knows no statement."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from tollway.store.columns import AMOUNT, ID, TIME, metadata

orders = Table(
    "orders",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("product_id", ID),
    Column("amount_nanos", AMOUNT, nullable=False),
    Column("currency", String, nullable=False),
    Column("state", String, nullable=False),
    Column("provider_ref", String),
    Column("payment_ref", String),
    Column("created_ms", TIME, nullable=False),
    Column("paid_ms", TIME),
    CheckConstraint("amount_nanos > 0", name="order_above_zero"),
    UniqueConstraint("provider_ref", name="orders_provider_ref"),
    Index("orders_account", "account_id"),
    Index("orders_payment_ref", "payment_ref"),
)

payment_events = Table(
    "payment_events",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("order_id", ID),
    Column("received_ms", TIME, nullable=False),
)

vouchers = Table(
    "vouchers",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("batch", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hint", String, nullable=False),
    Column("amount_nanos", AMOUNT, nullable=False),
    Column("currency", String, nullable=False),
    Column("expires_ms", TIME),
    Column("created_ms", TIME, nullable=False),
    Column("revoked_ms", TIME),
    Column("redeemed_ms", TIME),
    Column("account_id", ID),
    Column("transfer_id", ID),
    CheckConstraint("amount_nanos > 0", name="voucher_above_zero"),
    UniqueConstraint("digest", name="vouchers_digest"),
    Index("vouchers_batch", "batch"),
)

auto_topups = Table(
    "auto_topups",
    metadata,
    Column("account_id", ID, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("threshold_nanos", AMOUNT, nullable=False),
    Column("amount_nanos", AMOUNT, nullable=False),
    Column("daily_max_nanos", AMOUNT),
    Column("customer_ref", String),
    Column("method_ref", String),
    Column("state", String, nullable=False),
    Column("order_id", ID),
    Column("tried_ms", TIME),
    Column("failures", Integer, nullable=False, server_default="0"),
)

bill_lines = Table(
    "bill_lines",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("bill", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("day_ms", TIME, nullable=False),
    Column("amount_nanos", AMOUNT, nullable=False),
    Column("currency", String, nullable=False),
    Column("tokens", BigInteger),
    Column("imported_ms", TIME, nullable=False),
    Index("bill_lines_bill", "bill"),
)
"""Lines of a provider's own bill, to be compared with what was recorded."""
