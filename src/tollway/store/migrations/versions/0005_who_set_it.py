"""Who set a limit: what an account limits itself to stands beside what its operator set, and what there was is the operator's."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OF_KEYS = (
    ("models", "models <> ''"),
    ("routes", "routes <> ''"),
    ("networks", "networks <> ''"),
    ("expires", "expires_ms IS NOT NULL"),
    ("disabled", "disabled_ms IS NOT NULL"),
)
OF_SUB_ACCOUNTS = (("models", "models <> ''"), ("suspended", "state = 'suspended'"))
"""What limits one, and where it does."""


def upgrade() -> None:
    """Add columns; every limit that there is counts as the operator's."""
    op.add_column("rate_limits", sa.Column("account_rpm", sa.Integer()))
    op.add_column("caps", sa.Column("set_by", sa.String(), nullable=False, server_default="operator"))
    op.drop_index("caps_one_of_each", "caps")
    standing = sa.text("removed_ms IS NULL")
    op.create_index(
        "caps_one_of_each",
        "caps",
        ["account_id", "scope", "subject", "window", "set_by"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    for table, words in (("keys", OF_KEYS), ("sub_accounts", OF_SUB_ACCOUNTS)):
        op.add_column(table, sa.Column("operator_set", sa.String(), nullable=False, server_default=sa.text("''")))
        listed = " || ".join(f"CASE WHEN {there} THEN '{word},' ELSE '' END" for word, there in words)
        op.execute(f"UPDATE {table} SET operator_set = {listed}")  # noqa: S608 words of this file
