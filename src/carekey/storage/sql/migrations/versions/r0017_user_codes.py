"""The codes by which applications may ask for people."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0017_user_codes"
down_revision = "0016_links"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "user_codes",
        Column("person", TEXT, primary_key=True),
        Column("sealed", LargeBinary(), nullable=False),
        Column("chosen_at", BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
