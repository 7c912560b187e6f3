"""Every state of the smartcard pages, as `(name, template, context)`."""

from datetime import UTC, datetime
from typing import Any

from carekey.authenticators.base import Attempt
from carekey.authenticators.smartcard.path import Reason
from carekey.authenticators.smartcard.virtual_http import Held
from carekey.authenticators.smartcard.words import AGAIN, words
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

PEOPLE = ((101, "Dr Amara Okafor"), (102, "Niamh O’Sullivan"), (115, "Karl Zimmer"))
ASKED = "Select a card"
VIRTUAL = {"attempt": ATTEMPT, "remembered": False}


def _page(why: Reason | None = None, *, remembers: bool = False, others: bool = True) -> dict[str, Any]:
    heading, advice = words(why, datetime(2026, 11, 3, tzinfo=UTC), others=others) if why else (None, None)
    return {
        "id": ATTEMPT.id,
        "csrf": ATTEMPT.csrf,
        "application": ATTEMPT.application,
        "label": "0123456789abcdef",
        "heading": heading,
        "advice": advice,
        "again": why is None or why in AGAIN,
        "closed": why is Reason.HOLDER_CLOSED,
        "remembers": remembers,
        "virtual": False,
        "others": others,
        "reference": ATTEMPT.reference,
        "remembered": False,
    }


def page_states() -> list[tuple[str, str, dict[str, Any]]]:
    the_same = {Reason.NO_CARD, Reason.MALFORMED, Reason.UNTRUSTED, Reason.WRONG_POLICY, Reason.NO_PERSON}
    the_same |= {Reason.CANCELLED, Reason.OTHER_HOLDER, Reason.UNKNOWN_PERSON, Reason.RENEWED}
    shown = [why for why in Reason if why not in the_same]
    held = [Held(value=f"555000000{n}-0a1b2c", text=who, hint=f"Card 555000000{n}-0a1b2c") for n, who in PEOPLE]
    renewal = {
        "id": ATTEMPT.id,
        "csrf": "token",
        "ends": "27 January 2027",
        "own": True,
        "origin": "https://login.example.org",
        "code": "kQ2v0c9m1yT8b5nX4jS7dF3gH6lZ0pWqRtYuIoAeBcE",
    }
    steps = ["Making keys on the card: logging in", "Asking for certificates: logging in", "Writing: logging in"]
    fault = "The card lacks a key or a certificate that was just written: try again."
    return [
        ("runs-out", "smartcard/runs_out.html", renewal),
        ("runs-out-elsewhere", "smartcard/runs_out.html", {**renewal, "own": False}),
        ("renew", "smartcard/renew.html", renewal),
        ("renewed", "smartcard/renewed.html", {**renewal, "steps": steps, "fault": None}),
        ("not-renewed", "smartcard/renewed.html", {**renewal, "steps": steps, "fault": fault}),
        ("put-in-virtual", "smartcard/smartcard.html", {**_page(remembers=True), "virtual": True}),
        ("virtual", "smartcard/virtual.html", {**VIRTUAL, "cards": held, "error": None, "errors": []}),
        (
            "virtual-error",
            "smartcard/virtual.html",
            {**VIRTUAL, "cards": held, "error": ASKED, "errors": [("card", ASKED)]},
        ),
        ("virtual-none", "smartcard/virtual.html", {**VIRTUAL, "cards": [], "error": None, "errors": []}),
        ("put-in", "smartcard/smartcard.html", _page()),
        ("put-in-not-you", "smartcard/smartcard.html", {**_page(), "remembered": True}),
        ("put-in-remembers", "smartcard/smartcard.html", _page(remembers=True)),
        ("put-in-only-way", "smartcard/smartcard.html", _page(others=False)),
        ("no-card-only-way", "smartcard/refused.html", _page(Reason.NO_CARD, others=False)),
        ("revoked-only-way", "smartcard/refused.html", {**_page(Reason.REVOKED, others=False), "remembered": True}),
        ("closed-only-way", "smartcard/refused.html", _page(Reason.HOLDER_CLOSED, others=False)),
        ("no-card", "smartcard/refused.html", _page(Reason.NO_CARD, remembers=True)),
        *[(why.replace("_", "-"), "smartcard/refused.html", _page(why)) for why in shown],
        ("unknown-issuer-remembers", "smartcard/refused.html", _page(Reason.UNKNOWN_ISSUER, remembers=True)),
        ("revoked-remembers", "smartcard/refused.html", _page(Reason.REVOKED, remembers=True)),
        ("revoked-not-you", "smartcard/refused.html", {**_page(Reason.REVOKED), "virtual": True, "remembered": True}),
        ("old-certificate", "smartcard/refused.html", _page(Reason.RENEWED, remembers=True)),
    ]
