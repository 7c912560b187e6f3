"""Every state of every public page, as `(name, template, context)`."""

from types import SimpleNamespace
from typing import Any

from carekey.authenticators.base import Way
from carekey.kernel.assurance import AAL, Amr
from carekey.public import changelog
from carekey.public.ports import PublishedIssuer

ISSUERS = (
    PublishedIssuer(name="healthcare", url="https://id.example"),
    PublishedIssuer(name="sandbox", url="https://id.example/sandbox", sandbox=True),
)
WAYS = (
    Way(
        name="passkey",
        title="Passkey on this device",
        hint="Windows Hello, Touch ID, Face ID or your device’s PIN",
        amr=frozenset({Amr.FIDO2}),
        levels=frozenset({AAL.AAL2}),
    ),
    Way(
        name="security-key",
        title="Security key",
        hint="A key that you plug in or hold to the reader",
        amr=frozenset({Amr.FIDO2}),
        levels=frozenset({AAL.AAL3}),
    ),
    Way(
        name="smartcard",
        title="Smartcard",
        hint="Put your card in the reader and enter its passcode",
        amr=frozenset({Amr.N3_SMARTCARD}),
        levels=frozenset({AAL.AAL3}),
    ),
    Way(
        name="phone",
        title="Phone or tablet",
        hint="Approve on another device that you registered",
        amr=frozenset({Amr.UAF}),
        levels=frozenset({AAL.AAL2}),
    ),
)
RELEASES = changelog.parse("""
## Unreleased
### Added
- Something that is not released yet, with the setting `server.port`.
## 1.0.1 - 2027-03-05 [YANKED]
### Fixed
- A fault.
### Security
- Another.
## 1.0.0 - 2027-01-31
### Added
- The first release.
""")
COOKIES = [
    ("__Host-session-healthcare", "Knows that you are logged in", "Until you close the browser"),
    ("__Host-login-…", "Keeps a log in to the browser that began it", "Until the log in ends"),
]


def _application(name: str, address: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(name=name, client_uri=address)


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    listed = [
        (ISSUERS[0], [_application("Pharmacy", "https://pharmacy.example/"), _application("Ward 7")]),
        (ISSUERS[1], []),
    ]
    said = {"ways": WAYS, "version": "1.0.1", "contact": None}
    told = {**said, "contact": "Ring the service desk on 020 7946 0000, at any time."}
    return [
        ("home", "public/home.html", {"issuers": ISSUERS, "demo": None}),
        ("home-demo", "public/home.html", {"issuers": ISSUERS, "demo": "/demo"}),
        ("applications", "public/applications.html", {"by_issuer": listed}),
        ("releases", "public/releases.html", {"releases": RELEASES, "version": "1.0.1"}),
        ("releases-none", "public/releases.html", {"releases": (), "version": "0.1.0"}),
        ("help", "public/help.html", said),
        ("help-contact", "public/help.html", told),
        ("accessibility", "public/accessibility.html", said),
        ("privacy", "public/privacy.html", {"contact": None, "cookies": COOKIES}),
    ]
