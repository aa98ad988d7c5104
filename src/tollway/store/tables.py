"""The tables, once, for every database that Tollway keeps its books in. Knows no statement and no connection."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

SCHEMA_VERSION = "0001"
"""The newest migration; four digits, so that versions compare as texts."""

metadata = MetaData()

# An INTEGER key is SQLite's own row id; only by that exact name. Everywhere else it must hold 64 bits.
ID = BigInteger().with_variant(Integer, "sqlite")
AMOUNT = BigInteger
TIME = BigInteger

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
)

purses = Table(
    "purses",
    metadata,
    Column("account_id", ID, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("balance_nanos", AMOUNT, nullable=False),
    Column("leased_nanos", AMOUNT, nullable=False),
    CheckConstraint("balance_nanos >= 0", name="balance_never_negative"),
    CheckConstraint("leased_nanos >= 0 AND leased_nanos <= balance_nanos", name="leased_within_balance"),
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
    UniqueConstraint("digest", name="keys_digest"),
    Index("keys_account", "account_id"),
)

admin_keys = Table(
    "admin_keys",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_ms", TIME, nullable=False),
    Column("revoked_ms", TIME),
    UniqueConstraint("digest", name="admin_keys_digest"),
)

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
    CheckConstraint("amount_nanos > 0", name="amount_above_zero"),
)

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
    Column("account_id", ID, primary_key=True, autoincrement=False),
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
    Column("amount_nanos", AMOUNT, nullable=False),
    Column("model_asked", String, nullable=False),
    Column("started_ms", TIME, nullable=False),
    Column("expires_ms", TIME, nullable=False),
)
"""In the order of ledger.lines.Hold."""

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
)
"""In the order of ledger.lines.ExchangeLine, with the usage spread out. A row is itself the transfer."""
