"""Every state of the log-out pages, as `(name, template, context)`."""

from typing import Any

KEPT = {"client_id": "ward", "post_logout_redirect_uri": "https://ward.example/goodbye", "state": "s1"}
DONE: dict[str, Any] = {
    "frames": [],
    "told": [],
    "being_told": [],
    "unreached": [],
    "untold": [],
    "back": None,
    "application": None,
}


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    several = {"told": ["Pharmacy", "Ward list"], "untold": ["Old notes"]}
    returning = {"back": "https://ward.example/goodbye", "application": "Ward list"}
    return [
        ("ask", "logout/ask.html", {**several, "kept": KEPT, "csrf": "token"}),
        ("ask-untold", "logout/ask.html", {"told": [], "untold": ["Ward list"], "kept": KEPT, "csrf": "token"}),
        ("ask-alone", "logout/ask.html", {"told": [], "untold": [], "kept": {}, "csrf": "token"}),
        ("done", "logout/done.html", DONE),
        ("done-told", "logout/done.html", {**DONE, **several}),
        ("done-waiting", "logout/done.html", {**DONE, "being_told": ["Pharmacy"]}),
        ("done-unreached", "logout/done.html", {**DONE, "told": ["Pharmacy"], "unreached": ["Ward list"]}),
        ("done-returning", "logout/done.html", {**DONE, **returning, "told": ["Ward list"]}),
    ]
