"""Who set a limit: what an account limits itself to stands beside what its operator set, and what there was is the operator's."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns; every limit that there is counts as the operator's."""
    op.add_column("rate_limits", sa.Column("account_rpm", sa.Integer()))
