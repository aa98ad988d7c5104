"""Keys that refuse what a provider does not support, and keys whose replies do not say what they cost."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; keys that exist go on as before."""
    op.add_column("keys", sa.Column("unsupported", sa.String(), nullable=False, server_default="dropped"))
    op.add_column("keys", sa.Column("costs", sa.String(), nullable=False, server_default="shown"))
