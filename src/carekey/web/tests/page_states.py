"""Every state of the kit's own pages, and of its components, as `(name, template, context)`."""

from typing import Any

from markupsafe import Markup

from carekey.web import problem

WAYS = [
    {
        "value": "security-key",
        "text": "Security key",
        "hint": "A key that you plug in or hold to the reader",
        "tag": "Last used",
        "needs_script": True,
    },
    {"value": "passkey", "text": "Passkey on this device", "hint": "Windows Hello, Touch ID", "needs_script": True},
    {"value": "password", "text": "User name and password", "hint": "For tests alone"},
]


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    problems = {
        "not-found": problem.not_found(),
        "not-allowed": problem.not_allowed(),
        "malformed": problem.malformed(),
        "too-large": problem.too_large(),
        "too-slow": problem.too_slow(),
        "not-from-here": problem.not_from_here(),
        "fault": problem.fault(),
        "unavailable": problem.unavailable(),
        "with-details": problem.Problem(
            status=400,
            heading="There is a problem with the application that sent you here",
            what_to_do=("Tell the people who support the application what is written below.",),
            detail=(("Error", "invalid_request"), ("Application", "ward-7"), ("Time", "2027-03-01T09:30:00Z")),
            back=("/help", "Get help"),
        ),
    }
    errors = [("way", "Select how you want to log in"), ("password", "Enter your password")]
    rows = [
        ("YubiKey 5 NFC", "6 August 2026", Markup('<strong class="nhsuk-tag">Last used</strong>')),
        ("Windows Hello on WARD-12", "13 September 2026", "Not used yet"),
    ]
    return [
        *(
            (f"problem-{name}", "web/problem.html", {"problem": what, "reference": "7KQ4MD2X"})
            for name, what in problems.items()
        ),
        ("gallery", "tests/gallery.html", {"ways": WAYS, "errors": []}),
        ("gallery-errors", "tests/gallery.html", {"ways": WAYS, "errors": errors}),
        ("records", "tests/records.html", {"rows": rows}),
    ]
