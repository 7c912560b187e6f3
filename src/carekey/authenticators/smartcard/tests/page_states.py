"""Every state of the smartcard pages, as `(name, template, context)`."""

from datetime import UTC, datetime
from typing import Any

from carekey.authenticators.base import Attempt
from carekey.authenticators.smartcard.path import Reason
from carekey.authenticators.smartcard.words import ANOTHER_CARD, words
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import IssuerName, LoginId

ATTEMPT = Attempt(
    id=LoginId("a1b2c3d4e5f6g7h8i9j0kl"),
    issuer=IssuerName("healthcare"),
    application="Ward 7",
    reference="7KQ4MD2X",
    person=None,
    levels=frozenset({AAL.AAL3}),
    csrf="token",
)


def _page(why: Reason | None = None, *, remembers: bool = False) -> dict[str, Any]:
    heading, advice = words(why, datetime(2026, 11, 3, tzinfo=UTC)) if why else (None, None)
    return {
        "attempt": ATTEMPT,
        "address": f"/login/{ATTEMPT.id}/smartcard",
        "label": "0123456789abcdef",
        "heading": heading,
        "advice": advice,
        "remembers": remembers,
        "reference": ATTEMPT.reference,
    }


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    shown = [Reason.EXPIRED, Reason.UNKNOWN_ISSUER, Reason.REVOKED, Reason.REVOCATION_UNKNOWN]
    return [
        ("put-in", "smartcard/smartcard.html", _page()),
        ("put-in-remembers", "smartcard/smartcard.html", _page(remembers=True)),
        ("no-card", "smartcard/refused.html", _page(Reason.NO_CARD, remembers=True)),
        *[
            (f"{why.replace('_', '-')}", "smartcard/refused.html", _page(why, remembers=why in ANOTHER_CARD))
            for why in shown
        ],
    ]
