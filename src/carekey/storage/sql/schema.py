"""The tables. Moments are microseconds since 1970 (`_at`, and those named for what they end), truth is 0 or 1,
what no statement looks into is JSON text. The migrations make this; a test compares the two."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, MetaData, Table

from carekey.storage.sql.dialect import SERIAL, TEXT

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "ix": "%(table_name)s_by_%(column_0_N_name)s",
        "uq": "%(table_name)s_one_%(column_0_N_name)s",
        "fk": "%(table_name)s_%(column_0_name)s_exists",
    }
)


def _key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)


def _digest(name: str = "digest") -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, TEXT, nullable=False)


def _maybe(name: str) -> Column[str]:
    return Column(name, TEXT)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _maybe_at(name: str) -> Column[int]:
    return Column(name, BigInteger)


# SQLite keeps a table without row numbers in the order of its key: one tree to descend and one page to write
# instead of two. It suits rows of a few hundred bytes.

people = Table(
    "people",
    metadata,
    _key("id"),
    _text("given_name"),
    _text("family_name"),
    _maybe("title"),
    _maybe("middle_names"),
    _maybe("initials"),
    _maybe("display_name"),
    _maybe("email"),
    _number("ial"),
    _text("status"),
    _maybe("professional_ids"),
    _text("family_key"),
    _maybe("email_key"),
    Index(None, "family_key", "id"),
    Index(None, "email_key"),
    sqlite_with_rowid=False,
)

organisations = Table("organisations", metadata, _key("code"), _text("name"), sqlite_with_rowid=False)

positions = Table("positions", metadata, _key("id"), _text("organisation"), _text("name"), _text("roles"))

memberships = Table(
    "memberships",
    metadata,
    _key("id"),
    _text("person"),
    _text("organisation"),
    _maybe("gnc"),
    Index(None, "person"),
    sqlite_with_rowid=False,
)

role_profiles = Table(
    "role_profiles",
    metadata,
    # The person comes first, so that all roles of one person lie side by side.
    _key("person"),
    _key("id"),
    Column("membership", TEXT, ForeignKey("memberships.id"), nullable=False),
    _text("organisation"),
    _text("role"),
    _maybe("position"),
    _maybe_at("starts"),
    _maybe_at("ends"),
    Index("role_profiles_one_id", "id", unique=True),
    sqlite_with_rowid=False,
)

credentials = Table(
    "credentials",
    metadata,
    _key("id"),
    _text("person"),
    _text("kind"),
    _bytes("handle"),
    _text("label"),
    _bytes("data"),
    _number("counter"),
    _number("created_at"),
    _maybe_at("last_used_at"),
    _maybe_at("revoked_at"),
    Index(None, "person"),
    Index("credentials_one_handle", "kind", "handle", unique=True),
)

challenges = Table(
    "challenges",
    metadata,
    _digest(),
    _text("subject"),
    _bytes("data"),
    _number("expires_at"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

enrolments = Table(
    "enrolments",
    metadata,
    _digest(),
    _text("person"),
    _text("invited_by"),
    _number("created_at"),
    _number("expires_at"),
    _maybe_at("used_at"),
    Column("level", BigInteger),
    Column("session", TEXT),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

failures = Table(
    "failures",
    metadata,
    _digest(),
    _number("count"),
    _number("until"),
    Index(None, "until"),
    sqlite_with_rowid=False,
)

cards = Table(
    "cards",
    metadata,
    _key("id"),
    _text("serial"),
    _text("person"),
    _text("profile"),
    _text("state"),
    _number("created_at"),
    _number("changed_at"),
    _maybe("why_cancelled"),
    Index("cards_one_serial", "serial", unique=True),
    Index(None, "person"),
)

card_certificates = Table(
    "card_certificates",
    metadata,
    _digest("issuer"),
    # In hexadecimal digits: serial numbers have up to 160 bits.
    _key("serial"),
    Column("card", TEXT, ForeignKey("cards.id"), nullable=False),
    _text("purpose"),
    _bytes("der"),
    _number("starts_at"),
    _number("ends_at"),
    _maybe_at("revoked_at"),
    _maybe_at("superseded_at"),
    Index(None, "card"),
)
_revoked = card_certificates.c.revoked_at.is_not(None)
Index(
    "card_certificates_revoked",
    card_certificates.c.issuer,
    card_certificates.c.ends_at,
    sqlite_where=_revoked,
    postgresql_where=_revoked,
)

revocation_evidence = Table(
    "revocation_evidence",
    metadata,
    _key("key"),
    _bytes("der"),
    _number("fetched_at"),
    _number("until"),
    _number("expires_at"),
    Index(None, "fetched_at"),
    Index(None, "expires_at"),
)

metadata_blobs = Table(
    "metadata_blobs",
    metadata,
    _key("source"),
    _number("number"),
    _bytes("blob"),
    _number("fetched_at"),
    _number("due_at"),
)

approvals = Table(
    "approvals",
    metadata,
    _digest("code"),
    _text("login"),
    _text("state"),
    _text("data"),
    _number("expires_at"),
    Index("approvals_one_login", "login", unique=True),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

uaf_keys = Table("uaf_keys", metadata, _digest(), sqlite_with_rowid=False)

confirmations = Table(
    "confirmations",
    metadata,
    _key("id"),
    _text("person"),
    _text("state"),
    _text("data"),
    _number("asked_at"),
    _number("expires_at"),
    Index(None, "person", "expires_at"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

evidence = Table(
    "evidence",
    metadata,
    _key("id"),
    _text("person"),
    _text("application"),
    _number("confirmed_at"),
    _text("document"),
    Index(None, "person", "confirmed_at"),
)

phone_devices = Table(
    "phone_devices",
    metadata,
    _key("credential"),
    _bytes("digest"),
    _text("person"),
    Index("phone_devices_one_digest", "digest", unique=True),
    sqlite_with_rowid=False,
)

push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    _key("credential"),
    _text("person"),
    _text("endpoint"),
    _bytes("p256dh"),
    _bytes("auth"),
    _number("told_at"),
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    metadata,
    _key("id"),
    _bytes("digest"),
    _text("issuer"),
    _text("person"),
    _text("proof"),
    _maybe("role"),
    _number("started_at"),
    _number("last_used_at"),
    _maybe_at("ended_at"),
    _maybe_at("locked_at"),
    Index("sessions_one_digest", "digest", unique=True),
    Index(None, "person"),
    Index(None, "started_at"),
    sqlite_with_rowid=False,
)

workstations = Table(
    "workstations",
    metadata,
    _key("id"),
    _text("name"),
    _bytes("key"),
    _number("enrolled_at"),
    _number("heard_at"),
    _maybe_at("revoked_at"),
)

card_places = Table(
    "card_places",
    metadata,
    _key("card"),
    _text("workstation"),
    _number("since"),
    _maybe_at("left_at"),
    _maybe_at("expires_at"),
    Index(None, "workstation"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

session_clients = Table("session_clients", metadata, _key("session"), _key("client"), sqlite_with_rowid=False)

logout_deliveries = Table(
    "logout_deliveries",
    metadata,
    _key("session"),
    _key("client"),
    _text("issuer"),
    _text("person"),
    _number("queued_at"),
    _number("tries"),
    _maybe_at("due_at"),
    _text("state"),
    _text("outcome"),
    _maybe_at("settled_at"),
    Index(None, "queued_at"),
    sqlite_with_rowid=False,
)
_unsettled = logout_deliveries.c.due_at.is_not(None)
Index(
    "logout_deliveries_due",
    logout_deliveries.c.issuer,
    logout_deliveries.c.client,
    logout_deliveries.c.due_at,
    sqlite_where=_unsettled,
    postgresql_where=_unsettled,
)

logins = Table(
    "logins",
    metadata,
    _key("id"),
    _text("issuer"),
    _bytes("browser"),
    _text("reference"),
    _text("asked"),
    _bytes("request"),
    _maybe("proof"),
    _maybe("role"),
    _number("started_at"),
    _number("expires_at"),
    _maybe_at("ended_at"),
    _maybe("outcome"),
    _maybe("account"),
    Index(None, "expires_at"),
)

consents = Table(
    "consents",
    metadata,
    _key("person"),
    _key("issuer"),
    _key("client"),
    _text("items"),
    _number("given_at"),
    _number("expires_at"),
    _maybe_at("withdrawn_at"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

clients = Table(
    "clients",
    metadata,
    _key("issuer"),
    _key("id"),
    _text("name"),
    _text("data"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
)

logos = Table("logos", metadata, _key("issuer"), _key("client"), _bytes("picture"))

initial_access_tokens = Table(
    "initial_access_tokens",
    metadata,
    _digest(),
    _text("issuer"),
    _text("note"),
    _text("allowance"),
    _number("uses_left"),
    _number("created_at"),
    _number("expires_at"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

codes = Table(
    "codes",
    metadata,
    _digest(),
    _text("grant"),
    _number("expires_at"),
    _maybe_at("redeemed_at"),
    _maybe_at("spoilt_at"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

access_tokens = Table(
    "access_tokens",
    metadata,
    _digest(),
    _text("issuer"),
    _text("client"),
    _maybe("person"),
    _maybe("session"),
    _text("scopes"),
    _maybe("role"),
    _maybe("requested_claims"),
    Column("code", LargeBinary),
    _number("issued_at"),
    _number("expires_at"),
    _maybe_at("revoked_at"),
    _maybe("audience"),
    _maybe("authentication"),
    _maybe("act"),
    _maybe("confirmation"),
    _maybe("authorization_details"),
    Index(None, "code"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

refresh_families = Table(
    "refresh_families",
    metadata,
    _digest("code"),
    _text("grant"),
    _number("generation"),
    _number("rotated_at"),
    _number("expires_at"),
    _maybe_at("revoked_at"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

assertions = Table(
    "assertions", metadata, _digest(), _number("expires_at"), Index(None, "expires_at"), sqlite_with_rowid=False
)

pushed_requests = Table(
    "pushed_requests",
    metadata,
    _digest(),
    _text("request"),
    _number("expires_at"),
    Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

dpop_proofs = Table(
    "dpop_proofs", metadata, _digest(), _number("expires_at"), Index(None, "expires_at"), sqlite_with_rowid=False
)

decoupled_requests = Table(
    "decoupled_requests",
    metadata,
    _digest("key"),
    Column("user_code", LargeBinary),
    _maybe("person"),
    _text("state"),
    _text("data"),
    _maybe_at("polled_at"),
    _maybe_at("due_at"),
    _number("tries"),
    _number("requested_at"),
    _number("expires_at"),
    Index("decoupled_requests_one_user_code", "user_code", unique=True),
    Index(None, "person"),
    Index(None, "expires_at"),
)
_to_notify = decoupled_requests.c.due_at.is_not(None)
Index("decoupled_requests_due", decoupled_requests.c.due_at, sqlite_where=_to_notify, postgresql_where=_to_notify)

user_codes = Table(
    "user_codes", metadata, _key("person"), _bytes("sealed"), _number("chosen_at"), sqlite_with_rowid=False
)

keys = Table(
    "keys",
    metadata,
    _key("id"),
    _text("issuer"),
    _text("alg"),
    _text("state"),
    _bytes("sealed"),
    _number("created_at"),
    _number("changed_at"),
)
_not_retiring = keys.c.state != "retiring"
Index(
    "keys_one_state",
    keys.c.issuer,
    keys.c.alg,
    keys.c.state,
    unique=True,
    sqlite_where=_not_retiring,
    postgresql_where=_not_retiring,
)

audit = Table(
    "audit",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _text("tag"),
    _number("refusal"),
    _number("at"),
    _text("actor_kind"),
    _text("actor_id"),
    _text("reference"),
    _text("data"),
    Index(None, "actor_id", "id"),
    Index(None, "reference", "id"),
)
