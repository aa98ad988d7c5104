"""The tables, once, for every database that Tollway keeps its books in. Knows no statement and no connection."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)

from tollway.store.access_tables import (
    account_providers,
    admin_keys,
    audit,
    management_keys,
    rate_limits,
    webhook_secrets,
)
from tollway.store.columns import AMOUNT, ID, TIME, metadata
from tollway.store.payment_tables import auto_topups, bill_lines, orders, payment_events, vouchers

__all__ = (
    "ROLLUP_KEY",
    "SCHEMA_VERSION",
    "account_providers",
    "accounts",
    "admin_keys",
    "audit",
    "auto_topups",
    "bill_lines",
    "caps",
    "events",
    "exchanges",
    "holds",
    "idempotency",
    "keys",
    "leases",
    "management_keys",
    "meta",
    "metadata",
    "orders",
    "packages",
    "payment_events",
    "price_cards",
    "products",
    "purses",
    "rate_limits",
    "refusals",
    "sub_accounts",
    "transfers",
    "usage_hours",
    "vouchers",
    "webhook_secrets",
    "workers",
)

SCHEMA_VERSION = "0005"
"""The newest migration; four digits, so that versions compare as texts."""

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_ms", TIME, nullable=False),
    Column("fee_ppm", Integer),
    Column("price_ppm", Integer, nullable=False, server_default="1000000"),
    Column("brand", String),
)
"""`fee_ppm`: the account's own platform fee, NULL for the deployment's. `price_ppm`: its discount or markup. `brand`: the
preset under which it was made, NULL for the deployment's own."""

sub_accounts = Table(
    "sub_accounts",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_ms", TIME, nullable=False),
    Column("external_ref", String),
    Column("tag", String),
    Column("models", String, nullable=False, server_default=text("''")),
    Column("removed_ms", TIME),
    Column("operator_set", String, nullable=False, server_default=text("''")),
    Index("sub_accounts_account", "account_id"),
)
"""`tag` is put on requests that name none; `models` are those that its keys may use, all where empty."""

purses = Table(
    "purses",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("account_id", ID, nullable=False),
    Column("balance_nanos", AMOUNT, nullable=False),
    Column("leased_nanos", AMOUNT, nullable=False),
    Column("alert_nanos", AMOUNT, nullable=False, server_default="0"),
    Column("wanted_ms", TIME, nullable=False, server_default="0"),
    Column("cap_id", ID),
    Column("subject", String),
    Column("window_start_ms", TIME),
    Column("window_end_ms", TIME),
    Column("limit_nanos", AMOUNT),
    CheckConstraint("balance_nanos >= 0", name="balance_never_negative"),
    CheckConstraint("leased_nanos >= 0 AND leased_nanos <= balance_nanos", name="leased_within_balance"),
    Index("purses_account", "account_id"),
    Index("purses_cap", "cap_id"),
)
"""What workers borrow from: an account's balance (its id is the account's), a package (its id is the package's), or what
is left of a cap in one window. The last five columns are a cap window's. An event is written when the balance falls to
`alert_nanos`; `wanted_ms` is when a worker was last refused a loan while others had some."""

caps = Table(
    "caps",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("scope", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("window", String, nullable=False),
    Column("limit_nanos", AMOUNT, nullable=False),
    Column("alert_ppm", Integer, nullable=False),
    Column("created_ms", TIME, nullable=False),
    Column("removed_ms", TIME),
    Column("set_by", String, nullable=False, server_default="operator"),
    CheckConstraint("limit_nanos > 0", name="cap_above_zero"),
    Index("caps_account", "account_id"),
    Index(
        "caps_one_of_each",
        "account_id",
        "scope",
        "subject",
        "window",
        "set_by",
        unique=True,
        sqlite_where=text("removed_ms IS NULL"),
    ),
)
"""`set_by` is `operator` or `account`: each side has caps of its own, and both hold."""

products = Table(
    "products",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("amount", AMOUNT, nullable=False),
    Column("models", String, nullable=False),
    Column("price_nanos", AMOUNT, nullable=False),
    Column("currency", String, nullable=False),
    Column("validity_days", Integer),
    Column("state", String, nullable=False),
    Column("created_ms", TIME, nullable=False),
    CheckConstraint("amount > 0 AND price_nanos >= 0", name="product_is_worth_something"),
)
"""`amount` is in micro-tokens for unit `tokens`, in nano-units for unit `money`."""

packages = Table(
    "packages",
    metadata,
    Column("id", ID, ForeignKey("purses.id"), primary_key=True, autoincrement=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("product_id", ID, ForeignKey("products.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("amount", AMOUNT, nullable=False),
    Column("models", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("bought_ms", TIME, nullable=False),
    Column("expires_ms", TIME),
    Column("state", String, nullable=False),
    Column("reference", String),
    Index("packages_account", "account_id"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hint", String, nullable=False),
    Column("models", String, nullable=False),
    Column("expires_ms", TIME),
    Column("revoked_ms", TIME),
    Column("created_ms", TIME, nullable=False),
    Column("sub_account_id", ID),
    Column("billing", String, nullable=False, server_default="payg"),
    Column("package_id", ID),
    Column("unsupported", String, nullable=False, server_default="dropped"),
    Column("costs", String, nullable=False, server_default="shown"),
    Column("routes", String, nullable=False, server_default=text("''")),
    Column("networks", String, nullable=False, server_default=text("''")),
    Column("old_digest", LargeBinary),
    Column("old_expires_ms", TIME),
    Column("disabled_ms", TIME),
    Column("operator_set", String, nullable=False, server_default=text("''")),
    UniqueConstraint("digest", name="keys_digest"),
    Index("keys_account", "account_id"),
    Index("keys_old_digest", "old_digest", unique=True, sqlite_where=text("old_digest IS NOT NULL")),
)
"""`routes` and `networks` are lists with commas, all where empty. `old_digest` is that of the secret before a rotation, which
works until `old_expires_ms`. `disabled_ms` is since when it is refused, NULL while it is not. `operator_set` is a list with a
comma behind each word: what the operator limited of it, which its account does not change."""

transfers = Table(
    "transfers",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("debit_account", String, nullable=False),
    Column("credit_account", String, nullable=False),
    Column("amount_nanos", AMOUNT, nullable=False),
    Column("currency", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("created_ms", TIME, nullable=False),
    Column("reference", String),
    CheckConstraint("amount_nanos > 0", name="amount_above_zero"),
    Index("transfers_debit_account", "debit_account"),
    Index("transfers_credit_account", "credit_account"),
    Index("transfers_once", "kind", "reference", unique=True),
)
"""`reference` is what a transfer belongs to (an order, a voucher, a package, a refund): the same one is posted once."""

price_cards = Table(
    "price_cards",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("input", AMOUNT, nullable=False),
    Column("output", AMOUNT, nullable=False),
    Column("cached_input", AMOUNT),
    Column("reasoning", AMOUNT),
    Column("audio_input", AMOUNT),
    Column("audio_output", AMOUNT),
    Column("source", String, nullable=False),
    Column("created_ms", TIME, nullable=False),
    Column("cache_write_5m", AMOUNT),
    Column("cache_write_1h", AMOUNT),
    Column("image", AMOUNT),
    Column("call", AMOUNT),
    Column("tiers", String),
    Column("batch_ppm", Integer),
    Column("valid_from_ms", TIME),
)

workers = Table(
    "workers",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("number", SmallInteger, nullable=False, unique=True),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_ms", TIME, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("worker_id", ID, ForeignKey("workers.id"), primary_key=True, autoincrement=False),
    Column("purse_id", ID, primary_key=True, autoincrement=False),
    Column("amount_nanos", AMOUNT, nullable=False),
    CheckConstraint("amount_nanos >= 0", name="lease_never_negative"),
    sqlite_with_rowid=False,
)

holds = Table(
    "holds",
    metadata,
    Column("exchange_id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, nullable=False),
    Column("key_id", ID, nullable=False),
    Column("worker_id", ID, nullable=False),
    Column("payer_id", ID, nullable=False),
    Column("amount_nanos", AMOUNT, nullable=False),
    Column("model_asked", String, nullable=False),
    Column("started_ms", TIME, nullable=False),
    Column("expires_ms", TIME, nullable=False),
    Column("sub_account_id", ID),
    Column("tag", String),
    Column("end_user", String),
    Column("session", String),
)
"""In the order of rows.hold_values. `payer_id` is the purse that pays: the account's or a package's."""

# No secondary index: each costs every charge over a microsecond, and what people read, they read seldom.
exchanges = Table(
    "exchanges",
    metadata,
    Column("exchange_id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, nullable=False),
    Column("key_id", ID, nullable=False),
    Column("worker_id", ID, nullable=False),
    Column("outcome", String, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("started_ms", TIME, nullable=False),
    Column("ended_ms", TIME, nullable=False),
    Column("first_byte_ms", TIME),
    Column("streamed", SmallInteger, nullable=False),
    Column("lane", String, nullable=False),
    Column("model_asked", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("model_routed", String, nullable=False),
    Column("model_answered", String),
    Column("attempts", SmallInteger, nullable=False),
    Column("input_tokens", BigInteger),
    Column("cached_input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("audio_input_tokens", BigInteger),
    Column("audio_output_tokens", BigInteger),
    Column("basis", String, nullable=False),
    Column("card_id", ID),
    Column("fee_ppm", Integer, nullable=False),
    Column("hold_nanos", AMOUNT, nullable=False),
    Column("base_nanos", AMOUNT, nullable=False),
    Column("fee_nanos", AMOUNT, nullable=False),
    Column("written_off_nanos", AMOUNT, nullable=False),
    Column("sub_account_id", ID),
    Column("tag", String),
    Column("end_user", String),
    Column("session", String),
    Column("package_id", ID),
    Column("package_micros", AMOUNT, nullable=False, server_default="0"),
    Column("ratio_ppm", Integer),
    Column("caps", String),
    Column("price_ppm", Integer, nullable=False, server_default="1000000"),
    Column("rate_nanos", AMOUNT),
    Column("provider_cost_nanos", AMOUNT),
    Column("cache_write_5m_tokens", BigInteger),
    Column("cache_write_1h_tokens", BigInteger),
    Column("images", BigInteger),
    Column("calls", BigInteger),
)
"""In the order of rows.line_values. A row is itself the transfer: the account pays base + fee - written off, or, with
`package_id`, the package does (`package_micros` micro-tokens where it holds tokens). `caps` are the cap windows that
the same amount was counted in, as a JSON list."""

refusals = Table(
    "refusals",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, nullable=False),
    Column("key_id", ID, nullable=False),
    Column("sub_account_id", ID),
    Column("status", SmallInteger, nullable=False),
    Column("code", String, nullable=False),
    Column("message", String),
    Column("path", String, nullable=False),
)
"""Requests of known keys that were refused before they became exchanges; `id` is that of the exchange that each would be."""

ROLLUP_KEY = (
    "hour_ms",
    "account_id",
    "key_id",
    "sub_account_id",
    "provider",
    "model_routed",
    "tag",
    "end_user",
    "session",
)
usage_hours = Table(
    "usage_hours",
    metadata,
    Column("hour_ms", TIME, primary_key=True, autoincrement=False),
    Column("account_id", ID, primary_key=True, autoincrement=False),
    Column("key_id", ID, primary_key=True, autoincrement=False),
    Column("sub_account_id", ID, primary_key=True, autoincrement=False),
    Column("provider", String, primary_key=True),
    Column("model_routed", String, primary_key=True),
    Column("tag", String, primary_key=True),
    Column("end_user", String, primary_key=True),
    Column("session", String, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_input_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("audio_tokens", BigInteger, nullable=False),
    Column("images", BigInteger, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("base_nanos", AMOUNT, nullable=False),
    Column("fee_nanos", AMOUNT, nullable=False),
    Column("written_off_nanos", AMOUNT, nullable=False),
    Column("package_paid_nanos", AMOUNT, nullable=False),
    Column("package_micros", AMOUNT, nullable=False),
    Index("usage_hours_account", "account_id", "hour_ms"),
    sqlite_with_rowid=False,
)
"""What was used in an hour, written with the lines it sums. The hour is that of the line's end; zero and empty text stand
for "none". `package_paid_nanos` is the part of the totals that money packages paid instead of the balance."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope_id", ID, primary_key=True, autoincrement=False),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("exchange_id", ID, nullable=False),
    Column("worker_id", ID, nullable=False),
    Column("status", SmallInteger),
    Column("content_type", String),
    Column("body", LargeBinary),
    Column("created_ms", TIME, nullable=False),
    Column("expires_ms", TIME, nullable=False),
    Index("idempotency_expires", "expires_ms"),
    Index("idempotency_worker", "worker_id"),
)
"""Stored answers by account (zero for the admin API) and the digest of the client's key; the body is encrypted with the
key itself, which is not here."""

events = Table(
    "events",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("data", String, nullable=False),
    Column("created_ms", TIME, nullable=False),
    UniqueConstraint("kind", "subject", name="events_once"),
    Index("events_account", "account_id"),
    Index("events_created", "created_ms"),
)
"""What people should know of, for webhooks and the console; the same (kind, subject) is told once."""
