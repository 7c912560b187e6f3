"""Evidence holds as it was written, and in no other form."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from carekey.authenticators.phone.confirmation import evidence
from carekey.authenticators.phone.confirmation.evidence import EvidenceError
from carekey.authenticators.phone.confirmation.tests.test_confirmation import PAINTS, PICTURE, SHOWS, TEXT, Ward
from carekey.authenticators.uaf.tests.phone import Authority, Model, b64, der, new_key, public_bytes, unb64

pytestmark = pytest.mark.anyio


@pytest.fixture
async def document() -> str:
    ward = Ward()
    phone = await ward.phone()
    await ward.ask()
    assert (await ward.send("Auth", phone.answer((await ward.request())["uafRequest"])))["statusCode"] == 1200
    return await ward.document()


async def test_uaf_7_4_it_needs_nothing_but_itself(document: str) -> None:
    verdict = evidence.verify(document)
    assert verdict.content.decode() == TEXT
    assert (verdict.model, verdict.attestation, verdict.anchor) == ("A test model", "BASIC_SURROGATE", "")
    assert verdict.digest == evidence.digest(document)
    kept = json.loads(document)
    assert kept["metadata"] == SHOWS.statement()
    assert json.loads(kept["request"])[0]["header"]["op"] == "Auth"


async def test_it_says_who_vouches_for_the_model() -> None:
    authority = Authority()
    model = Model(aaid="FFFF#A77E", authority=authority)
    ward = Ward(model)
    phone = await ward.phone(model=model)
    await ward.ask()
    await ward.send("Auth", phone.answer((await ward.request())["uafRequest"]))
    verdict = evidence.verify(await ward.document())
    assert verdict.attestation == "BASIC_FULL"
    assert verdict.anchor == authority.root.subject.rfc4514_string()
    assert [unb64(one) for one in verdict.document.key.certificates][-1] == der(authority.root)


async def test_uaf_7_4_an_image_is_kept_as_it_was_shown() -> None:
    ward = Ward(PAINTS)
    phone = await ward.phone(model=PAINTS)
    await ward.ask(picture=PICTURE)
    assert (await ward.send("Auth", phone.answer((await ward.request())["uafRequest"])))["statusCode"] == 1200
    document = await ward.document()
    verdict = evidence.verify(document)
    assert (verdict.content_type, verdict.content) == ("image/png", PICTURE)
    assert verdict.document.asked.text == TEXT, "what it is said to show"
    other = document.replace(b64(PICTURE), b64(PICTURE[:-1] + b"!"))
    assert other != document
    with pytest.raises(EvidenceError, match="does not answer the request"):
        evidence.verify(other)


def _set(*path: str, to: Any) -> Callable[[Any], None]:
    def alter(document: Any) -> None:
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = to(document[path[-1]]) if callable(to) else to

    return alter


def _in(name: str, alter: Callable[[Any], None]) -> Callable[[Any], None]:
    """The same in the UAF message that stands there as text."""

    def inside(document: Any) -> None:
        message = json.loads(document[name])
        alter(message[0])
        document[name] = json.dumps(message)

    return inside


OTHER_TEXT = b64(b"Prescribe amoxicillin 5000 mg")


def _flip(text: str) -> str:
    return ("A" if text[0] != "A" else "B") + text[1:]


ALTERED = {
    "text": _set("asked", "text", to="Prescribe amoxicillin 5000 mg"),
    "text and request": lambda it: (
        _set("asked", "text", to="Prescribe amoxicillin 5000 mg")(it),
        _in("request", lambda one: one["transaction"][0].update(content=OTHER_TEXT))(it),
    ),
    "challenge": _in("request", _set("challenge", to=_flip)),
    "server data": _in("request", _set("header", "serverData", to=_flip)),
    "policy": _in("request", lambda one: one["policy"]["accepted"][0][0].update(keyIDs=[b64(b"k" * 32)])),
    "app id": _in("request", _set("header", "appID", to="https://other.example/uaf/facets")),
    "facets": _set("facets", to=["https://other.example"]),
    "final challenge": _in("response", _set("fcParams", to=_flip)),
    "signature": _in("response", lambda one: one["assertions"][0].update(assertion=one["assertions"][0]["assertion"][:-4] + "AAAA")),
    "key": _set("key", "public_key", to=b64(b"\x30\x00")),
    "key id": _set("key", "key_id", to=b64(b"k" * 32)),
    "another key": _set(
        "key",
        "public_key",
        to=b64(
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
            + public_bytes(new_key(1), 0x100)
        ),
    ),
    "counter": _set("key", "sign_counter", to=9),
    "model": _set("key", "aaid", to="FFFF#9999"),
    "attestation": _set("key", "attestation", to="UNHEARD_OF"),
    "no display": _set("metadata", "tcDisplay", to=[]),
    "metadata": _set("metadata", to={}),
    "too late": _set("confirmed_at", to="2036-01-01T00:00:00Z"),
    "before it was asked": _set("confirmed_at", to="2016-01-01T00:00:00Z"),
    "no time zone": _set("confirmed_at", to="2026-11-23T09:00:00"),
    "format": _set("format", to="carekey-evidence-2"),
    "a member more": lambda it: it.update(more=1),
    "a member less": lambda it: it.pop("standing"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERED)
async def test_altered_evidence_does_not_hold(document: str, name: str) -> None:
    altered = json.loads(document)
    ALTERED[name](altered)
    with pytest.raises(EvidenceError):
        evidence.verify(json.dumps(altered))


@pytest.mark.parametrize("text", ["", "[]", "{}", "\ud800", '{"format": 1}'])
async def test_what_is_no_evidence_is_refused(text: str) -> None:
    with pytest.raises(EvidenceError):
        evidence.verify(text)


async def test_what_carekey_says_besides_shows_in_the_digest_alone(document: str) -> None:
    """The key signs no names: that is what the digest on the audit record is for."""
    altered = json.loads(document)
    altered["asked"]["application"] = "Another ward"
    verdict = evidence.verify(json.dumps(altered))
    assert verdict.digest != evidence.digest(document)
