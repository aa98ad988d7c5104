"""The tables of who may do what: admin and management keys, limits of rates, the audit trail, what accounts bring.

Knows no statement and no connection.
"""

from sqlalchemy import (
    BigInteger,
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

from tollway.store.columns import ID, TIME, metadata

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

management_keys = Table(
    "management_keys",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hint", String, nullable=False),
    Column("access", String, nullable=False),
    Column("created_ms", TIME, nullable=False),
    Column("expires_ms", TIME),
    Column("revoked_ms", TIME),
    UniqueConstraint("digest", name="management_keys_digest"),
    Index("management_keys_account", "account_id"),
)
"""Keys that manage an account and ask no model; `access` is `read_only` or `read_write`."""

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("account_id", ID, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("scope", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("rpm", Integer),
    Column("burst", Integer),
    Column("tpm", BigInteger),
    Column("concurrency", Integer),
    Column("created_ms", TIME, nullable=False),
    Column("account_rpm", Integer),
)
"""How fast requests may come; NULL is no limit of that kind. `subject` as in `caps`; `burst` is for ten seconds. The operator set
all but `account_rpm`, which is what the account limited itself to."""

audit = Table(
    "audit",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, nullable=False),
    Column("actor_kind", String, nullable=False),
    Column("actor_id", ID),
    Column("action", String, nullable=False),
    Column("resource_type", String, nullable=False),
    Column("resource_id", String, nullable=False),
    Column("metadata", String, nullable=False),
    Column("ip_address", String),
    Column("created_ms", TIME, nullable=False),
    Index("audit_account", "account_id", "id"),
)
"""Who changed what of an account; written in the transaction of the change, and never changed. `metadata` is JSON."""

account_providers = Table(
    "account_providers",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("preset", String, nullable=False),
    Column("base_url", String),
    Column("auth", String, nullable=False),
    Column("sealed_key", LargeBinary),
    Column("key_hint", String),
    Column("is_default", SmallInteger, nullable=False, server_default="0"),
    Column("enabled", SmallInteger, nullable=False, server_default="1"),
    Column("created_ms", TIME, nullable=False),
    Column("removed_ms", TIME),
    Index(
        "account_providers_one_of_each",
        "account_id",
        "name",
        unique=True,
        sqlite_where=text("removed_ms IS NULL"),
    ),
)
"""Providers that accounts bring: `name` is the alias that their requests name, `auth` is `api_key` or `passthrough`, and the
key is encrypted."""

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("account_id", ID, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_ms", TIME, nullable=False),
)
"""What messages to an account are signed with, encrypted."""
