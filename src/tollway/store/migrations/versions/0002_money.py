"""Money, complete: purses with ids of their own, caps, packages, orders, stored answers, events, usage by the hour.

What 0001 kept of purses, leases and holds is copied into the new form; usage by the hour is summed from the lines.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

REMADE = ("purses", "leases", "holds")
"""Tables of 0001 whose keys change: set aside, copied, dropped."""

COPIES = (
    """INSERT INTO purses (id, kind, account_id, balance_nanos, leased_nanos)
       SELECT account_id, 'account', account_id, balance_nanos, leased_nanos FROM purses_0001""",
    """INSERT INTO leases (worker_id, purse_id, amount_nanos)
       SELECT worker_id, account_id, amount_nanos FROM leases_0001""",
    """INSERT INTO holds (exchange_id, account_id, key_id, worker_id, payer_id, amount_nanos, model_asked, started_ms,
                          expires_ms)
       SELECT exchange_id, account_id, key_id, worker_id, account_id, amount_nanos, model_asked, started_ms, expires_ms
       FROM holds_0001""",
    """INSERT INTO usage_hours (hour_ms, account_id, key_id, sub_account_id, provider, model_routed, tag, end_user,
                                session, requests, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
                                reasoning_tokens, audio_tokens, images, calls, base_nanos, fee_nanos, written_off_nanos,
                                package_paid_nanos, package_micros)
       SELECT ended_ms - ended_ms % 3600000, account_id, key_id, 0, provider, model_routed, '', '', '', count(*),
              sum(coalesce(input_tokens, 0)), sum(coalesce(cached_input_tokens, 0)), 0, sum(coalesce(output_tokens, 0)),
              sum(coalesce(reasoning_tokens, 0)),
              sum(coalesce(audio_input_tokens, 0) + coalesce(audio_output_tokens, 0)), 0, 0, sum(base_nanos),
              sum(fee_nanos), sum(written_off_nanos), 0, 0
       FROM exchanges
       GROUP BY ended_ms - ended_ms % 3600000, account_id, key_id, provider, model_routed""",
)


def upgrade() -> None:
    """Make what is new, copy what changed its form, and add the columns."""
    for table in REMADE:
        op.rename_table(table, f"{table}_0001")
    if op.get_context().dialect.name == "postgresql":
        # What stands in the way of a name is given another: a migrated store has the names of one made anew.
        for table in REMADE:
            op.execute(f"ALTER INDEX {table}_pkey RENAME TO {table}_0001_pkey")
        op.execute("ALTER TABLE leases_0001 RENAME CONSTRAINT leases_worker_id_fkey TO leases_0001_worker_id_fkey")
    _make_tables()
    for copy in COPIES:
        op.execute(copy)
    for table in REMADE:
        op.drop_table(f"{table}_0001")
    _add_columns()


def _make_tables() -> None:
    op.create_table(
        "bill_lines",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("bill", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("day_ms", sa.BigInteger(), nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.Column("imported_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("bill_lines_bill", "bill_lines", ["bill"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "subject", name="events_once"),
    )
    op.create_index("events_account", "events", ["account_id"], unique=False)
    op.create_index("events_created", "events", ["created_ms"], unique=False)
    op.create_table(
        "holds",
        sa.Column("exchange_id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("key_id", ID, nullable=False),
        sa.Column("worker_id", ID, nullable=False),
        sa.Column("payer_id", ID, nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("model_asked", sa.String(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("sub_account_id", ID, nullable=True),
        sa.Column("tag", sa.String(), nullable=True),
        sa.Column("end_user", sa.String(), nullable=True),
        sa.Column("session", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("exchange_id"),
    )
    op.create_table(
        "idempotency",
        sa.Column("scope_id", ID, autoincrement=False, nullable=False),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("exchange_id", ID, nullable=False),
        sa.Column("worker_id", ID, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("content_type", sa.String(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "key_digest"),
    )
    op.create_index("idempotency_expires", "idempotency", ["expires_ms"], unique=False)
    op.create_index("idempotency_worker", "idempotency", ["worker_id"], unique=False)
    op.create_table(
        "payment_events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("order_id", ID, nullable=True),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "payment_claims",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payment_ref", sa.String(), nullable=False),
        sa.Column("order_id", ID, nullable=True),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("taken_nanos", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "amount_nanos > 0 AND taken_nanos >= 0 AND taken_nanos <= amount_nanos", name="claim_within_amount"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("payment_claims_payment_ref", "payment_claims", ["payment_ref"], unique=False)
    op.create_index("payment_claims_order", "payment_claims", ["order_id"], unique=False)
    op.create_table(
        "products",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("models", sa.String(), nullable=False),
        sa.Column("price_nanos", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("validity_days", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0 AND price_nanos >= 0", name="product_is_worth_something"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "purses",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("balance_nanos", sa.BigInteger(), nullable=False),
        sa.Column("leased_nanos", sa.BigInteger(), nullable=False),
        sa.Column("alert_nanos", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("wanted_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cap_id", ID, nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("window_start_ms", sa.BigInteger(), nullable=True),
        sa.Column("window_end_ms", sa.BigInteger(), nullable=True),
        sa.Column("limit_nanos", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("balance_nanos >= 0", name="balance_never_negative"),
        sa.CheckConstraint("leased_nanos >= 0 AND leased_nanos <= balance_nanos", name="leased_within_balance"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("purses_account", "purses", ["account_id"], unique=False)
    op.create_index("purses_cap", "purses", ["cap_id"], unique=False)
    op.create_table(
        "usage_hours",
        sa.Column("hour_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", ID, autoincrement=False, nullable=False),
        sa.Column("key_id", ID, autoincrement=False, nullable=False),
        sa.Column("sub_account_id", ID, autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model_routed", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("end_user", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("audio_tokens", sa.BigInteger(), nullable=False),
        sa.Column("images", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("base_nanos", sa.BigInteger(), nullable=False),
        sa.Column("fee_nanos", sa.BigInteger(), nullable=False),
        sa.Column("written_off_nanos", sa.BigInteger(), nullable=False),
        sa.Column("package_paid_nanos", sa.BigInteger(), nullable=False),
        sa.Column("package_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "hour_ms",
            "account_id",
            "key_id",
            "sub_account_id",
            "provider",
            "model_routed",
            "tag",
            "end_user",
            "session",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("usage_hours_account", "usage_hours", ["account_id", "hour_ms"], unique=False)
    op.create_table(
        "vouchers",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("redeemed_ms", sa.BigInteger(), nullable=True),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("transfer_id", ID, nullable=True),
        sa.CheckConstraint("amount_nanos > 0", name="voucher_above_zero"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest", name="vouchers_digest"),
    )
    op.create_index("vouchers_batch", "vouchers", ["batch"], unique=False)
    op.create_table(
        "auto_topups",
        sa.Column("account_id", ID, autoincrement=False, nullable=False),
        sa.Column("threshold_nanos", sa.BigInteger(), nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("daily_max_nanos", sa.BigInteger(), nullable=True),
        sa.Column("customer_ref", sa.String(), nullable=True),
        sa.Column("method_ref", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("order_id", ID, nullable=True),
        sa.Column("tried_ms", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "caps",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("window", sa.String(), nullable=False),
        sa.Column("limit_nanos", sa.BigInteger(), nullable=False),
        sa.Column("alert_ppm", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("limit_nanos > 0", name="cap_above_zero"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("caps_account", "caps", ["account_id"], unique=False)
    op.create_index(
        "caps_one_of_each",
        "caps",
        ["account_id", "scope", "subject", "window"],
        unique=True,
        sqlite_where=sa.text("removed_ms IS NULL"),
        postgresql_where=sa.text("removed_ms IS NULL"),
    )
    op.create_table(
        "leases",
        sa.Column("worker_id", ID, autoincrement=False, nullable=False),
        sa.Column("purse_id", ID, autoincrement=False, nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_nanos >= 0", name="lease_never_negative"),
        sa.ForeignKeyConstraint(
            ["worker_id"],
            ["workers.id"],
        ),
        sa.PrimaryKeyConstraint("worker_id", "purse_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "orders",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("product_id", ID, nullable=True),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.Column("payment_ref", sa.String(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("paid_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount_nanos > 0", name="order_above_zero"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider_ref", name="orders_provider_ref"),
    )
    op.create_index("orders_account", "orders", ["account_id"], unique=False)
    op.create_index("orders_payment_ref", "orders", ["payment_ref"], unique=False)
    op.create_table(
        "packages",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("product_id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("models", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("bought_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["id"],
            ["purses.id"],
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("packages_account", "packages", ["account_id"], unique=False)
    op.create_table(
        "sub_accounts",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("sub_accounts_account", "sub_accounts", ["account_id"], unique=False)


def _add_columns() -> None:
    op.add_column("accounts", sa.Column("fee_ppm", sa.Integer(), nullable=True))
    op.add_column("accounts", sa.Column("price_ppm", sa.Integer(), server_default="1000000", nullable=False))
    op.add_column("exchanges", sa.Column("sub_account_id", ID, nullable=True))
    op.add_column("exchanges", sa.Column("tag", sa.String(), nullable=True))
    op.add_column("exchanges", sa.Column("end_user", sa.String(), nullable=True))
    op.add_column("exchanges", sa.Column("session", sa.String(), nullable=True))
    op.add_column("exchanges", sa.Column("package_id", ID, nullable=True))
    op.add_column("exchanges", sa.Column("package_micros", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("exchanges", sa.Column("ratio_ppm", sa.Integer(), nullable=True))
    op.add_column("exchanges", sa.Column("caps", sa.String(), nullable=True))
    op.add_column("exchanges", sa.Column("price_ppm", sa.Integer(), server_default="1000000", nullable=False))
    op.add_column("exchanges", sa.Column("rate_nanos", sa.BigInteger(), nullable=True))
    op.add_column("exchanges", sa.Column("provider_cost_nanos", sa.BigInteger(), nullable=True))
    op.add_column("exchanges", sa.Column("cache_write_5m_tokens", sa.BigInteger(), nullable=True))
    op.add_column("exchanges", sa.Column("cache_write_1h_tokens", sa.BigInteger(), nullable=True))
    op.add_column("exchanges", sa.Column("images", sa.BigInteger(), nullable=True))
    op.add_column("exchanges", sa.Column("calls", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("sub_account_id", ID, nullable=True))
    op.add_column("keys", sa.Column("billing", sa.String(), server_default="payg", nullable=False))
    op.add_column("keys", sa.Column("package_id", ID, nullable=True))
    op.add_column("price_cards", sa.Column("cache_write_5m", sa.BigInteger(), nullable=True))
    op.add_column("price_cards", sa.Column("cache_write_1h", sa.BigInteger(), nullable=True))
    op.add_column("price_cards", sa.Column("image", sa.BigInteger(), nullable=True))
    op.add_column("price_cards", sa.Column("call", sa.BigInteger(), nullable=True))
    op.add_column("price_cards", sa.Column("tiers", sa.String(), nullable=True))
    op.add_column("price_cards", sa.Column("batch_ppm", sa.Integer(), nullable=True))
    op.add_column("price_cards", sa.Column("valid_from_ms", sa.BigInteger(), nullable=True))
    op.add_column("transfers", sa.Column("reference", sa.String(), nullable=True))
    op.create_index("transfers_credit_account", "transfers", ["credit_account"], unique=False)
    op.create_index("transfers_debit_account", "transfers", ["debit_account"], unique=False)
    op.create_index("transfers_once", "transfers", ["kind", "reference"], unique=True)
