"""Log-in with a phone: approvals across devices, and the keys that were registered."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0004_phone"
down_revision = "0003_refresh"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()
BYTES = LargeBinary()


def upgrade() -> None:
    op.create_table(
        "approvals",
        Column("code", BYTES, primary_key=True),
        Column("login", TEXT, nullable=False),
        Column("state", TEXT, nullable=False),
        Column("data", TEXT, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("approvals_one_login", "approvals", ["login"], unique=True)
    op.create_index("approvals_by_expires_at", "approvals", ["expires_at"])
    op.create_table("uaf_keys", Column("digest", BYTES, primary_key=True), sqlite_with_rowid=False)
