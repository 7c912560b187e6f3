"""Every state of the pages for requests from applications, as `(name, template, context)`."""

from typing import Any

from carekey.oidc.ciba.http import Item

TOLD = ("that you have an account here, and your user ID", "your name and user ID")


def _item(number: int, message: str, application: str = "Pharmacy desk") -> Item:
    return Item(
        id=f"{number:064}",
        application=application,
        message=message,
        told=TOLD,
        asked_at="9:30am",
        until="9:40am",
    )


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    common = {"people": ["Asha Marlow"], "csrf": "token"}
    long = "Prescription 7KQ4-MD2X, 28 tablets of amoxicillin 500 mg for patient 999 012 3456, ward seven, bed 12"[:100]
    several = [_item(1, "W4SCT"), _item(2, long), _item(3, "", "Records of the Long-Winded Integrated Care Centre")]
    return [
        ("one", "ciba/requests.html", {**common, "items": [_item(1, "W4SCT")]}),
        ("several", "ciba/requests.html", {**common, "people": ["Asha Marlow", "Test Nurse"], "items": several}),
        ("unbroken", "ciba/requests.html", {**common, "items": [_item(1, "W" * 100)]}),
        ("none", "ciba/requests.html", {**common, "items": []}),
        ("log-in", "ciba/log_in.html", {"issuer": None}),
        ("log-in-elsewhere", "ciba/log_in.html", {"issuer": "sandbox"}),
        ("agreed", "ciba/agreed.html", {}),
        ("refused", "ciba/refused.html", {}),
        ("late", "ciba/late.html", {}),
    ]
