"""What settings of smartcards are refused, and in which words."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.app import checks, settings, smartcards
from carekey.app.settings import SettingsError
from carekey.authenticators.smartcard.tests import pki

GOOD = {
    "CAREKEY_SMARTCARDS__URL": "https://*.card.example",
    "CAREKEY_SMARTCARDS__CERTIFICATE": "server.pem",
    "CAREKEY_SMARTCARDS__PRIVATE_KEY": "server.key",
    "CAREKEY_ZONES__HSCN": '["10.0.0.0/8"]',
}


def test_cards_are_first_on_the_page_and_from_hscn_alone() -> None:
    found = settings.load(None, GOOD)
    checks.check(found)
    assert found.issuers["healthcare"].ways[0] == "smartcard"
    assert found.zones_of("smartcard") == {"hscn"}
    assert found.zones_of("passkey") is None


def test_the_operator_may_take_them_from_everywhere() -> None:
    found = settings.load(None, {**GOOD, "CAREKEY_WAYS__SMARTCARD__ZONES": "[]", "CAREKEY_ZONES__HSCN": "[]"})
    checks.check(found)
    assert found.zones_of("smartcard") is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"CAREKEY_SMARTCARDS__URL": "http://card.example"}, "https origin"),
        ({"CAREKEY_SMARTCARDS__URL": "https://card.example/cards"}, "https origin"),
        ({"CAREKEY_SMARTCARDS__URL": "https://*"}, "https origin"),
        ({"CAREKEY_SMARTCARDS__URL": "https://a.*.example"}, "https origin"),
        ({"CAREKEY_SMARTCARDS__PRIVATE_KEY": None}, "smartcards.private_key"),
        ({"CAREKEY_SMARTCARDS__PROXIED": "true"}, "server.proxies"),
        ({"CAREKEY_DATABASE__URL": "memory:"}, "two processes"),
        ({"CAREKEY_ZONES__HSCN": None}, "zone hscn"),
        ({"CAREKEY_SMARTCARDS__URL": None, "CAREKEY_ISSUERS__A__URL": "http://localhost:8000"}, None),
    ],
    ids=str,
)
def test_what_cannot_work_is_said_at_start(changed: dict[str, str | None], said: str | None) -> None:
    variables = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    if said is None:
        variables["CAREKEY_ISSUERS__A__WAYS"] = '["smartcard"]'
        said = "smartcards.url"
    with pytest.raises(SettingsError, match=said.replace(".", r"\.")):
        checks.check(settings.load(None, variables))


def test_a_pki_is_judged_as_the_settings_say_and_no_grace_outlasts_the_lists(tmp_path: Path) -> None:
    anchors = tmp_path / "roots.pem"
    anchors.write_bytes(pki.ROOT.certificate.public_bytes(Encoding.PEM))
    table = {"ANCHORS": str(anchors), "PROFILE": "own", "METHODS": '["ocsp"]', "NONCE": "false", "GRACE": "7d"}
    given = {f"CAREKEY_SMARTCARDS__PKIS__WARD__{name}": value for name, value in table.items()}
    (made,) = smartcards.profiles(settings.load(None, {**GOOD, **given, "CAREKEY_DATA": str(tmp_path)}))
    assert (made.name, made.methods, made.nonce, made.grace.days) == ("ward", ("ocsp",), False, 7)
    given["CAREKEY_SMARTCARDS__PKIS__WARD__GRACE"] = "169h"
    with pytest.raises(SettingsError, match=r"smartcards\.pkis\.ward\.grace"):
        smartcards.profiles(settings.load(None, {**GOOD, **given, "CAREKEY_DATA": str(tmp_path)}))
