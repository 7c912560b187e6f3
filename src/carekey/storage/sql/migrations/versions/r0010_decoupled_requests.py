"""Requests that a person decides elsewhere (RFC 8628, CIBA)."""

import sqlalchemy
from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0010_decoupled"
down_revision = "0009_confirm"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
DUE = sqlalchemy.text("due_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "decoupled_requests",
        Column("key", LargeBinary, primary_key=True),
        Column("user_code", LargeBinary),
        Column("person", TEXT),
        Column("state", TEXT, nullable=False),
        Column("data", TEXT, nullable=False),
        Column("polled_at", BigInteger),
        Column("due_at", BigInteger),
        Column("tries", BigInteger, nullable=False),
        Column("requested_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
    )
    op.create_index("decoupled_requests_one_user_code", "decoupled_requests", ["user_code"], unique=True)
    op.create_index("decoupled_requests_by_person", "decoupled_requests", ["person"])
    op.create_index("decoupled_requests_by_expires_at", "decoupled_requests", ["expires_at"])
    op.create_index("decoupled_requests_due", "decoupled_requests", ["due_at"], sqlite_where=DUE, postgresql_where=DUE)
