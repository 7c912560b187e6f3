"""The last good BLOBs of metadata services."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0105_metadata"
down_revision = "0011_enrol"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()


def upgrade() -> None:
    op.create_table(
        "metadata_blobs",
        Column("source", TEXT, primary_key=True),
        Column("number", NUMBER, nullable=False),
        Column("blob", LargeBinary, nullable=False),
        Column("fetched_at", NUMBER, nullable=False),
        Column("due_at", NUMBER, nullable=False),
    )
