"""Texts that persons are asked to confirm, the evidence that they did, and the phones that show them."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0009_confirm"
down_revision = "0008_consents"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()
BYTES = LargeBinary()


def upgrade() -> None:
    op.create_table(
        "confirmations",
        Column("id", TEXT, primary_key=True),
        Column("person", TEXT, nullable=False),
        Column("state", TEXT, nullable=False),
        Column("data", TEXT, nullable=False),
        Column("asked_at", NUMBER, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("confirmations_by_person_expires_at", "confirmations", ["person", "expires_at"])
    op.create_index("confirmations_by_expires_at", "confirmations", ["expires_at"])
    op.create_table(
        "evidence",
        Column("id", TEXT, primary_key=True),
        Column("person", TEXT, nullable=False),
        Column("application", TEXT, nullable=False),
        Column("confirmed_at", NUMBER, nullable=False),
        Column("document", TEXT, nullable=False),
    )
    op.create_index("evidence_by_person_confirmed_at", "evidence", ["person", "confirmed_at"])
    op.create_table(
        "phone_devices",
        Column("credential", TEXT, primary_key=True),
        Column("digest", BYTES, nullable=False),
        Column("person", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("phone_devices_one_digest", "phone_devices", ["digest"], unique=True)
