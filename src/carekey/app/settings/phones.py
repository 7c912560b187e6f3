"""Settings of log-ins by FIDO UAF."""

from carekey.app.settings.section import Section, SettingsError


class Uaf(Section, frozen=True):
    app_id: str | None = None
    """The AppID, part of every phone's key: an https address of ours that ends in `/uaf/facets`. By default that of
    the first issuer. It cannot be changed later without everybody registering again."""
    facets: list[str] = []
    """Further apps that may use the keys, `android:apk-key-hash:…` or `ios:bundle-id:…`, besides our own origins."""
    statements: str | None = None
    """Folder with metadata statements (`*.json`) of the models to accept besides CareKey Phone."""
    carekey_phone: bool = True
    """Whether CareKey Phone is accepted, whose keys are in software."""
    per_person: int = 5
    """Phones and tablets that one person may have. With 1, the old one has to be removed before a new one is added."""
    conformance: bool = False
    """Whether the endpoints of FIDO's conformance tool are there, under /uaf/conformance. For tests; refused in
    production."""


def check(uaf: Uaf) -> None:
    """Raises: SettingsError."""
    if uaf.per_person < 1:
        raise SettingsError("uaf.per_person must be at least 1.")
