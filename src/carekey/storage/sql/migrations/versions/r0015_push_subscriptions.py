"""Where phones want to be told that something waits."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0015_push_subscriptions"
down_revision = "0014_workstations"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "push_subscriptions",
        Column("credential", TEXT, primary_key=True),
        Column("person", TEXT, nullable=False),
        Column("endpoint", TEXT, nullable=False),
        Column("p256dh", LargeBinary(), nullable=False),
        Column("auth", LargeBinary(), nullable=False),
        Column("told_at", BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
