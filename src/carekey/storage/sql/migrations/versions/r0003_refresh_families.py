"""Families of refresh tokens, and what access tokens for resources say."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0003_refresh"
down_revision = "0002_logout"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()
BYTES = LargeBinary()


def upgrade() -> None:
    op.create_table(
        "refresh_families",
        Column("code", BYTES, primary_key=True),
        Column("grant", TEXT, nullable=False),
        Column("generation", NUMBER, nullable=False),
        Column("rotated_at", NUMBER, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        Column("revoked_at", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("refresh_families_by_expires_at", "refresh_families", ["expires_at"])
    for name in ("audience", "authentication", "act"):
        op.add_column("access_tokens", Column(name, TEXT))
