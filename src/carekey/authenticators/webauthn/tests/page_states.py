"""Every state of the pages of passkeys and security keys, as `(name, template, context)`."""

from collections.abc import Mapping
from typing import Any

from carekey.authenticators.webauthn import enrol_http, log_in_http
from carekey.authenticators.webauthn.ceremony import Reason
from carekey.authenticators.webauthn.models import WayName

LOG_IN = {"id": "a1b2c3d4e5f6g7h8i9j0kl", "application": "Ward 7", "csrf": "token"}
LINK = "/register/Zm9yIHRlc3RzIGFsb25l"


def _refused(words: tuple[str, str] | None) -> dict[str, Any]:
    heading, advice = words or ("", "")
    return {"heading": heading, "advice": advice, "reference": "7KQ4MD2X" if words else ""}


def _longest(words: Mapping[str, tuple[str, str]]) -> str:
    return max(words, key=lambda why: sum(map(len, words[why])))


def _log_in(way: WayName, refused: str = "", *, ask_user: bool = True) -> dict[str, Any]:
    told = {"remembered": False, "ask_user": ask_user, "forget": "", "rp_id": "id.example"}
    return {**LOG_IN, "way": way, **told, **_refused(log_in_http.words(way, refused) if refused else None)}


def _add(words: tuple[str, str] | None = None) -> dict[str, Any]:
    return {"back": LINK, "address": f"{LINK}/passkey", "csrf": "token", **_refused(words)}


def _name(label: str, *, very_high: bool | None = None, error: str | None = None) -> dict[str, Any]:
    return {
        "address": f"{LINK}/passkey/name",
        "csrf": "token",
        "ticket": "ticket",
        "label": label,
        "very_high": very_high,
        "error": error,
        "errors": [("label", error)] if error else [],
    }


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        ("passkey", "webauthn/passkey.html", _log_in("passkey")),
        ("passkey-person-known", "webauthn/passkey.html", _log_in("passkey", ask_user=False)),
        ("passkey-not-you", "webauthn/passkey.html", {**_log_in("passkey"), "remembered": True}),
        ("security-key", "webauthn/security-key.html", _log_in("security-key")),
        ("refused", "webauthn/passkey.html", _log_in("passkey", Reason.UNKNOWN_CREDENTIAL)),
        ("refused-long", "webauthn/security-key.html", _log_in("security-key", _longest(log_in_http.WORDS))),
        ("add-passkey", "webauthn/add_passkey.html", _add()),
        ("add-security-key", "webauthn/add_security_key.html", _add()),
        ("not-added", "webauthn/add_passkey.html", _add(enrol_http.WORDS[Reason.ALREADY_REGISTERED])),
        ("not-added-long", "webauthn/add_security_key.html", _add(enrol_http.WORDS[_longest(enrol_http.WORDS)])),
        ("name", "webauthn/name.html", _name("YubiKey 5 NFC", very_high=True)),
        ("name-synced", "webauthn/name.html", _name("iCloud Keychain", very_high=False)),
        ("name-error", "webauthn/name.html", _name("", error="Enter a name")),
    ]
