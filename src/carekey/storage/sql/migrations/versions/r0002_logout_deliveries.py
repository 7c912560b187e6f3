"""Logout deliveries."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text, text

revision = "0002_logout"
down_revision = "0001"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()
UNSETTLED = text("due_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "logout_deliveries",
        Column("session", TEXT, primary_key=True),
        Column("client", TEXT, primary_key=True),
        Column("issuer", TEXT, nullable=False),
        Column("person", TEXT, nullable=False),
        Column("queued_at", NUMBER, nullable=False),
        Column("tries", NUMBER, nullable=False),
        Column("due_at", NUMBER),
        Column("state", TEXT, nullable=False),
        Column("outcome", TEXT, nullable=False),
        Column("settled_at", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("logout_deliveries_by_queued_at", "logout_deliveries", ["queued_at"])
    op.create_index(
        "logout_deliveries_due",
        "logout_deliveries",
        ["issuer", "client", "due_at"],
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )
