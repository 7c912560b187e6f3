"""Keys that people hold: made in Chromium's virtual authenticator, usable in any tab and without a browser."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key
from playwright.sync_api import Page, expect

from support.browser import Kind, VirtualAuthenticator

PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP = 0x01, 0x04, 0x08, 0x10


@dataclass(slots=True)
class Key:
    kind: Kind
    credential: dict[str, Any]
    origin: str

    @property
    def way(self) -> str:
        return "security-key" if self.kind is Kind.SECURITY_KEY else "passkey"

    def plug_in(self, page: Page) -> VirtualAuthenticator:
        """The authenticator that holds it, in this tab. Its counter goes on from where it has certainly been."""
        authenticator = VirtualAuthenticator(page, self.kind)
        authenticator.hold({**self.credential, "signCount": self._next_count()})
        return authenticator

    def prove(self, options: Mapping[str, Any], *, flags: int = PRESENT | VERIFIED, origin: str = "") -> str:
        """The answer to a WebAuthn question, as a browser posts it (WebAuthn level 3 section 5.1.8)."""
        if self.kind is Kind.SYNCED:
            flags |= BACKUP_ELIGIBLE | BACKED_UP
        client_data = {
            "type": "webauthn.get",
            "challenge": options["challenge"],
            "origin": origin or self.origin,
            "crossOrigin": False,
        }
        client_data_json = json.dumps(client_data).encode()
        about = hashlib.sha256(self.credential["rpId"].encode()).digest()
        authenticator_data = about + bytes([flags]) + self._next_count().to_bytes(4, "big")
        key = load_der_private_key(base64.b64decode(self.credential["privateKey"]), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = key.sign(authenticator_data + hashlib.sha256(client_data_json).digest(), ec.ECDSA(hashes.SHA256()))
        id = _base64url(base64.b64decode(self.credential["credentialId"]))
        return json.dumps(
            {
                "id": id,
                "rawId": id,
                "type": "public-key",
                "authenticatorAttachment": "cross-platform" if self.kind is Kind.SECURITY_KEY else "platform",
                "clientExtensionResults": {},
                "response": {
                    "clientDataJSON": _base64url(client_data_json),
                    "authenticatorData": _base64url(authenticator_data),
                    "signature": _base64url(signature),
                    "userHandle": _base64url(base64.b64decode(self.credential["userHandle"])),
                },
            }
        )

    def _next_count(self) -> int:
        """Higher than any before, in this process or another: tenths of seconds since 2026 began."""
        count = max(self.credential["signCount"] + 1, int((time.time() - 1_767_225_600) * 10))
        self.credential["signCount"] = count
        return count


KeyOf = Callable[[str, Kind], Key]
"""A person's key of a kind."""


def enrol(page: Page, link: str, kind: Kind) -> Key:
    """Follow a one-time link and add a key of this kind; the tab keeps the authenticator."""
    authenticator = VirtualAuthenticator(page, kind)
    page.goto(link)
    page.get_by_label("Security key" if kind is Kind.SECURITY_KEY else "Passkey on this device").check()
    page.get_by_role("button", name="This is me, continue").click()
    page.get_by_role("button", name="Add ").click()
    page.get_by_role("button", name="Save and finish").click()
    expect(page.get_by_text("You have added a way to log in")).to_be_visible()
    (credential,) = authenticator.credentials()
    return Key(kind, dict(credential), "/".join(link.split("/", 3)[:3]))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
