"""The level of log-in in which a one-time link was made: what is added by it may be worth no more."""

from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0011_enrol"
down_revision = "0010_decoupled"


def upgrade() -> None:
    op.add_column("enrolments", Column("level", BigInteger()))
