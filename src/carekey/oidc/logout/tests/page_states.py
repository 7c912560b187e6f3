"""Every state of the log-out pages, as `(name, template, context)`."""

from typing import Any

KEPT = {"client_id": "ward", "post_logout_redirect_uri": "https://ward.example/goodbye", "state": "s1"}


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        ("ask", "logout/ask.html", {"applications": ["Pharmacy", "Ward list"], "kept": KEPT, "csrf": "token"}),
        ("ask-alone", "logout/ask.html", {"applications": [], "kept": {}, "csrf": "token"}),
        ("done", "logout/done.html", {}),
    ]
