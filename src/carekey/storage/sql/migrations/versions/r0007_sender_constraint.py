"""Tokens that are bound to a key, and DPoP proofs that were used."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0007_sender"
down_revision = "0006_cards"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("access_tokens", Column("confirmation", TEXT))
    op.create_table(
        "dpop_proofs",
        Column("digest", LargeBinary, primary_key=True),
        Column("expires_at", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("dpop_proofs_by_expires_at", "dpop_proofs", ["expires_at"])
