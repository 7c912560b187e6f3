"""The session in which a person made a one-time link for themself, with which it ends."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0016_links"
down_revision = "0015_push_subscriptions"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("enrolments", Column("session", TEXT))
