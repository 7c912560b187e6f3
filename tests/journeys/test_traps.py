"""What integrators stumble over (cis2-profile 9.4) and what their clients jointly require (2.17), by number.

Not here: 14 (local card software) belongs to smartcards, 17 (e-mail domains) to registration; 11 (logout tokens)
waits for back-channel logout, which discovery therefore does not announce.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import httpx2
import pytest
from joserfc.jwk import RSAKey

from support.browser import Kind
from support.keys import KeyOf
from support.person import Page, Person, client
from support.provider import GP, NO_ROLE, NURSE, Provider, carekey
from support.proxy import TlsProxy
from support.relying_party import Assertion, RelyingParty, metadata

pytestmark = pytest.mark.browser

CALLBACK = "https://app.example.test/auth/callback"
CONSULTANT = "555000000109"
ROLES = "openid profile nhsperson nationalrbacaccess associatedorgs organisationalmemberships"
JWT_IS_NOT_VALID = {"error_description": "JWT is not valid", "error": "invalid_client"}

Register = Callable[..., RelyingParty]


@pytest.fixture(scope="module")
def register(provider: Provider) -> Register:
    def new(*, key: RSAKey | None = None, **more: Any) -> RelyingParty:
        registered = provider.register(json.loads(metadata(CALLBACK, key, **more)))
        return RelyingParty(
            issuer=provider.issuer,
            client_id=registered["client_id"],
            redirect_uri=CALLBACK,
            key=key,
            secret=registered.get("client_secret"),
        )

    return new


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture(scope="module")
def party(register: Register, key: RSAKey) -> RelyingParty:
    return register(key=key)


def logged_in(party: RelyingParty, key_of: KeyOf, person: str, *, role: str | None = None, **asked: str) -> Person:
    """Somebody with a session, whose further log-ins need no page."""
    held = key_of(person, Kind.SECURITY_KEY)
    somebody = Person(prove=held.prove)
    end = somebody.log_in(party.authorize(**asked), until=CALLBACK, way=held.way, role=role)
    assert isinstance(end, str), f"stopped at the page {somebody.seen[-1]}"
    return somebody


def code(party: RelyingParty, somebody: Person, **asked: str) -> str:
    return party.answered(somebody.straight(party.authorize(**asked), until=CALLBACK))["code"]


@pytest.fixture
def gp(party: RelyingParty, key_of: KeyOf) -> Person:
    return logged_in(party, key_of, GP)


def userinfo(party: RelyingParty, somebody: Person, scope: str = ROLES) -> dict[str, Any]:
    token = party.token(code(party, somebody, scope=scope)).json()
    found: dict[str, Any] = party.userinfo(token["access_token"]).json()
    return found


HARD_CODED = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/access_token",
    "userinfo_endpoint": "/userinfo",
    "jwks_uri": "/connect/jwk_uri",
    "end_session_endpoint": "/connect/endSession",
}

PORT_443 = "https://am.example.test:443/openam/oauth2/realms/root/realms/oidc"


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("port-443")
    issuer = {"URL": PORT_443, "SANDBOX": "true", "WAYS": '["password"]', "REALM": "/oidc"}
    with carekey(folder, **{f"ISSUERS__OIDC__{name}": value for name, value in issuer.items()}) as running:
        yield running


@pytest.mark.parametrize("audience", [f"{PORT_443}/access_token", PORT_443])
@pytest.mark.parametrize("port", [":443", ""])
def test_1_an_issuer_with_port_443_and_a_path_comes_back_character_for_character(
    behind_proxy: Provider, key: RSAKey, audience: str, port: str
) -> None:
    proxy = TlsProxy(behind_proxy.port)
    registered = behind_proxy.register(json.loads(metadata(CALLBACK, key)), issuer="oidc")
    party = RelyingParty(
        issuer=PORT_443,
        client_id=registered["client_id"],
        redirect_uri=CALLBACK,
        key=key,
        assertion=Assertion(aud=audience.replace(":443", port)),
        http=client(proxy),
    )
    discovered = party.discovered()
    assert discovered["issuer"] == PORT_443
    assert {name: discovered[name] for name in HARD_CODED} == {
        name: f"{PORT_443}{path}" for name, path in HARD_CODED.items()
    }
    nurse = Person(user=NURSE, password=behind_proxy.people[NURSE]["sandbox_password"], transport=proxy)
    end = nurse.log_in(party.authorize(acr_values="AAL1_USERPASS"), until=CALLBACK, way="password")
    assert isinstance(end, str), f"stopped at the page {nurse.seen[-1]}"
    callback = party.answered(end)
    assert callback["iss"] == PORT_443
    token = party.token(callback["code"])
    assert token.status_code == 200, token.text
    assert party.id_token(token.json()["id_token"])["iss"] == PORT_443


WRONG = {
    "of another client": {"iss": "somebody-else", "sub": "somebody-else"},
    "sub of another client": {"sub": "somebody-else"},
    "for another audience": {"aud": "https://elsewhere.test/access_token"},
    "expired": {"exp": 1_700_000_000},
    "that lives too long": {"exp": 4_000_000_000},
    "without jti": {"jti": None},
    "with the API platform's key as iss": {"iss": "api-key"},
}


@pytest.mark.parametrize("changed", WRONG.values(), ids=WRONG.keys())
def test_2_every_fault_of_an_assertion_gets_the_same_words(party: RelyingParty, changed: dict[str, Any]) -> None:
    refused = party.token("any-code", client_assertion=party.make_assertion(**changed))
    assert refused.status_code == 401
    assert refused.json() == JWT_IS_NOT_VALID


def test_2_a_key_that_is_not_the_clients_gets_the_same_words(party: RelyingParty) -> None:
    stranger = replace(party, key=RSAKey.generate_key(2048, auto_kid=True))
    refused = stranger.token("any-code")
    assert refused.status_code == 401
    assert refused.json() == JWT_IS_NOT_VALID


def test_2_an_assertion_works_once(party: RelyingParty, gp: Person) -> None:
    assertion = party.make_assertion()
    assert party.token(code(party, gp), client_assertion=assertion).status_code == 200
    again = party.token(code(party, gp), client_assertion=assertion)
    assert again.status_code == 401
    assert again.json() == JWT_IS_NOT_VALID


def test_3_without_acr_values_very_high_security_is_required(party: RelyingParty, key_of: KeyOf) -> None:
    passkey = key_of(NURSE, Kind.SYNCED)
    nurse = Person(prove=passkey.prove)
    end = nurse.log_in(party.authorize(), until=CALLBACK, way=passkey.way)
    assert isinstance(end, Page)
    assert "different level of log-in security" in end.html
    allowed = nurse.log_in(party.authorize(acr_values="AAL2_OR_AAL3_ANY"), until=CALLBACK, way=passkey.way)
    assert isinstance(allowed, str)
    token = party.token(party.answered(allowed)["code"]).json()
    assert party.id_token(token["id_token"])["authentication_assurance_level"] == "2"


def test_4_without_prompt_login_the_session_and_its_role_are_reused(party: RelyingParty, key_of: KeyOf) -> None:
    nurse = logged_in(party, key_of, NURSE, role="Nurse", scope="openid selectedrole")
    first = party.token(code(party, nurse, scope="openid selectedrole")).json()
    again = party.token(code(party, nurse, scope="openid selectedrole")).json()
    chosen = [party.id_token(each["id_token"])["selected_roleid"] for each in (first, again)]
    assert chosen[0] == chosen[1]
    asked = nurse.open(party.authorize(scope="openid selectedrole", prompt="login"), until=CALLBACK)
    assert isinstance(asked, Page)
    assert asked.heading.startswith("How do you want to log in?")


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_5_a_product_that_can_add_no_parameters_has_its_defaults_registered(
    register: Register, key_of: KeyOf, method: str
) -> None:
    party = register(token_endpoint_auth_method=method, default_acr_values=["AAL2_OR_AAL3_ANY"], default_max_age=300)
    passkey = key_of(NURSE, Kind.SYNCED)
    end = Person(prove=passkey.prove).log_in(party.authorize(), until=CALLBACK, way=passkey.way)
    assert isinstance(end, str)
    answer = party.answered(end)
    if method == "client_secret_post":
        token = party.token(answer["code"])
    else:
        body = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": CALLBACK}
        endpoint = party.discovered()["token_endpoint"]
        token = httpx2.post(endpoint, data=body, auth=(party.client_id, party.secret or ""))
    assert token.status_code == 200, token.text


def test_6_assurance_levels_are_strings(party: RelyingParty, gp: Person) -> None:
    claims = party.id_token(party.token(code(party, gp)).json()["id_token"])
    assert claims["authentication_assurance_level"] == "3"
    assert claims["id_assurance_level"] == "3"
    assert claims["idassurancelevel"] == "3"
    assert userinfo(party, gp)["idassurancelevel"] == "3"


@pytest.mark.parametrize(("person", "count"), [(NO_ROLE, 0), (GP, 1), (NURSE, 3)])
def test_7_and_8_lists_are_lists_however_many_roles_there_are(
    party: RelyingParty, key_of: KeyOf, person: str, count: int
) -> None:
    about = userinfo(party, logged_in(party, key_of, person))
    assert isinstance(about["nhsid_nrbac_roles"], list)
    assert len(about["nhsid_nrbac_roles"]) == count
    assert isinstance(about["nhsid_user_orgs"], list)
    assert isinstance(about["nhsid_org_memberships"], list)
    named = {organisation["org_code"] for organisation in about["nhsid_user_orgs"]}
    for role in about["nhsid_nrbac_roles"]:
        assert re.fullmatch(r"S\d{4}:G\d{4}:R\d{4}", role["role_code"])
        assert re.fullmatch(r'"[^"]+":"[^"]+":"[^"]+"', role["role_name"])
        assert re.fullmatch(r"\d+", role["person_roleid"])
        assert role["org_code"] in named


def test_8_a_person_without_a_role_gets_in_without_selected_roleid(party: RelyingParty, key_of: KeyOf) -> None:
    somebody = logged_in(party, key_of, NO_ROLE, scope="openid selectedrole")
    token = party.token(code(party, somebody, scope="openid selectedrole")).json()
    assert "selected_roleid" not in party.id_token(token["id_token"])


def test_9_activities_of_the_baseline_stay_implicit(party: RelyingParty, key_of: KeyOf) -> None:
    roles = userinfo(party, logged_in(party, key_of, NURSE))["nhsid_nrbac_roles"]
    ward = next(role for role in roles if role["org_code"] == "RZZ01")
    assert "activity_codes" not in ward
    prescriber = next(role for role in roles if role["org_code"] == "Z10002")
    assert set(prescriber["activity_codes"]) == {"B0420", "B0058", "B0380"}


def test_10_workgroups_are_names_and_parallel_lists_are_equally_long(party: RelyingParty, key_of: KeyOf) -> None:
    roles = userinfo(party, logged_in(party, key_of, CONSULTANT))["nhsid_nrbac_roles"]
    consultant = next(role for role in roles if role["role_code"].endswith("R0050"))
    assert consultant["workgroups"] == ["Haematology", "Day unit"]
    assert all(re.fullmatch(r"\d+", each) for each in consultant["workgroups_codes"])
    for names, codes in (("activities", "activity_codes"), ("workgroups", "workgroups_codes"), ("aow", "aow_codes")):
        assert len(consultant[names]) == len(consultant[codes])


def test_11_back_channel_logout_is_announced(party: RelyingParty) -> None:
    assert party.discovered()["backchannel_logout_supported"] is True
    assert party.discovered()["backchannel_logout_session_supported"] is True


def test_12_auth_time_is_the_moment_of_the_last_factor_not_of_the_first_page(
    party: RelyingParty, key_of: KeyOf
) -> None:
    held = key_of(NURSE, Kind.SECURITY_KEY)
    moments: list[float] = []

    def slowly(options: Any) -> str:
        moments.append(time.time())
        return held.prove(options)

    nurse = Person(prove=slowly)
    end = nurse.log_in(
        party.authorize(scope="openid selectedrole", prompt="login"), until=CALLBACK, way=held.way, role="Nurse"
    )
    assert isinstance(end, str)
    claims = party.id_token(party.token(party.answered(end)["code"]).json()["id_token"])
    assert type(claims["auth_time"]) is int
    assert int(moments[0]) <= claims["auth_time"] <= claims["iat"] <= time.time()


class Published(BaseHTTPRequestHandler):
    """A client's JWK set behind whatever it is behind."""

    keys: ClassVar[list[RSAKey]] = []
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        body = json.dumps({"keys": [{**key.as_dict(private=False), "use": "sig"} for key in self.keys]}).encode()
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def jwks_uri() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Published)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/jwks"
    server.shutdown()
    server.server_close()


def fetching(provider: Provider, jwks_uri: str, key: RSAKey) -> RelyingParty:
    about = {
        "client_name": "Publishes its keys",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": jwks_uri,
    }
    registered = provider.register(about)
    return RelyingParty(issuer=provider.issuer, client_id=registered["client_id"], redirect_uri=CALLBACK, key=key)


def test_13_a_set_out_of_reach_is_a_plain_refusal(provider: Provider, key: RSAKey, jwks_uri: str, gp: Person) -> None:
    Published.status, Published.keys = 503, [key]
    party = fetching(provider, f"{jwks_uri}/down", key)
    down = party.token(code(party, gp))
    assert (down.status_code, down.json()) == (401, JWT_IS_NOT_VALID)


def test_13_a_key_that_was_published_ahead_takes_over_without_a_gap(
    provider: Provider, key: RSAKey, jwks_uri: str, gp: Person
) -> None:
    new = RSAKey.generate_key(2048, auto_kid=True)
    Published.status, Published.keys = 200, [key, new]
    party = fetching(provider, jwks_uri, key)
    assert party.token(code(party, gp)).status_code == 200
    assert replace(party, key=new).token(code(party, gp)).status_code == 200


def test_15_form_post_is_a_form_that_works_without_script(party: RelyingParty, gp: Person) -> None:
    page = gp.open(party.authorize(response_mode="form_post"), until=CALLBACK)
    assert isinstance(page, Page)
    (form,) = page.forms
    assert form.action == CALLBACK
    assert form.fields["state"] == "state-of-the-test"
    assert party.token(form.fields["code"]).status_code == 200


def test_15_form_post_can_be_switched_off_as_release_11_01_did(tmp_path: Path, key: RSAKey) -> None:
    settings = {"URL": "http://localhost:1/off", "SANDBOX": "true", "FORM_POST": "false"}
    with carekey(tmp_path, **{f"ISSUERS__OFF__{name}": value for name, value in settings.items()}) as provider:
        registered = provider.register(json.loads(metadata(CALLBACK, key)), issuer="off")
        local = f"http://127.0.0.1:{provider.port}/off"
        discovered = httpx2.get(f"{local}/.well-known/openid-configuration").json()
        assert not {"form_post", "form_post.jwt"} & set(discovered["response_modes_supported"])
        assert "query" in discovered["response_modes_supported"]
        asked = {
            "response_type": "code",
            "client_id": registered["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "response_mode": "form_post",
        }
        refused = httpx2.get(f"{local}/authorize", params=asked)
        assert refused.headers["location"].startswith(f"{CALLBACK}?error=")


def test_16_two_people_in_one_application_have_two_sessions(party: RelyingParty, key_of: KeyOf) -> None:
    answers = []
    for person in (GP, NURSE):
        somebody = logged_in(party, key_of, person)
        answers.append(party.id_token(party.token(code(party, somebody)).json()["id_token"]))
    assert [answer["sub"] for answer in answers] == [GP, NURSE]
    assert answers[0]["sid"] != answers[1]["sid"]


# cis2-profile 2.17: what real clients jointly require.


@pytest.mark.parametrize(
    "assertion",
    [
        Assertion(alg="RS256"),
        Assertion(alg="RS512"),
        Assertion(typ=None),
        Assertion(kid=False),
        Assertion(aud="issuer"),
        Assertion(aud_list=True),
        Assertion(nbf=True),
        Assertion(lifetime=600),
        Assertion(typ=None, kid=False, aud="issuer", aud_list=True, nbf=True),
    ],
    ids=repr,
)
@pytest.mark.parametrize("sends_client_id", [True, False])
def test_cis2_2_17_an_assertion_as_real_clients_make_it(
    party: RelyingParty, gp: Person, assertion: Assertion, *, sends_client_id: bool
) -> None:
    this = replace(party, assertion=assertion, sends_client_id=sends_client_id)
    answer = this.token(code(this, gp), scope="openid", state="ignored")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "asked",
    [
        {"scope": "openid openid profile profile"},
        {"scope": "openid oidc nonsense"},
        {"state": None},
        {"max_age": "900000"},
        {"nonce": None},
        {"made_up": "parameter"},
        {"display": "popup"},
        {"ui_locales": "cy en"},
    ],
    ids=str,
)
def test_cis2_2_17_what_does_no_harm_is_not_refused(
    party: RelyingParty, gp: Person, asked: dict[str, str | None]
) -> None:
    end = party.answered(gp.straight(party.authorize(**asked), until=CALLBACK))
    assert "code" in end
    assert end.get("state") == ("state-of-the-test" if asked.get("state", "") is not None else None)


def test_cis2_2_17_the_answer_has_what_clients_read(party: RelyingParty, gp: Person) -> None:
    before = time.time()
    token = party.token(code(party, gp, scope="openid selectedrole", nonce="n")).json()
    claims = party.id_token(token["id_token"], nonce="n")
    assert claims["aud"] == claims["azp"] == party.client_id
    assert isinstance(claims["amr"], list)
    assert claims["iat"] <= time.time()
    assert claims["iat"] >= int(before)
    assert claims["exp"] == claims["iat"] + 3600
    for name in ("acr", "sid", "at_hash", "selected_roleid"):
        assert isinstance(claims[name], str), name
    assert token["token_type"] == "Bearer"
    about = party.userinfo(token["access_token"]).json()
    assert about["selected_roleid"] == claims["selected_roleid"]


def test_cis2_2_17_every_key_has_use_kid_and_alg(party: RelyingParty) -> None:
    keys = party.keys()["keys"]
    assert keys
    assert all(key["use"] and key["kid"] and key["alg"] for key in keys)
    assert all("d" not in key for key in keys)


def test_cis2_2_17_the_paths_are_the_ones_that_two_clients_have_built_in(party: RelyingParty) -> None:
    assert {name: party.discovered()[name] for name in HARD_CODED} == {
        name: f"{party.issuer}{path}" for name, path in HARD_CODED.items()
    }


def test_cis2_2_17_iss_is_sent_and_not_announced(party: RelyingParty, gp: Person) -> None:
    assert party.answered(gp.straight(party.authorize(), until=CALLBACK))["iss"] == party.issuer
    assert not party.discovered().get("authorization_response_iss_parameter_supported", False)


def test_cis2_2_14_a_code_works_once_and_its_replay_revokes_what_it_bought(party: RelyingParty, gp: Person) -> None:
    once = code(party, gp)
    bought = party.token(once).json()
    assert party.userinfo(bought["access_token"]).status_code == 200
    again = party.token(once)
    assert again.status_code == 400
    assert again.json() == {
        "error_description": "The provided access grant is invalid, expired, or revoked.",
        "error": "invalid_grant",
    }
    gone = party.userinfo(bought["access_token"])
    assert gone.status_code == 401
    assert gone.json()["error"] == "invalid_token"


def test_cis2_2_14_an_address_that_is_not_registered_gets_a_page_and_no_redirect(party: RelyingParty) -> None:
    for wrong in (f"{CALLBACK}/", f"{CALLBACK}?a=b", "https://evil.test/", CALLBACK.upper()):
        page = Person().open(party.authorize(redirect_uri=wrong), until="https://")
        assert isinstance(page, Page)
        assert page.status == 400
        assert page.heading == "There is a problem with the application that sent you here"
