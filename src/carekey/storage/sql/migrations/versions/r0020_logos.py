"""Pictures of applications, for the page where people decide to share with them."""

from alembic import op
from sqlalchemy import Column, LargeBinary, Text

revision = "0020_logos"
down_revision = "0019_details"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "logos",
        Column("issuer", TEXT, primary_key=True),
        Column("client", TEXT, primary_key=True),
        Column("picture", LargeBinary(), nullable=False),
    )
