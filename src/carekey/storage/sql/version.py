"""Which version a database is of, and what to do when it is another."""

from carekey.storage.errors import StorageError

REVISIONS = (
    "0001",
    "0002_logout",
    "0003_refresh",
    "0004_phone",
    "0005_pushed",
    "0006_cards",
    "0007_sender",
    "0008_consents",
    "0009_confirm",
    "0010_decoupled",
    "0011_enrol",
    "0012_metadata",
    "0013_registration",
    "0014_workstations",
    "0015_push_subscriptions",
    "0016_links",
    "0017_user_codes",
    "0018_spoilt_codes",
    "0019_details",
    "0020_logos",
)
"""Every revision in `migrations/versions`, oldest first. Known here too, since Alembic is slow to import."""

FIND = "SELECT version_num FROM alembic_version"


def require(found: str | None) -> None:
    """Raises: StorageError, unless the database is of the latest revision."""
    if found == REVISIONS[-1]:
        return
    if found is None:
        raise StorageError("The database has no tables of CareKey: run “carekey db upgrade” to make them.")
    if found in REVISIONS:
        raise StorageError(
            f"The database is of version {found} and this CareKey needs {REVISIONS[-1]}: run “carekey db upgrade”."
        )
    raise StorageError(
        f"The database is of version {found}, which this CareKey does not know: start the newer CareKey that made it."
    )
