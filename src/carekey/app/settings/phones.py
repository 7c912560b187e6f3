"""Settings of log-ins by FIDO UAF."""

import re
from typing import Literal
from urllib.parse import urlsplit

from carekey.app.settings.section import Section, SettingsError, duration

_AAID = re.compile(r"[0-9A-Fa-f]{4}#[0-9A-Fa-f]{4}", re.ASCII)
_CONTACT = re.compile(r"mailto:[!-?A-~]+@[!-?A-~]+|https://[!-~]+", re.ASCII)


class Uaf(Section, frozen=True):
    app_id: str | None = None
    """The AppID, part of every phone's key: an https address of ours that ends in `/uaf/facets`. By default that of
    the first issuer. It cannot be changed later without everybody registering again."""
    facets: list[str] = []
    """Further apps that may use the keys, `android:apk-key-hash:…` or `ios:bundle-id:…`, besides our own origins."""
    statements: str | None = None
    """Folder with metadata statements (`*.json`) of the models to accept besides CareKey Phone. Looked at again while
    CareKey runs."""
    metadata: str | None = None
    """A FIDO metadata BLOB (MDS3) with further models and what is reported of them: a file, or an https address."""
    metadata_root: str | None = None
    """PEM file with the root certificate that the BLOB must chain to."""
    metadata_signer: str = "mds.fidoalliance.org"
    """The DNS name that the certificate of the BLOB's signer must bear. Empty: any name, for a root that signs nothing else."""
    metadata_every: str = "6h"
    """How often a BLOB is fetched from an address. A file is looked at again within half a minute."""
    metadata_grace: str = "14d"
    """How long after the day on which a newer BLOB was due new phones are still registered by its word."""
    prefer_statements: bool = False
    """Of a model that is both in the folder and in the BLOB, use the folder's statement. What the BLOB reports of the
    model counts all the same."""
    models: list[str] = []
    """AAIDs of the models to accept. Empty: every one of the folder and of the BLOB. CareKey Phone has its own setting."""
    blocks: str | None = None
    """TOML file with models that the operator blocks at once, whatever the BLOB says. Looked at again while CareKey runs."""
    aal3_models: list[str] = []
    """AAIDs of the models that may reach AAL3, such as `1A2B#0001`: attested in full, keys and matcher in hardware."""
    cross_device_aal3: bool = False
    """Whether such a model may give AAL3 to a log-in on another device too, if it binds its answer to our certificate."""
    channel_binding: Literal["ignore", "verify-if-present", "require"] = "verify-if-present"
    """What becomes of an answer that says to which TLS channel it is bound, or does not say it."""
    channel_certificates: list[str] = []
    """PEM files with the certificates that clients may see, where a proxy ends TLS. By default server.certificate."""
    expired_certificates: list[str] = []
    """AAIDs of models whose attestation certificates may have expired."""
    carekey_phone: bool = True
    """Whether CareKey Phone is accepted, whose keys are in software."""
    per_person: int = 5
    """Phones and tablets that one person may have. With 1, the old one has to be removed before a new one is added."""
    push_contact: str | None = None
    """Where push services find you, a mailto: or https: address. Set, it lets phones be told when something waits for
    their person (Web Push). The messages go to the push service of the phone's browser, over the internet."""
    conformance: bool = False
    """Whether the endpoints of FIDO's conformance tool are there, under /uaf/conformance. For tests; refused in
    production."""


def check(uaf: Uaf) -> None:
    """Raises: SettingsError."""
    if uaf.per_person < 1:
        raise SettingsError("uaf.per_person must be at least 1.")
    for setting in ("models", "aal3_models", "expired_certificates"):
        for aaid in getattr(uaf, setting):
            if not _AAID.fullmatch(aaid):
                raise SettingsError(f"uaf.{setting} names {aaid!r}; an AAID looks like 1A2B#0001.")
    if uaf.push_contact is not None and not _CONTACT.fullmatch(uaf.push_contact):
        raise SettingsError("uaf.push_contact must be an address such as mailto:desk@id.example or https://id.example.")
    duration("uaf.metadata_grace", uaf.metadata_grace)
    check_feed("uaf", uaf.metadata, uaf.metadata_root, uaf.metadata_every)


def check_feed(section: str, location: str | None, root: str | None, every: str) -> None:
    """Raises: SettingsError, for metadata that could not be had or not be checked."""
    duration(f"{section}.metadata_every", every)
    if location is None:
        return
    if root is None:
        raise SettingsError(
            f"{section}.metadata needs {section}.metadata_root, the root certificate to check it against."
        )
    if "://" in location and (urlsplit(location).scheme != "https" or not urlsplit(location).hostname):
        raise SettingsError(f"{section}.metadata must be a file or an https address, not {location}.")
