import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import RSAKey

from carekey.kernel.secret import digest
from carekey.oidc.clients.grant_types import CIBA, DEVICE
from carekey.oidc.clients.http import RegistrationHttp
from carekey.oidc.clients.metadata import InvalidMetadata, describe, parse
from carekey.oidc.clients.registration import ClientRegistration
from carekey.oidc.clients.tests.test_logo import GOOD
from carekey.oidc.fetch import FetchFailed, Flaw
from carekey.oidc.model import Allowance, InitialAccessToken, Issuer, Registration
from carekey.oidc.tests.world import CALLBACK, ISSUER_URL, NOW, World, basic
from carekey.web.dispatcher import Dispatcher
from carekey.web.zones import Zones

pytestmark = pytest.mark.anyio

REGISTER = f"{ISSUER_URL}/register"
METADATA = {"client_name": "Ward 7", "redirect_uris": [CALLBACK]}
VENDOR = RSAKey.generate_key(2048, {"kid": "vendor", "use": "sig"})
RULES = Registration(statements={"https://vendor.example": {"keys": [VENDOR.as_dict(private=False)]}})


class Registering:
    """A world with a registration endpoint."""

    def __init__(self, world: World, rules: Registration = RULES) -> None:
        self.world = world
        self.published: dict[str, Any] = {}
        self.fetched: list[str] = []
        world.issuer = replace(world.issuer, profile="oidc-basic", registration=rules, pairwise_key=b"p" * 64)
        endpoint = ClientRegistration(
            issuer=world.issuer,
            rules=rules,
            store=world.store,
            fetch=self._fetch,
            sealing=world.sealing,
            entropy=world.entropy,
        )
        self.registration = endpoint
        routes = RegistrationHttp(issuer=world.issuer, registration=endpoint).routes()
        for route in routes:
            world.app._add(route)

    async def _fetch(self, uri: str) -> bytes:
        self.fetched.append(uri)
        found = self.published.get(uri, FetchFailed(Flaw.NO_ANSWER))
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, bytes) else json.dumps(found).encode()

    async def allow(self, token: str = "initial", **changes: Any) -> None:
        made = InitialAccessToken(
            digest=digest(token),
            issuer=self.world.issuer.name,
            note="Ward 7",
            created_at=NOW,
            expires_at=NOW + timedelta(hours=1),
        )
        await self.world.store.write(lambda tx: tx.initial_access_tokens.put(replace(made, **changes)))

    async def ask(self, method: str, url: str, token: str | None, body: Any = None, **headers: str) -> Any:
        given = {"content-type": "application/json", **headers}
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes | None) else json.dumps(body)
        async with self.world.http() as http:
            return await http.request(method, url, content=content, headers=given)

    async def register(self, token: str | None = "initial", **changes: Any) -> Any:
        return await self.ask("POST", REGISTER, token, {**METADATA, **changes})

    async def registered(self, **changes: Any) -> dict[str, Any]:
        await self.allow()
        answer = await self.register(**changes)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture
def here(world: World) -> Registering:
    assert isinstance(world.app, Dispatcher)
    return Registering(world)


def statement(claims: dict[str, Any], key: RSAKey = VENDOR) -> str:
    payload = {"iss": "https://vendor.example", **claims}
    return jws.serialize_compact({"alg": "PS256", "kid": "vendor"}, json.dumps(payload), key, algorithms=["PS256"])


async def test_rfc7591_3_2_1_a_client_registers_and_gets_tokens(here: Registering) -> None:
    told = await here.registered()
    assert told["client_name"] == "Ward 7"
    assert told["client_secret_expires_at"] == 0
    assert told["registration_client_uri"] == f"{REGISTER}?client_id={told['client_id']}"
    await here.world.code(client=told["client_id"])
    request = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK}
    answer = await here.world.token(request, headers=basic(told["client_id"], told["client_secret"]))
    assert answer.status_code == 200
    (event,) = await here.world.events("client:registration:created")
    assert event.data["client"] == told["client_id"]


async def test_rfc7591_3_nothing_that_lets_in_is_kept(here: Registering) -> None:
    told = await here.registered()
    kept = repr(await here.world.store.read(lambda tx: tx.clients.find(here.world.issuer.name, told["client_id"])))
    assert told["client_secret"] not in kept
    assert told["registration_access_token"] not in kept


async def test_rfc7591_3_2_2_what_is_wrong_is_told_in_ascii(here: Registering) -> None:
    await here.allow()
    answer = await here.register(grant_types=['\u00e9"\\'], redirect_uris=["https://\u00e4.example/"])
    said = answer.json()["error_description"]
    assert "grant_types has ?'?, which is not offered here; redirect_uris has" in said
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", said)


async def test_rfc7591_3_an_initial_access_token_works_as_often_as_it_says(here: Registering) -> None:
    await here.allow(uses_left=2)
    statuses = [(await here.register()).status_code for _ in range(3)]
    assert statuses == [201, 201, 401]
    assert await here.world.reasons() == ["unknown_token"]


async def test_rfc7591_3_metadata_that_is_refused_uses_nothing_up(here: Registering) -> None:
    await here.allow()
    assert (await here.register(redirect_uris=["http://ward.example/"])).status_code == 400
    assert (await here.register()).status_code == 201


@pytest.mark.parametrize(
    ("token", "reason"), [(None, "no_token"), ("other", "unknown_token"), ("old", "token_expired")]
)
async def test_rfc7591_3_without_a_good_token_nobody_registers(
    here: Registering, token: str | None, reason: str
) -> None:
    await here.allow("old", expires_at=NOW)
    answer = await here.register(token)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await here.world.reasons() == [reason]


async def test_rfc7591_3_where_it_is_open_anybody_registers(world: World) -> None:
    assert (await Registering(world, Registration(open=True)).register(None)).status_code == 201


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uris": ["https://ward.example/#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"client_name": 7}, "invalid_client_metadata"),
        ({"profile": "unheard-of"}, "invalid_client_metadata"),
        ({"offline_access": True}, "invalid_client_metadata"),
        ({"assert_people": True}, "invalid_client_metadata"),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "invalid_client_metadata"),
        ({"id_token_encrypted_response_alg": "RSA-OAEP"}, "invalid_client_metadata"),
        ({"userinfo_encrypted_response_enc": "A128GCM"}, "invalid_client_metadata"),
        ({"authorization_encrypted_response_alg": "RSA-OAEP"}, "invalid_client_metadata"),
        ({"authorization_encrypted_response_alg": "RSA1_5"}, "invalid_client_metadata"),
        ({"authorization_encrypted_response_enc": "A128GCM"}, "invalid_client_metadata"),
        ({"request_object_encryption_alg": "RSA-OAEP"}, "invalid_client_metadata"),
        ({"subject_type": "pairwise", "redirect_uris": [CALLBACK, "https://b.example/"]}, "invalid_client_metadata"),
        ({"sector_identifier_uri": "http://ward.example/"}, "invalid_client_metadata"),
        ({"sector_identifier_uri": "https://gone.example/"}, "invalid_client_metadata"),
        ({"policy_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
        ({"initiate_login_uri": "http://ward.example/"}, "invalid_client_metadata"),
        ({"require_auth_time": "yes"}, "invalid_client_metadata"),
        ({"software_statement": 7}, "invalid_software_statement"),
        ({"software_statement": "a.b.c"}, "invalid_software_statement"),
        ({"software_statement": statement({"iss": "https://other.example"})}, "unapproved_software_statement"),
        ({"software_statement": statement({"iss": 7})}, "unapproved_software_statement"),
        ({"software_statement": statement({}, RSAKey.generate_key(2048))}, "invalid_software_statement"),
        ({"software_statement": statement({"exp": 1})}, "invalid_software_statement"),
        ({"software_statement": statement({"exp": "soon"})}, "invalid_software_statement"),
    ],
)
async def test_rfc7591_3_2_2_errors(here: Registering, changes: dict[str, Any], error: str) -> None:
    await here.allow()
    answer = await here.register(**changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    (event,) = await here.world.events("client:registration:refused")
    assert event.data["error"] == error


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"a":' * 5000])
async def test_rfc7591_3_1_what_is_no_json_object_is_refused(here: Registering, body: bytes) -> None:
    await here.allow()
    answer = await here.ask("POST", REGISTER, "initial", body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


async def test_rfc7591_3_1_a_form_is_no_registration(here: Registering) -> None:
    await here.allow()
    answer = await here.ask(
        "POST", REGISTER, "initial", b"a=b", **{"content-type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


async def test_rfc7591_2_3_what_a_software_statement_says_wins(here: Registering) -> None:
    text = statement({"client_name": "Approved", "offline_access": True})
    told = await here.registered(client_name="Mine", software_statement=text)
    assert told["client_name"] == "Approved"
    assert "offline_access" not in told
    assert told["software_statement"] == text


async def test_rfc7591_2_3_and_goes_on_to_win_when_the_client_changes(here: Registering) -> None:
    told = await here.registered(software_statement=statement({"client_name": "Approved"}))
    body = {**METADATA, "client_id": told["client_id"], "client_name": "Mine"}
    answer = await here.ask("PUT", told["registration_client_uri"], told["registration_access_token"], body)
    assert answer.json()["client_name"] == "Approved"
    assert answer.json()["software_statement"] == told["software_statement"]


@pytest.mark.parametrize(
    ("allowance", "changes"),
    [
        (Allowance(scopes=frozenset({"openid"})), {"scope": "openid email"}),
        (Allowance(grant_types=frozenset({"authorization_code"})), {"grant_types": ["client_credentials"]}),
        (Allowance(hosts=frozenset({"other.example"})), {}),
        (Allowance(profile="oidc-basic"), {"profile": "cis2"}),
    ],
)
async def test_rfc7591_3_a_client_gets_no_more_than_its_token_allows(
    here: Registering, allowance: Allowance, changes: dict[str, Any]
) -> None:
    await here.allow(allowance=allowance)
    answer = await here.register(**changes)
    assert (answer.status_code, answer.json()["error"][:15]) == (
        400,
        "invalid_client_" if changes else "invalid_redirec",
    )


async def test_rfc7592_2_2_nor_by_a_later_change(here: Registering) -> None:
    await here.allow(allowance=Allowance(scopes=frozenset({"openid"})))
    told = (await here.register()).json()
    assert told["scope"] == "openid"
    body = {**METADATA, "client_id": told["client_id"], "scope": "openid email"}
    answer = await here.ask("PUT", told["registration_client_uri"], told["registration_access_token"], body)
    assert answer.json()["error"] == "invalid_client_metadata"


async def test_a_client_that_registered_itself_is_a_third_party_unless_an_operator_says_otherwise(
    here: Registering,
) -> None:
    told = await here.registered(consent=False, listed=True)
    assert (told["consent"], told.get("listed")) == (True, None)
    await here.allow("house", allowance=Allowance(first_party=True))
    assert "consent" not in (await here.register("house")).json()


async def test_a_secret_that_is_sent_is_not_kept(here: Registering) -> None:
    told = await here.registered(client_secret="chosen")
    assert told["client_secret"] != "chosen"
    kept = repr(await here.world.store.read(lambda tx: tx.clients.find(here.world.issuer.name, told["client_id"])))
    assert "chosen" not in kept


async def test_rfc7592_2_1_a_client_reads_its_registration(here: Registering) -> None:
    told = await here.registered()
    answer = await here.ask("GET", told["registration_client_uri"], told["registration_access_token"])
    assert answer.status_code == 200
    assert answer.json() == {
        name: value for name, value in told.items() if name not in {"client_secret", "client_secret_expires_at"}
    }


async def test_rfc7592_2_2_an_update_replaces_everything_and_rotates_the_token(here: Registering) -> None:
    told = await here.registered(contacts=["a@ward.example"])
    uri, first = told["registration_client_uri"], told["registration_access_token"]
    body = {**METADATA, "client_name": "Ward 8", "client_id": told["client_id"], "client_secret": told["client_secret"]}
    changed = (await here.ask("PUT", uri, first, body)).json()
    assert changed["client_name"] == "Ward 8"
    assert "contacts" not in changed
    assert "client_secret" not in changed
    second = changed["registration_access_token"]
    assert second != first
    assert (await here.ask("GET", uri, first)).status_code == 200  # the answer may have been lost
    assert (await here.ask("GET", uri, second)).status_code == 200
    assert (await here.ask("GET", uri, first)).status_code == 401
    assert len(await here.world.events("client:registration:changed")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"client_id": None},
        {"client_secret": "guess"},
        {"registration_access_token": "x"},
        {"registration_client_uri": "x"},
        {"client_secret_expires_at": 0},
        {"client_id_issued_at": 0},
        {"client_name": None},
    ],
)
async def test_rfc7592_2_2_updates_that_are_refused_change_nothing(here: Registering, changes: dict[str, Any]) -> None:
    told = await here.registered()
    uri, token = told["registration_client_uri"], told["registration_access_token"]
    answer = await here.ask("PUT", uri, token, {**METADATA, "client_id": told["client_id"], **changes})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert (await here.ask("GET", uri, token)).json()["client_name"] == "Ward 7"


async def test_rfc7592_2_2_what_an_operator_has_set_stays(here: Registering) -> None:
    told = await here.registered()
    issuer, id = here.world.issuer.name, told["client_id"]

    def grant(tx: Any) -> None:
        tx.clients.replace(replace(tx.clients.find(issuer, id), offline_access=True))

    await here.world.store.write(grant)
    uri, token = told["registration_client_uri"], told["registration_access_token"]
    answer = await here.ask("PUT", uri, token, {**METADATA, "client_id": id})
    assert answer.json()["offline_access"] is True


async def test_rfc7592_2_2_one_that_was_overtaken_changes_nothing(here: Registering) -> None:
    told = await here.registered()
    issuer, id = here.world.issuer.name, told["client_id"]
    seen = await here.world.store.read(lambda tx: tx.clients.find(issuer, id))
    read = here.registration._authenticated

    async def overtaken(*args: Any) -> Any:
        found = await read(*args)
        await here.world.store.write(lambda tx: tx.clients.change(replace(seen, name="Winner", revision=1)))
        return found

    here.registration._authenticated = overtaken  # type: ignore[method-assign]
    body = {**METADATA, "client_id": id, "client_name": "Loser"}
    answer = await here.ask("PUT", told["registration_client_uri"], told["registration_access_token"], body)
    assert answer.status_code == 409
    kept = await here.world.store.read(lambda tx: tx.clients.find(issuer, id))
    assert kept.name == "Winner"
    assert await here.world.reasons() == ["changed_meanwhile"]


async def test_rfc7592_2_3_a_client_that_removes_itself_holds_nothing_any_more(here: Registering) -> None:
    told = await here.registered()
    await here.world.code(client=told["client_id"])
    request = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": CALLBACK}
    headers = basic(told["client_id"], told["client_secret"])
    access = (await here.world.token(request, headers=headers)).json()["access_token"]
    assert (await here.world.userinfo(access)).status_code == 200
    uri, token = told["registration_client_uri"], told["registration_access_token"]
    assert (await here.ask("DELETE", uri, token)).status_code == 204
    assert (await here.world.userinfo(access)).status_code == 401
    assert (await here.world.token(request, headers=headers)).json()["error"] == "invalid_client"
    assert (await here.ask("GET", uri, token)).status_code == 401
    assert len(await here.world.events("client:registration:removed")) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_rfc7592_2_nobody_without_the_token_gets_near(here: Registering, method: str) -> None:
    told = await here.registered()
    for id, token in (
        (told["client_id"], "x"),
        (told["client_id"], None),
        ("unknown", told["registration_access_token"]),
    ):
        body = {**METADATA, "client_id": id} if method == "PUT" else None
        answer = await here.ask(method, f"{REGISTER}?client_id={id}", token, body)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


SECTOR = "https://sector.example/uris.json"
PAIRWISE = {"subject_type": "pairwise", "sector_identifier_uri": SECTOR}


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ([CALLBACK, "https://more.example/"], 201),
        (["https://more.example/"], 400),
        ({"uris": [CALLBACK]}, 400),
        ([CALLBACK, 7], 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        *((FetchFailed(flaw), 400) for flaw in Flaw),
    ],
)
async def test_registration_5_the_sector_lists_every_redirect_address(
    here: Registering, document: Any, status: int
) -> None:
    here.published[SECTOR] = document
    await here.allow()
    answer = await here.register(**PAIRWISE)
    assert answer.status_code == status
    assert answer.json().get("error") == (None if status == 201 else "invalid_client_metadata")


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({}, "https://ward.example/jwks"),
        ({"backchannel_token_delivery_mode": "push"}, "https://ward.example/ciba"),
        ({"grant_types": ["authorization_code", DEVICE]}, "https://ward.example/jwks"),
    ],
)
async def test_ciba_6_the_sector_lists_the_keys_or_where_tokens_are_pushed(
    here: Registering, changes: dict[str, Any], listed: str
) -> None:
    allowed = frozenset({"authorization_code", CIBA, DEVICE})
    members = {
        **PAIRWISE,
        "grant_types": ["authorization_code", CIBA],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "https://ward.example/jwks",
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://ward.example/ciba",
        **changes,
    }
    await here.allow(allowance=Allowance(grant_types=allowed), uses_left=2)
    here.published[SECTOR] = [CALLBACK]
    missing = await here.register(**members)
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_client_metadata")
    assert f"does not list '{listed}'" in missing.json()["error_description"]
    here.published[SECTOR] = [CALLBACK, listed]
    assert (await here.register(**members)).status_code == 201


async def test_who_registers_does_not_learn_which_names_there_are_inside(here: Registering) -> None:
    await here.allow()
    told = []
    for flaw in (Flaw.NOT_FOUND, Flaw.FORBIDDEN_ADDRESS):
        here.published[SECTOR] = FetchFailed(flaw)
        told.append((await here.register(**PAIRWISE)).json()["error_description"])
    assert told[0] == told[1]
    assert told[0].endswith("cannot be fetched: not_found")


async def test_registration_2_members_about_people_and_pages_come_back_as_given(here: Registering) -> None:
    here.published[SECTOR] = [CALLBACK]
    members = {
        **PAIRWISE,
        "policy_uri": "https://ward.example/policy",
        "tos_uri": "https://ward.example/terms",
        "initiate_login_uri": "https://ward.example/login",
        "require_auth_time": True,
        "jwks": {"keys": [{**VENDOR.as_dict(private=False), "use": "enc"}]},
        "id_token_encrypted_response_alg": "RSA-OAEP-256",
        "userinfo_encrypted_response_alg": "RSA-OAEP",
        "userinfo_encrypted_response_enc": "A256GCM",
        "authorization_encrypted_response_alg": "RSA-OAEP-256",
        "authorization_encrypted_response_enc": "A192GCM",
    }
    told = await here.registered(**members)
    assert told.items() >= members.items()
    assert told["id_token_encrypted_response_enc"] == "A128CBC-HS256"


LOGO = "https://ward.example/logo.png"


async def test_registration_2_the_logo_is_fetched_once_and_goes_with_the_registration(here: Registering) -> None:
    here.published[LOGO] = GOOD

    async def kept(id: str) -> bytes | None:
        return await here.world.store.read(lambda tx: tx.logos.find(here.world.issuer.name, id))

    told = await here.registered(logo_uri=LOGO)
    assert (told["logo_uri"], await kept(told["client_id"])) == (LOGO, GOOD)
    del here.published[LOGO]
    uri, changed = told["registration_client_uri"], {**METADATA, "client_id": told["client_id"]}
    told = (await here.ask("PUT", uri, told["registration_access_token"], {**changed, "logo_uri": LOGO})).json()
    assert (told["logo_uri"], await kept(told["client_id"])) == (LOGO, None), "what is not there is not shown"
    here.published[LOGO] = GOOD
    for metadata, picture in (
        (changed | {"logo_uri": LOGO}, GOOD),
        (changed, None),
        (changed | {"logo_uri": LOGO}, GOOD),
    ):
        told = (await here.ask("PUT", uri, told["registration_access_token"], metadata)).json()
        assert await kept(told["client_id"]) == picture
    assert (await here.ask("DELETE", uri, told["registration_access_token"])).status_code == 204
    assert await kept(told["client_id"]) is None
    events = [
        *await here.world.events("client:registration:created"),
        *await here.world.events("client:registration:changed"),
    ]
    assert [event.data["logo"] for event in events] == ["kept", "no_answer", "kept", "", "kept"]


async def test_registration_2_a_logo_that_is_refused_keeps_nobody_out(here: Registering) -> None:
    here.published[LOGO] = b"GIF89a"
    told = await here.registered(logo_uri=LOGO)
    assert told["logo_uri"] == LOGO
    (event,) = await here.world.events("client:registration:created")
    assert event.data["logo"] == "not_png"


async def test_registration_2_metadata_that_is_refused_has_no_logo_fetched(here: Registering) -> None:
    await here.allow()
    assert (await here.register(logo_uri=LOGO, redirect_uris=["http://ward.example/"])).status_code == 400
    assert (await here.register("other", logo_uri=LOGO)).status_code == 401
    assert here.fetched == []


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "https://a.example/", "é", "\0", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["keys", "kty", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_members = (
    *("redirect_uris", "jwks", "jwks_uri", "grant_types", "response_types", "subject_type", "sector_identifier_uri"),
    *("application_type", "contacts", "scope", "default_max_age", "default_acr_values", "request_uris", "profile"),
    *("id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "request_object_encryption_enc"),
    *("authorization_encrypted_response_alg", "authorization_encrypted_response_enc"),
    *("policy_uri", "initiate_login_uri", "require_auth_time", "token_exchange_from", "minimum_aal", "client_id"),
)


@given(st.dictionaries(st.sampled_from(_members), _json, max_size=6), st.booleans())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_metadata_is_it_is_registered_or_refused(metadata: dict[str, Any], operator: bool) -> None:
    issuer = Issuer(name="a", url="https://a.example", profile="oidc-basic", encrypted_requests=True)  # type: ignore[arg-type]
    try:
        client = parse({**METADATA, **metadata}, id="a", issuer=issuer, now=NOW, by_operator=operator)  # type: ignore[arg-type]
    except InvalidMetadata as refused:
        told = refused.problems
    else:
        told = describe(client)
    assert told


def through(address: str) -> dict[str, str]:
    return {"x-forwarded-for": address}


async def open_to(world: World, **rules: int) -> Registering:
    assert isinstance(world.app, Dispatcher)
    here = Registering(world, Registration(open=True, **rules))
    world.app._site = replace(world.app._site, zones=Zones({}, proxies=[ip_network("127.0.0.1")]))
    return here


async def tries(here: Registering, count: int, address: str = "192.0.2.7", body: Any = METADATA) -> list[int]:
    return [(await here.ask("POST", REGISTER, None, body, **through(address))).status_code for _ in range(count)]


async def test_rfc7591_5_an_address_registers_so_many_in_an_hour_and_others_go_on(world: World) -> None:
    here = await open_to(world, by_address=3)
    assert await tries(here, 5) == [201] * 3 + [429] * 2
    refused = await here.ask("POST", REGISTER, None, METADATA, **through("192.0.2.7"))
    assert refused.json()["error"] == "temporarily_unavailable"
    wait = int(refused.headers["retry-after"])
    assert 0 < wait <= 3600
    assert await tries(here, 1, "192.0.2.8") == [201]
    # Of a day of refusals the record has one line for each hour.
    assert await here.world.reasons() == ["too_many"]
    here.world.clock.pass_by(seconds=wait - 1)
    assert await tries(here, 1) == [429]
    here.world.clock.pass_by(seconds=1)
    assert await tries(here, 4) == [201] * 3 + [429]
    assert await here.world.reasons() == ["too_many"] * 2


async def test_rfc7591_5_everybody_together_registers_so_many_in_an_hour(world: World) -> None:
    here = await open_to(world, by_address=2, in_all=5)
    got = [code for number in range(8) for code in await tries(here, 1, f"192.0.2.{number}")]
    assert got == [201] * 5 + [429] * 3
    # A token is an operator's word: it goes on.
    await here.allow()
    assert (await here.register()).status_code == 201
    assert await here.world.reasons() == ["too_many"]


async def test_rfc7591_5_one_address_does_not_use_up_what_all_have(world: World) -> None:
    here = await open_to(world, by_address=2, in_all=5)
    assert (await tries(here, 20))[2:] == [429] * 18
    assert await tries(here, 2, "192.0.2.8") == [201] * 2


async def test_rfc7591_5_addresses_of_one_network_of_ipv6_are_one(world: World) -> None:
    here = await open_to(world, by_address=2)
    found = [await tries(here, 1, f"2001:db8:1:1::{number}") for number in range(3)]
    assert found == [[201], [201], [429]]
    assert await tries(here, 1, "2001:db8:1:2::1") == [201]


async def test_rfc7591_5_of_many_at_once_no_more_than_the_bound_register(world: World) -> None:
    here = await open_to(world, by_address=3)
    asked = (here.ask("POST", REGISTER, None, METADATA, **through("192.0.2.7")) for _ in range(12))
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [201] * 3 + [429] * 9
    assert await here.world.reasons() == ["too_many"]


async def test_rfc7591_3_1_a_body_that_is_refused_is_on_record_and_that_has_a_bound(world: World) -> None:
    here = await open_to(world, by_address=3)
    assert await tries(here, 10, body=b"{") == [400] * 3 + [429] * 7
    assert await here.world.reasons() == ["malformed"] * 3 + ["too_many"]


async def test_rfc7592_2_2_a_body_that_is_refused_is_on_record_with_its_client(here: Registering) -> None:
    made = await here.registered()
    answer = await here.ask("PUT", made["registration_client_uri"], made["registration_access_token"], b"[]")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    (event,) = await here.world.events("client:registration:refused")
    assert (event.data["client"], event.data["reason"]) == (made["client_id"], "malformed")


async def test_who_has_no_token_is_not_listened_to(here: Registering) -> None:
    assert (await here.ask("POST", REGISTER, "wrong", b"{")).status_code == 401
    assert await here.world.reasons() == ["unknown_token"]
