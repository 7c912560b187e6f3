"""Agreements to let applications see something, and who goes on in a log-in."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0008_consents"
down_revision = "0007_sender"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()


def upgrade() -> None:
    op.add_column("logins", Column("account", TEXT))
    op.create_table(
        "consents",
        Column("person", TEXT, primary_key=True),
        Column("issuer", TEXT, primary_key=True),
        Column("client", TEXT, primary_key=True),
        Column("items", TEXT, nullable=False),
        Column("given_at", NUMBER, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        Column("withdrawn_at", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("consents_by_expires_at", "consents", ["expires_at"])
