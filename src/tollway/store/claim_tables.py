"""The table of what a payment provider took back, beside the others in tables.py. Knows no statement and no connection."""

from sqlalchemy import CheckConstraint, Column, Index, String, Table

from tollway.store.columns import AMOUNT, ID, TIME, metadata

payment_claims = Table(
    "payment_claims",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("payment_ref", String, nullable=False),
    Column("order_id", ID),
    Column("amount_nanos", AMOUNT, nullable=False),
    Column("taken_nanos", AMOUNT, nullable=False),
    Column("currency", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_ms", TIME, nullable=False),
    CheckConstraint(
        "amount_nanos > 0 AND taken_nanos >= 0 AND taken_nanos <= amount_nanos", name="claim_within_amount"
    ),
    Index("payment_claims_payment_ref", "payment_ref"),
    Index("payment_claims_order", "order_id"),
)
"""Refunds and disputes by the provider's name for them, and how much of each the account could give. `order_id` is NULL
while its payment is not in the books."""
