"""Authorization requests that were pushed (RFC 9126)."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0005_pushed"
down_revision = "0004_phone"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "pushed_requests",
        Column("digest", LargeBinary, primary_key=True),
        Column("request", TEXT, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("pushed_requests_by_expires_at", "pushed_requests", ["expires_at"])
