"""Workstations and the cards in their readers; sessions that are locked while their card is out."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0014_workstations"
down_revision = "0013_registration"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()


def upgrade() -> None:
    op.add_column("sessions", Column("locked_at", NUMBER))
    op.create_table(
        "workstations",
        Column("id", TEXT, primary_key=True),
        Column("name", TEXT, nullable=False),
        Column("key", LargeBinary(), nullable=False),
        Column("enrolled_at", NUMBER, nullable=False),
        Column("heard_at", NUMBER, nullable=False),
        Column("revoked_at", NUMBER),
    )
    op.create_table(
        "card_places",
        Column("card", TEXT, primary_key=True),
        Column("workstation", TEXT, nullable=False),
        Column("since", NUMBER, nullable=False),
        Column("left_at", NUMBER),
        Column("expires_at", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("card_places_by_workstation", "card_places", ["workstation"])
    op.create_index("card_places_by_expires_at", "card_places", ["expires_at"])
