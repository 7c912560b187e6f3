"""Clients that register themselves: their revision, and the tokens that let them."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0013_registration"
down_revision = "0012_metadata"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()


def upgrade() -> None:
    op.add_column("clients", Column("revision", NUMBER, nullable=False, server_default="0"))
    op.create_table(
        "initial_access_tokens",
        Column("digest", LargeBinary, primary_key=True),
        Column("issuer", TEXT, nullable=False),
        Column("note", TEXT, nullable=False),
        Column("allowance", TEXT, nullable=False),
        Column("uses_left", NUMBER, nullable=False),
        Column("created_at", NUMBER, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("initial_access_tokens_by_expires_at", "initial_access_tokens", ["expires_at"])
