"""What an access token is good for, more finely than by scopes."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0019_details"
down_revision = "0018_spoilt_codes"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("access_tokens", Column("authorization_details", TEXT))
