"""Every state of the pages of user name and password, as `(name, template, context)`."""

from typing import Any

from carekey.authenticators.base import Attempt
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import IssuerName, LoginId

ATTEMPT = Attempt(
    id=LoginId("a1b2c3d4e5f6g7h8i9j0kl"),
    issuer=IssuerName("sandbox"),
    application="Ward 7",
    reference="7KQ4MD2X",
    person=None,
    levels=frozenset({AAL.AAL1}),
    csrf="token",
)


def _password(user_name: str = "", **errors: str) -> dict[str, Any]:
    return {
        "attempt": ATTEMPT,
        "address": f"/login/{ATTEMPT.id}/password",
        "user_name": user_name,
        "errors": list(errors.items()),
        "error": errors,
        "remembered": False,
    }


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    empty = {"username": "Enter your user name", "password": "Enter your password"}
    return [
        ("password", "userpass/password.html", _password()),
        ("password-empty", "userpass/password.html", _password(**empty)),
        (
            "password-wrong",
            "userpass/password.html",
            _password("asha.marlow", username="Check your user name and password"),
        ),
        ("password-not-you", "userpass/password.html", {**_password(), "remembered": True}),
        (
            "paused",
            "userpass/paused.html",
            {"attempt": ATTEMPT, "again": "2:45pm", "reference": "7KQ4MD2X", "remembered": False},
        ),
    ]
