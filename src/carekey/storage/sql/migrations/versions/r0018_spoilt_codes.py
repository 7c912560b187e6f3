"""When a code came again, so that nothing more is had for what it bought."""

from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0018_spoilt_codes"
down_revision = "0017_user_codes"


def upgrade() -> None:
    op.add_column("codes", Column("spoilt_at", BigInteger()))
