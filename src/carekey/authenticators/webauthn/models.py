"""Names of authenticator models, for people. Metadata is thin for platform authenticators, so the common ones stand here.

A name decides nothing: levels come from attestation and metadata alone.
"""

from typing import Literal

from carekey.authenticators.webauthn.evidence import Evidence

WayName = Literal["passkey", "security-key"]

_PLATFORM = {
    "08987058-cadc-4b81-b6e1-30de50dcbe96": "Windows Hello",
    "9ddd1817-af5a-4672-a2b9-3e3dd95000a9": "Windows Hello",
    "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "Windows Hello",
    "d3452668-01fd-4c12-926c-83a4204853aa": "Microsoft Password Manager",
    "fbfc3007-154e-4ecc-8c0b-6e020557d7bd": "iCloud Keychain",
    "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": "iCloud Keychain (managed)",
    "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": "Google Password Manager",
    "b93fd961-f2e6-462f-b122-82002247de78": "Android",
    "adce0002-35bc-c60a-648b-0b25f1f05503": "Chrome on Mac",
    "771b48fd-d3d4-4f74-9232-fc157ab0507a": "Edge on Mac",
    "53414d53-554e-4700-0000-000000000000": "Samsung Pass",
    "bada5566-a7aa-401f-bd96-45619a55120d": "1Password",
    "d548826e-79b4-db40-a3d8-11116f7e8349": "Bitwarden",
    "531126d6-e717-415c-9320-3d9aa6981239": "Dashlane",
    "0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6": "Keeper",
    "50726f74-6f6e-5061-7373-50726f746f6e": "Proton Pass",
}
_KEYS = {
    "cb69481e-8ff7-4039-93ec-0a2729a154a8": "YubiKey 5",
    "ee882879-721c-4913-9775-3dfcce97072a": "YubiKey 5",
    "fa2b99dc-9e39-4257-8f92-4a30d23c4118": "YubiKey 5 NFC",
    "2fc0579f-8113-47ea-b116-bb5a8db9202a": "YubiKey 5 NFC",
    "c5ef55ff-ad9a-4b9f-b580-adebafe026d0": "YubiKey 5Ci",
    "73bb0cd4-e502-49b8-9c6f-b59445bf720b": "YubiKey 5 FIPS",
    "c1f9a0bc-1dd2-404a-b27f-8e29047a43fd": "YubiKey 5 NFC FIPS",
    "d8522d9f-575b-4866-88a9-ba99fa02f35b": "YubiKey Bio",
    "f8a011f3-8c0a-4d15-8006-17111f9edc7d": "Security Key by Yubico",
    "b92c3f9a-c014-4056-887f-140a2501163b": "Security Key by Yubico",
    "149a2021-8ef6-4133-96b8-81f8d5b7f1f5": "Security Key NFC by Yubico",
    "ee041bce-25e5-4cdb-8f86-897fd6418464": "Feitian ePass FIDO2",
    "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3": "Google Titan Security Key",
}
_NAMES = {**_PLATFORM, **_KEYS}

_OF_A_KEY = frozenset({"usb", "nfc", "ble", "smart-card"})


def name(aaguid: str, *, described: str | None = None, way: WayName = "passkey") -> str:
    """What to call it. `described`: the metadata's description of the model, for those not known here."""
    return _NAMES.get(aaguid) or described or ("Security key" if way == "security-key" else "Passkey")


def way_of(evidence: Evidence) -> WayName:
    """Under which choice the credential belongs: of the device or the phone, or a key that is carried about.

    Attachment alone would not do: a passkey on a phone comes to a computer as cross-platform too.
    """
    if evidence.backup_eligible or evidence.aaguid in _PLATFORM:
        return "passkey"
    if evidence.aaguid in _KEYS:
        return "security-key"
    if evidence.transports:
        return "security-key" if _OF_A_KEY.issuperset(evidence.transports) else "passkey"
    return "security-key" if evidence.attachment == "cross-platform" else "passkey"


def kind_of(evidence: Evidence) -> str:
    """What a list of ways to log in calls the kind."""
    if way_of(evidence) == "security-key":
        return "Security key"
    return "Windows Hello" if _NAMES.get(evidence.aaguid) == "Windows Hello" else "Passkey"
