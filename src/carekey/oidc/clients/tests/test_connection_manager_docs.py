"""The Connection Manager's OpenAPI document and page are true of what its routes do."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carekey.kernel.ids import ClientId
from carekey.oidc import clients
from carekey.oidc.clients.connection_manager_api import ERRORS, OPERATIONS, Operation
from carekey.oidc.clients.connection_manager_docs_http import ConnectionManagerDocs
from carekey.oidc.clients.connection_manager_http import ConnectionManagerHttp
from carekey.oidc.clients.metadata import POLICY, describe, parse
from carekey.oidc.clients.metadata_schema import members
from carekey.oidc.clients.tests.test_connection_manager import SECRET, Teams
from carekey.oidc.tests.world import ISSUER, NOW, World
from carekey.web.templating import Pages

pytestmark = pytest.mark.anyio

TEAM = "acme-2"
BY_NAME = {one.name: one for one in OPERATIONS}


@pytest.fixture
def here(world: World) -> Teams:
    made = Teams(world)
    docs = ConnectionManagerDocs(world.issuer, server="https://am.example.test", version="1.2.3")
    for route in docs.routes():
        world.app._add(route)
    folder = Path(str(clients.__file__)).parent / "templates"
    world.app._site = replace(world.app._site, pages=Pages({"clients": folder}, service="CareKey"))
    return made


async def told(here: Teams) -> dict[str, Any]:
    async with here.world.http() as http:
        answer = await http.get("https://am.example.test/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    document: dict[str, Any] = answer.json()
    return document


async def test_cis2_9_2_every_route_is_in_the_document_and_nothing_else(here: Teams) -> None:
    document = await told(here)
    routes = {(route.path, verb) for route in ConnectionManagerHttp(here.manager).routes() for verb in route.handlers}
    written = {(path, verb.upper()) for path, verbs in document["paths"].items() for verb in verbs}
    assert routes == written
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Any = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolved(document, found)


def fits(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is of a schema, as far as ours go; every member has to be described."""
    schema = resolved(document, schema)
    if "enum" in schema:
        return value in schema["enum"]
    match schema["type"]:
        case "string":
            return isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return type(value) is int and schema["minimum"] <= value <= schema.get("maximum", value)
        case "array":
            return isinstance(value, list) and all(fits(document, schema["items"], one) for one in value)
        case "object" if "properties" not in schema:
            return isinstance(value, dict)
        case "object":
            described = schema["properties"]
            return (
                isinstance(value, dict)
                and {*schema.get("required", ())} <= value.keys() <= described.keys()
                and all(fits(document, described[name], one) for name, one in value.items())
            )
    raise AssertionError(schema)


async def asked(here: Teams, one: Operation, id: str, hash: str) -> Any:
    authorization = f"SecretAuth {SECRET}" if one.scheme == "secret" else await here.bearer()
    path = one.path.removeprefix("/api").format(team=TEAM, id=id) + (f"?hash={hash}" if "hash" in one.query else "")
    return await here.ask(one.method, path, authorization, None if one.body is None else dict(one.body))


async def test_each_example_is_accepted_and_each_answer_is_as_described(here: Teams) -> None:
    document, id, hash = await told(here), "", ""
    for one in OPERATIONS:  # which are in an order that makes sense
        described = document["paths"][one.path][one.method.lower()]
        if one.body is not None:
            body = described["requestBody"]["content"]["application/json"]
            assert body["example"] == one.body
            assert fits(document, body["schema"], one.body), one.name
        answer = await asked(here, one, id, hash)
        assert answer.status_code == one.status, (one.name, answer.text)
        content = described["responses"][str(one.status)]["content"]["application/json"]
        assert fits(document, content["schema"], content["example"]), one.name
        got = answer.json()
        # A configuration has what was sent and more: the schema knows those members too.
        config = got.get("client_config", {})
        assert config.keys() <= members(here.world.issuer, NOW).keys(), one.name
        assert fits(document, content["schema"], got), (one.name, got)
        id, hash = got.get("id", id), got.get("hash", hash)


@pytest.mark.parametrize("name", list(BY_NAME))
async def test_each_refusal_that_is_described_happens_and_no_other(here: Teams, name: str) -> None:
    one = BY_NAME[name]
    _, made = await here.created()
    id = made["id"]
    bearer = await here.bearer()

    async def status(authorization: str, team: str, id: str, hash: str, body: Any) -> int:
        place = one.path.removeprefix("/api").format(team=team, id=id)
        place += f"?hash={hash}" if "hash" in one.query else ""
        answer = await here.ask(one.method, place, authorization, body)
        if answer.status_code in ERRORS:
            assert answer.json()["error"] in ERRORS[answer.status_code][0], answer.text
            assert answer.json().keys() == {"error", "error_description"}
        code: int = answer.status_code
        return code

    body = None if one.body is None else dict(one.body)
    good, secret = ("1122334455", id, made["hash"], body), one.scheme == "secret"
    found = {await status("Bearer wrong", *good)}
    if not secret:
        found.add(await status(bearer, "beta", id, made["hash"], body))
    if "{id}" in one.path:
        found.add(await status(bearer, "1122334455", "none", made["hash"], body))
    if one.body is not None:
        found.add(await status(bearer, *good[:3], {"client_name": 7}))
    if "hash" in one.query:
        found.add(await status(bearer, "1122334455", id, "0" * 64, body))
    raced = {409} if name == "disable" else set()  # another change at the very moment
    assert found | raced == {*one.errors}


async def test_what_is_said_to_be_usual_is(here: Teams) -> None:
    described = (await told(here))["components"]["schemas"]["ClientMetadata"]["properties"]
    bare = {"client_name": "Bare", "redirect_uris": ["https://app.example.test/"]}
    made = (await here.ask("POST", f"/configs/{TEAM}", await here.bearer(), bare)).json()
    client = next(one for one in await here.clients() if one.id == made["id"])
    usual = {name: kind["default"] for name, kind in described.items() if "default" in kind}
    assert usual["token_endpoint_auth_method"] == "client_secret_post"
    told_back = {**describe(client), "client_id": None}
    assert {name: value for name, value in usual.items() if told_back.get(name, value) != value} == {}


def test_the_members_are_those_that_registration_asks_for() -> None:
    known = members(ISSUER, NOW)
    assert not {*POLICY} & known.keys()
    client = parse(
        {"client_name": "x", "redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "none"},
        id=ClientId("x"),
        issuer=ISSUER,
        now=NOW,
    )
    assert describe(client).keys() - {"client_id"} <= known.keys()
    assert known["token_endpoint_auth_method"]["default"] == "client_secret_basic"
    assert "RS512" in known["jwks_uri_signing_algorithm"]["enum"]
    assert known["redirect_uris"] == {"type": "array", "items": {"type": "string"}}


async def test_cis2_9_2_the_page_has_every_operation_and_nothing_from_elsewhere(here: Teams) -> None:
    async with here.world.http() as http:
        answer = await http.get("https://am.example.test/docs")
    assert answer.status_code == 200
    for one in OPERATIONS:
        assert f"{one.method} {one.path}" in answer.text
        assert one.summary in answer.text
    for member in members(here.world.issuer, NOW):
        assert member in answer.text
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert 'src="http' not in answer.text
    assert json.loads((await told(here))["servers"][0]["url"].join(('"', '"'))) == "https://am.example.test"
