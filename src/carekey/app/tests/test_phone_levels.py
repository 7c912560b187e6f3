"""What an approval on another device is worth, over the whole journey of a whole installation (UAF reference section 24.2):
AAL2 and no more, unless the operator has said otherwise and the device binds its answer to our channel."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.enrolment.invitation import invite
from carekey.authenticators.uaf.tests import phone
from carekey.kernel.actor import operator
from carekey.kernel.ids import PersonId
from carekey.kernel.secret import Secret
from support.installation import CALLBACK, ORIGIN, PERSON, Whole, answered, whole
from support.person import Forms

pytestmark = pytest.mark.anyio

HARDWARE = phone.Model(authority=phone.Authority())
UAF = {"content-type": "application/fido+uaf; charset=utf-8"}


def certificate() -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    return phone.certificate("id.example", key, "id.example", key)


OURS = certificate()


@asynccontextmanager
async def hospital(folder: Path, **more: str) -> AsyncIterator[Whole]:
    models = folder / "models"
    models.mkdir()
    (models / "tablet.json").write_text(json.dumps(HARDWARE.statement()), encoding="utf-8")
    seen = folder / "channel.pem"
    seen.write_bytes(OURS.public_bytes(Encoding.PEM))
    how = {
        "UAF__STATEMENTS": str(models),
        "UAF__AAL3_MODELS": f'["{HARDWARE.aaid}"]',
        "UAF__CHANNEL_CERTIFICATES": f'["{seen}"]',
        **more,
    }
    async with whole(folder / "data", **how) as made:
        yield made


async def tablet(made: Whole) -> phone.Phone:
    """Hardware, attested in full, registered by a link of the registration authority, bound to the channel."""
    its = phone.Phone(
        model=HARDWARE, facet=ORIGIN, trusted=(ORIGIN,), binding={"tlsServerCertificate": phone.b64(phone.der(OURS))}
    )
    await made.installation.store.write(
        lambda tx: invite(tx, PersonId(PERSON), token=Secret("link"), by=operator("desk"), now=made.clock.now())
    )
    browser = made.browser()
    shown = await send_form(browser, await browser.get("/register/link/phone"))
    code = found(r"/phone#register=([\w-]+)", shown)
    asked = await uaf(browser, "reg/request", {"context": json.dumps({"activation": code})})
    said = await uaf(browser, "reg/response", {"uafResponse": its.answer(asked["uafRequest"])})
    assert said == {"statusCode": 1200}
    return its


async def uaf(browser: httpx2.AsyncClient, address: str, body: dict[str, str]) -> Any:
    return (await browser.post(f"/uaf/{address}", content=json.dumps(body), headers=UAF)).json()


async def send_form(browser: httpx2.AsyncClient, page: httpx2.Response, **choice: str) -> httpx2.Response:
    """The page's first form, with what is chosen in it."""
    form = Forms(page.text).forms[0]
    target = urljoin(str(page.url), form.action)
    return await browser.post(target, data={**form.fields, **choice}, follow_redirects=True)


def found(pattern: str, page: httpx2.Response) -> str:
    match = re.search(pattern, page.text)
    assert match, page.text
    return match.group(1)


async def asked_for(made: Whole, acr: str) -> tuple[httpx2.AsyncClient, httpx2.Response]:
    browser = made.browser()
    query = made.asks(client_id="basic", acr_values=acr, nonce="n")
    return browser, await browser.get(f"/sandbox/authorize?{query}", follow_redirects=True)


async def approved_elsewhere(made: Whole, its: phone.Phone, acr: str) -> dict[str, Any]:
    """The claims of the ID token after an approval on the tablet."""
    browser, page = await asked_for(made, acr)
    page = await send_form(browser, page, way="phone")
    page = await send_form(browser, page)
    code, number = found(r'id="phone-code">([^<]+)<', page), found(r'id="phone-number">(\d\d)<', page)
    device = made.browser()
    holder = (await device.post("/phone/approval", json={"code": code})).json()["holder"]
    context = json.dumps({"approval": code, "holder": holder, "number": number})
    asked = await uaf(device, "auth/request", {"context": context})
    said = await uaf(device, "auth/response", {"uafResponse": its.answer(asked["uafRequest"])})
    assert said == {"statusCode": 1200}
    return await claims(made, await goes_on(browser, str(page.url)))


async def goes_on(browser: httpx2.AsyncClient, address: str) -> str:
    """To where the log-in leads at the application."""
    for _ in range(8):
        if address.startswith(CALLBACK):
            return address
        answer = await browser.get(address)
        address = urljoin(address, answer.headers["location"])
    raise AssertionError(address)


async def claims(made: Whole, address: str) -> dict[str, Any]:
    code = answered(address)["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    answer = await made.browser().post("/sandbox/access_token", data=fields, auth=("basic", made.secrets["basic"]))
    read: dict[str, Any] = json.loads(phone.unb64(answer.json()["id_token"].split(".")[1]))
    return read


async def test_uaf_24_2_where_aal3_is_asked_for_another_device_is_refused_plainly_and_the_other_ways_are_offered(
    tmp_path: Path,
) -> None:
    async with hospital(tmp_path) as made:
        its = await tablet(made)
        browser, page = await asked_for(made, "AAL3_ANY")
        offered = set(Forms(page.text).forms[0].choices["way"].values())
        assert "this-phone" in offered
        assert "phone" not in offered
        assert "Phone or tablet: " in page.text, "why it is missing"
        login = found(r"/login/([\w-]+)/way", page)

        again = await send_form(browser, page, way="phone")
        assert "How do you want to log in?" in again.text
        assert "Select how you want to log in" in again.text
        for method in ("GET", "POST"):
            answer = await browser.request(
                method, f"/login/{login}/phone", data={"csrf": found(r'name="csrf" value="([^"]+)"', page)}
            )
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login/{login}")
        assert not made.tables()["approvals"]

        asked = await uaf(browser, "auth/request", {"context": json.dumps({"login": login})})
        said = await uaf(browser, "auth/response", {"uafResponse": its.answer(asked["uafRequest"])})
        token = await claims(made, await goes_on(browser, ORIGIN + said["location"]))
        assert token["authentication_assurance_level"] == "3"


@pytest.mark.parametrize(
    ("setting", "bound", "level"), [("false", True, "2"), ("true", False, "2"), ("true", True, "3")]
)
async def test_uaf_24_2_an_approval_on_another_device_is_worth_aal2_unless_the_operator_says_otherwise(
    tmp_path: Path, setting: str, bound: bool, level: str
) -> None:
    async with hospital(tmp_path, UAF__CROSS_DEVICE_AAL3=setting) as made:
        its = await tablet(made)
        if not bound:
            its.binding = {}
        token = await approved_elsewhere(made, its, "AAL2_OR_AAL3_ANY")
        assert token["authentication_assurance_level"] == level
