"""What FIDO's conformance tool asks of a server, in our own words, over `Get` and `Respond` (UAF reference sections 8.3, 9.2)."""

import json
import re
from typing import Any

import pytest

from carekey.authenticators.conformance.contract import AnyWorld
from carekey.authenticators.phone.tests.test_conformance_http import JSON, ask, respond
from carekey.authenticators.phone.tests.test_phone_http import ORIGIN, device, new_world
from carekey.authenticators.uaf.status import Reason
from carekey.authenticators.uaf.tests.phone import Faults, unb64
from carekey.authenticators.uaf.tests.test_refusals import ASSERTION, LOGIN, MESSAGE, SURROGATE

pytestmark = pytest.mark.anyio

BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
FINER = {
    Reason.SESSION_UNKNOWN: 1491,
    Reason.CHANNEL_BINDING: 1490,
    Reason.UNKNOWN_KEY: 1481,
    Reason.KEY: 1494,
}
"""Where the standard's own code is expected; everything else that is wrong with a message is 1498 (section 9.2)."""


@pytest.fixture
def world() -> AnyWorld:
    return new_world(conformance=True)


async def kept(world: AnyWorld) -> list[Any]:
    return await world.store.read(lambda tx: [(one.id, one.counter, one.data) for one in tx.credentials._rows])


def dictionary(said: dict[str, Any], op: str) -> dict[str, Any]:
    """The one dictionary of a request, with what every request has."""
    assert said["statusCode"] == 1200
    assert said["op"] == op
    (message,) = json.loads(said["uafRequest"])
    header = message["header"]
    assert header["op"] == op
    assert header["upv"] == {"major": 1, "minor": 1}
    assert header["appID"].startswith(ORIGIN)
    assert 1 <= len(header["appID"]) <= 512
    found: dict[str, Any] = message
    return found


def check_asked(message: dict[str, Any]) -> None:
    assert 1 <= len(message["header"]["serverData"]) <= 1536
    assert BASE64URL.fullmatch(message["challenge"])
    assert 8 <= len(unb64(message["challenge"])) <= 64
    assert message["policy"]["accepted"]
    for together in message["policy"]["accepted"]:
        assert together
        for criteria in together:
            assert criteria.get("aaid") or {"authenticationAlgorithms", "assertionSchemes"} <= criteria.keys()


async def test_a_registration_request_has_what_it_must(world: AnyWorld) -> None:
    message = dictionary(await ask(world, "Reg"), "Reg")
    check_asked(message)
    assert 1 <= len(message["username"]) <= 128
    assert message["username"] == "alice"


async def test_a_request_for_somebody_registered_names_their_key_and_another_registration_excludes_it(
    world: AnyWorld,
) -> None:
    phone = device()
    await respond(world, phone.answer((await ask(world, "Reg"))["uafRequest"]))
    log_in = dictionary(await ask(world, "Auth"), "Auth")
    check_asked(log_in)
    assert "transaction" not in log_in
    named = {key for each in log_in["policy"]["accepted"] for one in each for key in one["keyIDs"]}
    excluded = {
        key
        for one in dictionary(await ask(world, "Reg"), "Reg")["policy"]["disallowed"]
        for key in one.get("keyIDs", [])
    }
    assert len(named) == 1
    assert named <= excluded


@pytest.mark.parametrize("op", ["Reg", "Auth"])
async def test_no_challenge_and_no_server_data_comes_twice(world: AnyWorld, op: str) -> None:
    messages = [dictionary(await ask(world, op), op) for _ in range(20)]
    assert len({message["challenge"] for message in messages}) == 20
    assert len({message["header"]["serverData"] for message in messages}) == 20


async def test_a_text_to_confirm_is_in_the_request_and_its_hash_must_be_in_the_answer(world: AnyWorld) -> None:
    phone = device()
    await respond(world, phone.answer((await ask(world, "Reg"))["uafRequest"]))
    asked = await ask(world, "Auth", transaction="Pay 5 pounds")
    (shown,) = dictionary(asked, "Auth")["transaction"]
    assert shown["contentType"] == "text/plain"
    assert BASE64URL.fullmatch(shown["content"])
    assert unb64(shown["content"]) == b"Pay 5 pounds"
    for wrong in (b"", bytes(32)):
        asked = await ask(world, "Auth", transaction="Pay 5 pounds")
        faults = Faults(signed=lambda its, wrong=wrong: [(tag, wrong if tag == 0x2E10 else old) for tag, old in its])
        assert await respond(world, phone.answer(asked["uafRequest"], faults)) == 1498
    asked = await ask(world, "Auth", transaction="Pay 5 pounds")
    assert await respond(world, phone.answer(asked["uafRequest"], Faults(mode=1))) == 1498


@pytest.mark.parametrize("text", ["", "x" * 201, "\u0007", "\ud800"], ids=["none", "long", "control", "surrogate"])
async def test_a_text_that_cannot_be_shown_is_not_asked(world: AnyWorld, text: str) -> None:
    said = await ask(world, "Auth", transaction=text)
    if text:
        assert said == {"statusCode": 1400}
    else:
        assert "transaction" not in dictionary(said, "Auth")


@pytest.mark.parametrize(
    ("wishes", "pairs"),
    [({}, "the keys"), ({"deregisterAAID": "1A2B#0001"}, "the model"), ({"deregisterAll": True}, "everything")],
    ids=str,
)
async def test_a_deregistration_has_its_form_and_no_server_data(
    world: AnyWorld, wishes: dict[str, Any], pairs: str
) -> None:
    phone = device()
    await respond(world, phone.answer((await ask(world, "Reg"))["uafRequest"]))
    message = dictionary(await ask(world, "Dereg", **wishes), "Dereg")
    assert "serverData" not in message["header"]
    (one,) = message["authenticators"]
    its = {"the keys": ("1A2B#0001", True), "the model": ("1A2B#0001", False), "everything": ("", False)}[pairs]
    assert (one["aaid"], bool(one["keyID"])) == its
    assert (await ask(world, "Dereg", **wishes))["statusCode"] == 1481, "it has gone"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"context": "{\\"username\\": \\"alice\\"}"}',
        b'{"op": "Reg"}',
        b'{"op": "Reg", "context": "{}"}',
        b'{"op": "Reg", "context": {"username": "alice"}}',
        b'{"op": "Sign", "context": "{\\"username\\": \\"alice\\"}"}',
        b'{"op": "Reg", "context": "{\\"username\\": 7}"}',
    ],
)
async def test_a_wish_that_makes_no_sense_is_1400(world: AnyWorld, body: bytes) -> None:
    response = await world.new_browser().post("/uaf/conformance/Get", content=body, headers=JSON)
    assert response.json() == {"statusCode": 1400}
    assert await kept(world) == []


@pytest.mark.parametrize("name", MESSAGE | ASSERTION | SURROGATE)
async def test_uaf_9_2_a_wrong_registration_has_the_code_that_is_expected(world: AnyWorld, name: str) -> None:
    faults, reason = (MESSAGE | ASSERTION | SURROGATE)[name]
    asked = (await ask(world, "Reg"))["uafRequest"]
    assert await respond(world, device().answer(asked, faults)) == FINER.get(reason, 1498)
    assert await kept(world) == []


@pytest.mark.parametrize("name", LOGIN)
async def test_uaf_9_2_a_wrong_log_in_has_the_code_that_is_expected(world: AnyWorld, name: str) -> None:
    faults, reason = LOGIN[name]
    phone = device()
    for op in ("Reg", "Auth"):
        assert await respond(world, phone.answer((await ask(world, op))["uafRequest"])) == 1200
    before = await kept(world)
    asked = (await ask(world, "Auth"))["uafRequest"]
    assert await respond(world, phone.answer(asked, faults)) == FINER.get(reason, 1498)
    assert await kept(world) == before


async def test_a_counter_rises_from_one_log_in_to_the_next(world: AnyWorld) -> None:
    phone = device()
    await respond(world, phone.answer((await ask(world, "Reg"))["uafRequest"]))
    for counter, code in ((5, 1200), (5, 1498), (4, 1498), (6, 1200), (2**32 - 1, 1200)):
        asked = (await ask(world, "Auth"))["uafRequest"]
        assert await respond(world, phone.answer(asked, Faults(counter=counter))) == code, counter
