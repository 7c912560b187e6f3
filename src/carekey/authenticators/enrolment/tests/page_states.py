"""Every state of the pages that a one-time link opens, as `(name, template, context)`."""

from typing import Any

from carekey.authenticators.enrolment.http import PAGES
from carekey.web.problem import Problem

WAYS = [
    {"value": "passkey", "text": "Passkey on this device", "hint": "Windows Hello, Touch ID", "needs_script": True},
    {"value": "security-key", "text": "Security key", "hint": "That you plug in or tap", "needs_script": True},
]


def _invitation(error: str | None = None) -> dict[str, Any]:
    return {
        "name": "Asha Marlow",
        "invited_by": "The demo",
        "until": "2:45pm on 6 August 2027",
        "address": "/register/Zm9yIHRlc3RzIGFsb25l",
        "csrf": "token",
        "items": WAYS,
        "error": error,
        "errors": [("way", error)] if error else [],
    }


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        ("invitation", "enrolment/invitation.html", _invitation()),
        ("invitation-error", "enrolment/invitation.html", _invitation("Select what you want to add")),
        ("done", "enrolment/done.html", {"label": "YubiKey 5 NFC"}),
        *(
            (
                f"link-{why}",
                "web/problem.html",
                {
                    "problem": Problem(status=status, heading=heading, what_to_do=what_to_do),
                    "reference": "7KQ4MD2X",
                },
            )
            for why, (status, heading, what_to_do) in PAGES.items()
        ),
    ]
