"""The first tables."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Text, text

revision = "0001"
down_revision = None

# As they were on the day of this revision: later changes of the schema module do not reach back.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger()
SERIAL = BigInteger().with_variant(Integer, "sqlite")
BYTES = LargeBinary()
NOT_RETIRING = text("state != 'retiring'")


def upgrade() -> None:
    op.create_table(
        "people",
        Column("id", TEXT, primary_key=True),
        Column("given_name", TEXT, nullable=False),
        Column("family_name", TEXT, nullable=False),
        Column("title", TEXT),
        Column("middle_names", TEXT),
        Column("initials", TEXT),
        Column("display_name", TEXT),
        Column("email", TEXT),
        Column("ial", NUMBER, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("professional_ids", TEXT),
        Column("family_key", TEXT, nullable=False),
        Column("email_key", TEXT),
        sqlite_with_rowid=False,
    )
    op.create_index("people_by_email_key", "people", ["email_key"])
    op.create_index("people_by_family_key_id", "people", ["family_key", "id"])
    op.create_table(
        "organisations",
        Column("code", TEXT, primary_key=True),
        Column("name", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "positions",
        Column("id", TEXT, primary_key=True),
        Column("organisation", TEXT, nullable=False),
        Column("name", TEXT, nullable=False),
        Column("roles", TEXT, nullable=False),
    )
    op.create_table(
        "memberships",
        Column("id", TEXT, primary_key=True),
        Column("person", TEXT, nullable=False),
        Column("organisation", TEXT, nullable=False),
        Column("gnc", TEXT),
        sqlite_with_rowid=False,
    )
    op.create_index("memberships_by_person", "memberships", ["person"])
    op.create_table(
        "role_profiles",
        Column("person", TEXT, primary_key=True),
        Column("id", TEXT, primary_key=True),
        Column("membership", TEXT, ForeignKey("memberships.id"), nullable=False),
        Column("organisation", TEXT, nullable=False),
        Column("role", TEXT, nullable=False),
        Column("position", TEXT),
        Column("starts", NUMBER),
        Column("ends", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("role_profiles_one_id", "role_profiles", ["id"], unique=True)
    op.create_table(
        "credentials",
        Column("id", TEXT, primary_key=True),
        Column("person", TEXT, nullable=False),
        Column("kind", TEXT, nullable=False),
        Column("handle", BYTES, nullable=False),
        Column("label", TEXT, nullable=False),
        Column("data", BYTES, nullable=False),
        Column("counter", NUMBER, nullable=False),
        Column("created_at", NUMBER, nullable=False),
        Column("last_used_at", NUMBER),
        Column("revoked_at", NUMBER),
    )
    op.create_index("credentials_by_person", "credentials", ["person"])
    op.create_index("credentials_one_handle", "credentials", ["kind", "handle"], unique=True)
    op.create_table(
        "challenges",
        Column("digest", BYTES, primary_key=True),
        Column("subject", TEXT, nullable=False),
        Column("data", BYTES, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("challenges_by_expires_at", "challenges", ["expires_at"])
    op.create_table(
        "enrolments",
        Column("digest", BYTES, primary_key=True),
        Column("person", TEXT, nullable=False),
        Column("invited_by", TEXT, nullable=False),
        Column("created_at", NUMBER, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        Column("used_at", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("enrolments_by_expires_at", "enrolments", ["expires_at"])
    op.create_table(
        "failures",
        Column("digest", BYTES, primary_key=True),
        Column("count", NUMBER, nullable=False),
        Column("until", NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("failures_by_until", "failures", ["until"])
    op.create_table(
        "sessions",
        Column("id", TEXT, primary_key=True),
        Column("digest", BYTES, nullable=False),
        Column("issuer", TEXT, nullable=False),
        Column("person", TEXT, nullable=False),
        Column("proof", TEXT, nullable=False),
        Column("role", TEXT),
        Column("started_at", NUMBER, nullable=False),
        Column("last_used_at", NUMBER, nullable=False),
        Column("ended_at", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("sessions_by_person", "sessions", ["person"])
    op.create_index("sessions_by_started_at", "sessions", ["started_at"])
    op.create_index("sessions_one_digest", "sessions", ["digest"], unique=True)
    op.create_table(
        "session_clients",
        Column("session", TEXT, primary_key=True),
        Column("client", TEXT, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "logins",
        Column("id", TEXT, primary_key=True),
        Column("issuer", TEXT, nullable=False),
        Column("browser", BYTES, nullable=False),
        Column("reference", TEXT, nullable=False),
        Column("asked", TEXT, nullable=False),
        Column("request", BYTES, nullable=False),
        Column("proof", TEXT),
        Column("role", TEXT),
        Column("started_at", NUMBER, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        Column("ended_at", NUMBER),
        Column("outcome", TEXT),
    )
    op.create_index("logins_by_expires_at", "logins", ["expires_at"])
    op.create_table(
        "clients",
        Column("issuer", TEXT, primary_key=True),
        Column("id", TEXT, primary_key=True),
        Column("name", TEXT, nullable=False),
        Column("data", TEXT, nullable=False),
    )
    op.create_table(
        "codes",
        Column("digest", BYTES, primary_key=True),
        Column("grant", TEXT, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        Column("redeemed_at", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("codes_by_expires_at", "codes", ["expires_at"])
    op.create_table(
        "access_tokens",
        Column("digest", BYTES, primary_key=True),
        Column("issuer", TEXT, nullable=False),
        Column("client", TEXT, nullable=False),
        Column("person", TEXT),
        Column("session", TEXT),
        Column("scopes", TEXT, nullable=False),
        Column("role", TEXT),
        Column("requested_claims", TEXT),
        Column("code", BYTES),
        Column("issued_at", NUMBER, nullable=False),
        Column("expires_at", NUMBER, nullable=False),
        Column("revoked_at", NUMBER),
        sqlite_with_rowid=False,
    )
    op.create_index("access_tokens_by_code", "access_tokens", ["code"])
    op.create_index("access_tokens_by_expires_at", "access_tokens", ["expires_at"])
    op.create_table(
        "assertions",
        Column("digest", BYTES, primary_key=True),
        Column("expires_at", NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("assertions_by_expires_at", "assertions", ["expires_at"])
    op.create_table(
        "keys",
        Column("id", TEXT, primary_key=True),
        Column("issuer", TEXT, nullable=False),
        Column("alg", TEXT, nullable=False),
        Column("state", TEXT, nullable=False),
        Column("sealed", BYTES, nullable=False),
        Column("created_at", NUMBER, nullable=False),
        Column("changed_at", NUMBER, nullable=False),
    )
    op.create_index(
        "keys_one_state",
        "keys",
        ["issuer", "alg", "state"],
        unique=True,
        sqlite_where=NOT_RETIRING,
        postgresql_where=NOT_RETIRING,
    )
    op.create_table(
        "audit",
        Column("id", SERIAL, primary_key=True, autoincrement=True),
        Column("tag", TEXT, nullable=False),
        Column("refusal", NUMBER, nullable=False),
        Column("at", NUMBER, nullable=False),
        Column("actor_kind", TEXT, nullable=False),
        Column("actor_id", TEXT, nullable=False),
        Column("reference", TEXT, nullable=False),
        Column("data", TEXT, nullable=False),
    )
    op.create_index("audit_by_actor_id_id", "audit", ["actor_id", "id"])
    op.create_index("audit_by_reference_id", "audit", ["reference", "id"])
