"""Every state of the pages for device codes, as `(name, template, context)`."""

from typing import Any

COMMON = {"csrf": "token", "error": None, "errors": []}
CONFIRM = {
    **COMMON,
    "application": "Medicine trolley",
    "user_code": "WDJB-MJHT",
    "items": ("that you have an account here, and your user ID", "your name and user ID", "the role you are acting in"),
}


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    wrong = "Check the code. If it is right, it has run out or been used: start again on the device"
    return [
        ("code", "device/code.html", {**COMMON, "user_code": ""}),
        (
            "code-wrong",
            "device/code.html",
            {**COMMON, "user_code": "BBBB-BBBB", "error": wrong, "errors": [("user_code", wrong)]},
        ),
        ("confirm", "device/confirm.html", CONFIRM),
        ("agreed", "device/agreed.html", {}),
        ("refused", "device/refused.html", {}),
        ("late", "device/late.html", {}),
    ]
