"""Every state of the account's pages, as `(name, template, context)`."""

from typing import Any

from carekey.account.ways import Way
from carekey.authenticators.http import Described
from carekey.kernel.assurance import AAL

BASE = "/account/ways"
KEY = Way(
    id="a1b2c3",
    described=Described(kind="Security key", label="YubiKey 5 NFC", aal=AAL.AAL3, facts=("Stays on one device",)),
    added="6 August 2026",
    last_used="2:45pm on 6 August 2026",
)
PHONE = Way(
    id="d4e5f6",
    described=Described(
        kind="Phone or tablet", label="CareKey Phone", aal=None, facts=("Suspended: there may be a copy of its key",)
    ),
    added="7 August 2026",
    last_used="Never",
)
ITEMS = [
    {"value": "passkey", "text": "Passkey on this device", "hint": "Such as Windows Hello", "needs_script": True},
    {"value": "phone", "text": "Phone or tablet", "hint": "With CareKey Phone", "needs_script": False},
]


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    ways = {"name": "Asha Marlow", "add": f"{BASE}/add", "base": BASE}
    add = {"items": ITEMS, "address": f"{BASE}/add", "back": BASE, "csrf": "token", "error": None, "errors": []}
    error = "Select what you want to add"
    remove = {"way": KEY, "address": f"{BASE}/a1b2c3/remove", "back": BASE, "add": f"{BASE}/add", "csrf": "token"}
    code = {"chosen": None, "error": {}, "errors": [], "address": "/account/user-code", "back": BASE, "csrf": "token"}
    easy = {"code": "User code must not be easy to guess, such as 123456, 111222 or a part of your user ID"}
    other = {"again": "The two user codes must be the same"}
    return [
        ("ways", "account/ways.html", {**ways, "ways": [KEY, PHONE]}),
        ("ways-one", "account/ways.html", {**ways, "ways": [KEY]}),
        ("ways-none", "account/ways.html", {**ways, "ways": []}),
        ("add", "account/add.html", {**add, "very_high": True}),
        ("add-high", "account/add.html", {**add, "very_high": False}),
        ("add-error", "account/add.html", {**add, "very_high": True, "error": error, "errors": [("way", error)]}),
        ("remove", "account/remove.html", {**remove, "last": False}),
        ("remove-last", "account/remove.html", {**remove, "last": True}),
        ("removed", "account/removed.html", {"label": "YubiKey 5 NFC", "address": BASE}),
        ("user-code", "account/user_code.html", code),
        ("user-code-chosen", "account/user_code.html", {**code, "chosen": "6 August 2026"}),
        ("user-code-easy", "account/user_code.html", {**code, "error": easy, "errors": list(easy.items())}),
        (
            "user-code-other",
            "account/user_code.html",
            {**code, "chosen": "6 August 2026", "error": other, "errors": list(other.items())},
        ),
        ("user-code-saved", "account/user_code_done.html", {"removed": False, "back": BASE}),
        ("user-code-removed", "account/user_code_done.html", {"removed": True, "back": BASE}),
    ]
