"""Every state of the pages of phones and tablets, as `(name, template, context)`."""

from typing import Any

from carekey.authenticators.base import Attempt
from carekey.authenticators.phone import qr
from carekey.authenticators.phone.approval import State
from carekey.authenticators.phone.log_in_http import ENDS
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import IssuerName, LoginId

ATTEMPT = Attempt(
    id=LoginId("a1b2c3d4e5f6g7h8i9j0kl"),
    issuer=IssuerName("healthcare"),
    application="Ward 7",
    reference="7KQ4MD2X",
    person=None,
    levels=frozenset({AAL.AAL2}),
    csrf="token",
)
PHONE = "https://id.example/phone"
LINK = {"back": "/register/secret", "address": "/register/secret/phone", "csrf": "token"}
LOG_IN = {"attempt": ATTEMPT, "address": f"/login/{ATTEMPT.id}/phone", "remembered": False}


def _waiting(*, opened: bool) -> dict[str, Any]:
    code = "ABCD-EFGH-JKLM"
    return {
        **LOG_IN,
        "number": "57",
        "code": code,
        "picture": qr.svg(f"{PHONE}#approve={code}"),
        "phone": PHONE,
        "opened": opened,
        "events": "",
    }


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    activation = f"{PHONE}#register=MvKq0d4oQq2nXc5YkW1c3A"
    return [
        ("here", "phone/here.html", {**LOG_IN, "phone": f"/phone#login={ATTEMPT.id}"}),
        ("elsewhere", "phone/elsewhere.html", LOG_IN),
        ("elsewhere-not-you", "phone/elsewhere.html", {**LOG_IN, "remembered": True}),
        ("waiting", "phone/waiting.html", _waiting(opened=False)),
        ("opened", "phone/waiting.html", _waiting(opened=True)),
        *(
            (
                f"ended-{name}",
                "phone/ended.html",
                {
                    **LOG_IN,
                    "again": name is not State.ENDED,
                    "heading": heading,
                    "lines": lines,
                    "reference": "7KQ4MD2X",
                },
            )
            for name, (heading, lines) in ENDS.items()
        ),
        ("enrol", "phone/enrol.html", LINK),
        ("activate", "phone/activate.html", {**LINK, "phone": activation, "picture": qr.svg(activation)}),
        ("application", "phone/application.html", {"worker": "", "push": "", "modules": []}),
    ]
