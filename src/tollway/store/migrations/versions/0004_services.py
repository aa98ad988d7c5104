"""What the four services have: brands, scopes and rotation of keys, management keys, limits of rates, audit, own providers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns and tables; what exists goes on as before."""
    op.add_column("accounts", sa.Column("brand", sa.String()))
    op.add_column("sub_accounts", sa.Column("external_ref", sa.String()))
    op.add_column("sub_accounts", sa.Column("tag", sa.String()))
    op.add_column("sub_accounts", sa.Column("models", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("sub_accounts", sa.Column("removed_ms", sa.BigInteger()))
    op.add_column("keys", sa.Column("routes", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("keys", sa.Column("networks", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("keys", sa.Column("old_digest", sa.LargeBinary()))
    op.add_column("keys", sa.Column("old_expires_ms", sa.BigInteger()))
    op.add_column("keys", sa.Column("disabled_ms", sa.BigInteger()))
    given = sa.text("old_digest IS NOT NULL")
    op.create_index("keys_old_digest", "keys", ["old_digest"], unique=True, sqlite_where=given, postgresql_where=given)
    _add_access()
    _add_own_providers()
    _add_refusals()


def _add_access() -> None:
    op.create_table(
        "management_keys",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("access", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger()),
        sa.Column("revoked_ms", sa.BigInteger()),
        sa.UniqueConstraint("digest", name="management_keys_digest"),
    )
    op.create_index("management_keys_account", "management_keys", ["account_id"])
    op.create_table(
        "rate_limits",
        sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("scope", sa.String(), primary_key=True),
        sa.Column("subject", sa.String(), primary_key=True),
        sa.Column("rpm", sa.Integer()),
        sa.Column("burst", sa.Integer()),
        sa.Column("tpm", sa.BigInteger()),
        sa.Column("concurrency", sa.Integer()),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", ID),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("metadata", sa.String(), nullable=False),
        sa.Column("ip_address", sa.String()),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("audit_account", "audit", ["account_id", "id"])


def _add_own_providers() -> None:
    op.create_table(
        "account_providers",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("preset", sa.String(), nullable=False),
        sa.Column("base_url", sa.String()),
        sa.Column("auth", sa.String(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary()),
        sa.Column("key_hint", sa.String()),
        sa.Column("is_default", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("enabled", sa.SmallInteger(), nullable=False, server_default="1"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_ms", sa.BigInteger()),
    )
    standing = sa.text("removed_ms IS NULL")
    op.create_index(
        "account_providers_one_of_each",
        "account_providers",
        ["account_id", "name"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("account_id", ID, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
    )


def _add_refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("key_id", ID, nullable=False),
        sa.Column("sub_account_id", ID),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.String()),
        sa.Column("path", sa.String(), nullable=False),
    )
