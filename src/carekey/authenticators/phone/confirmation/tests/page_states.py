"""Every state of the pages that wait for a person's confirmation, as `(name, template, context)`."""

from typing import Any

from carekey.authenticators.phone.confirmation.waiting_http import ENDS

ADDRESS = "/confirmation/Zm9vYmFyYmF6cXV4Zm9vYg"


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (
            "waiting",
            "confirmation/waiting.html",
            {"application": "Ward 7", "until": "2:45pm", "address": ADDRESS, "events": ""},
        ),
        *(
            (
                str(standing),
                "confirmation/ended.html",
                {
                    "heading": heading,
                    "line": line,
                    "application": "Ward 7",
                    "evidence": "Zm9vYmFyYmF6cXV4Zm9vYg" if standing == "confirmed" else "",
                },
            )
            for standing, (heading, line) in ENDS.items()
        ),
    ]
