"""The page that carries an answer to the application, as `(name, template, context)`."""

from typing import Any


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    answer = {"code": "c0de", "state": "s1", "iss": "https://id.example", "client_id": "ward"}
    return [
        (
            "form-post",
            "authorize/_form_post.html",
            {"address": "https://ward.example/back", "parameters": list(answer.items())},
        ),
    ]
