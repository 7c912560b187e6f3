"""What the conformance tool asks for (UAF reference section 8.3)."""

import json
from typing import Any

import pytest

from carekey.app import settings
from carekey.app.settings import SettingsError
from carekey.authenticators.conformance.contract import AnyWorld
from carekey.authenticators.phone.keeping import KIND
from carekey.authenticators.phone.tests.test_phone_http import device, new_world
from carekey.authenticators.uaf.tests.phone import Faults

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


@pytest.fixture
def world() -> AnyWorld:
    return new_world(conformance=True)


async def ask(world: AnyWorld, op: str, **wishes: Any) -> dict[str, Any]:
    body = {"op": op, "context": json.dumps({"username": "alice", **wishes})}
    response = await world.new_browser().post("/uaf/conformance/Get", content=json.dumps(body), headers=JSON)
    said: dict[str, Any] = response.json()
    return said


async def respond(world: AnyWorld, text: str, address: str = "/uaf/conformance/Respond") -> int:
    response = await world.new_browser().post(address, content=json.dumps({"uafResponse": text}), headers=JSON)
    status: int = response.json()["statusCode"]
    return status


async def test_registers_logs_in_confirms_and_deregisters(world: AnyWorld) -> None:
    phone = device()
    assert await respond(world, phone.answer((await ask(world, "Reg"))["uafRequest"])) == 1200
    assert await respond(world, phone.answer((await ask(world, "Auth"))["uafRequest"])) == 1200
    confirmed = await ask(world, "Auth", transaction="Pay 5 pounds")
    assert await respond(world, phone.answer(confirmed["uafRequest"])) == 1200
    assert phone.shown == ["Pay 5 pounds"]
    assert (await ask(world, "Dereg", deregisterAAID="nonsense"))["statusCode"] == 1400
    assert (await ask(world, "Dereg", deregisterAAID="9999#0001"))["statusCode"] == 1481
    phone.deregister((await ask(world, "Dereg", deregisterAAID=phone.model.aaid))["uafRequest"])
    assert phone.keys == []


async def test_uaf_9_2_the_tool_expects_1498_where_we_are_finer(world: AnyWorld) -> None:
    asked = (await ask(world, "Reg"))["uafRequest"]
    forged = Faults(final_challenge=lambda it: {**it, "facetID": "https://evil.example"})
    assert await respond(world, device().answer(asked, forged)) == 1498


async def test_its_users_are_nobody_and_their_answers_count_nowhere_else(world: AnyWorld) -> None:
    phone = device()
    text = phone.answer((await ask(world, "Reg"))["uafRequest"])
    elsewhere = await world.new_browser().post(
        "/uaf/reg/response",
        content=json.dumps({"uafResponse": text}),
        headers={"content-type": "application/fido+uaf"},
    )
    assert elsewhere.json() == {"statusCode": 1491}
    assert await respond(world, text, "/uaf/conformance/respond") == 1200
    assert await respond(world, text) == 1491
    held = await world.store.read(lambda tx: [one.kind for one in tx.credentials._rows])
    assert held == ["uaf-conformance"]
    assert KIND not in held


async def test_without_the_setting_they_are_not_there() -> None:
    response = await new_world().new_browser().post("/uaf/conformance/Get", content=b"{}", headers=JSON)
    assert response.status_code == 404


def test_production_refuses_it() -> None:
    variables = {
        "CAREKEY_ENVIRONMENT": "production",
        "CAREKEY_ISSUERS__HEALTHCARE__URL": "https://id.example",
        "CAREKEY_KEYS__MASTER_FILE": "master.key",
        "CAREKEY_UAF__CONFORMANCE": "true",
    }
    with pytest.raises(SettingsError, match=r"uaf\.conformance is for tests"):
        settings.load(None, variables)
