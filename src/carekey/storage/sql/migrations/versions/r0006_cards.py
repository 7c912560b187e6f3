"""Smartcards, their certificates, and what was fetched about revocation."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Text, text

revision = "0006_cards"
down_revision = "0005_pushed"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()
BYTES = LargeBinary()
REVOKED = text("revoked_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "cards",
        Column("id", TEXT, primary_key=True),
        Column("serial", TEXT, nullable=False),
        Column("person", TEXT, nullable=False),
        Column("profile", TEXT, nullable=False),
        Column("state", TEXT, nullable=False),
        Column("created_at", NUMBER, nullable=False),
        Column("changed_at", NUMBER, nullable=False),
        Column("why_cancelled", TEXT),
    )
    op.create_index("cards_one_serial", "cards", ["serial"], unique=True)
    op.create_index("cards_by_person", "cards", ["person"])
    op.create_table(
        "card_certificates",
        Column("issuer", BYTES, primary_key=True),
        Column("serial", TEXT, primary_key=True),
        Column("card", TEXT, ForeignKey("cards.id"), nullable=False),
        Column("purpose", TEXT, nullable=False),
        Column("der", BYTES, nullable=False),
        Column("starts_at", NUMBER, nullable=False),
        Column("ends_at", NUMBER, nullable=False),
        Column("revoked_at", NUMBER),
        Column("superseded_at", NUMBER),
    )
    op.create_index("card_certificates_by_card", "card_certificates", ["card"])
    op.create_index(
        "card_certificates_revoked",
        "card_certificates",
        ["issuer", "ends_at"],
        sqlite_where=REVOKED,
        postgresql_where=REVOKED,
    )
    op.create_table(
        "revocation_evidence",
        Column("key", TEXT, primary_key=True),
        Column("der", BYTES, nullable=False),
        Column("fetched_at", NUMBER, nullable=False),
        Column("until", NUMBER, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
    )
    op.create_index("revocation_evidence_by_fetched_at", "revocation_evidence", ["fetched_at"])
    op.create_index("revocation_evidence_by_expires_at", "revocation_evidence", ["expires_at"])
