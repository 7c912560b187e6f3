"""Device authorization, section by section."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carekey.kernel.assurance import AAL
from carekey.kernel.ids import ClientId
from carekey.login.tests.make import ASHA, BRYN
from carekey.oidc import endpoints
from carekey.oidc.device import grant, user_code
from carekey.oidc.device.http import PATH
from carekey.oidc.device.tests.world import KIOSK, TROLLEY, DecoupledWorld, agree, asked, decoupled_world, enter, proof
from carekey.oidc.model import ClientAuthMethod, Encryption
from carekey.sessions import ending
from carekey.sessions.events import WhyEnded

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world() -> DecoupledWorld:
    return await decoupled_world()


async def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


class TestRequest:
    async def test_rfc8628_3_2_the_answer(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        assert set(told) == {
            "device_code",
            "user_code",
            "verification_uri",
            "verification_uri_complete",
            "expires_in",
            "interval",
        }
        assert told["verification_uri"] == "https://care.example.test/device"
        assert told["verification_uri_complete"] == f"https://care.example.test/device?user_code={told['user_code']}"
        assert (told["expires_in"], told["interval"]) == (600, 5)
        assert len(told["device_code"]) == 43
        (event,) = await world.events("decoupled:request:made")
        assert told["device_code"] not in str(event.data)
        assert told["user_code"] not in str(event.data)

    async def test_rfc8628_6_1_codes_are_consonants_and_never_the_same(self, world: DecoupledWorld) -> None:
        codes = [(await world.ask())["user_code"] for _ in range(20)]
        assert len(set(codes)) == 20
        assert all(re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", code) for code in codes)

    async def test_a_code_that_another_device_has_is_not_given_again(
        self, world: DecoupledWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = iter(["BBBB-BBBB"] * 6 + ["CCCC-CCCC"] + ["BBBB-BBBB"] * 99)
        monkeypatch.setattr(user_code, "new", lambda _: next(made))
        assert (await world.ask())["user_code"] == "BBBB-BBBB"
        assert (await world.ask())["user_code"] == "CCCC-CCCC"
        answer = await world.send(endpoints.DEVICE_AUTHORIZATION, asked())
        assert await error(answer) == (503, "temporarily_unavailable")

    @pytest.mark.parametrize(
        ("changes", "status", "code", "reason"),
        [
            ({"client_id": None}, 401, "invalid_client", "no_client"),
            ({"client_id": "nobody"}, 401, "invalid_client", "unknown_client"),
            ({"client_id": "kiosk"}, 401, "invalid_client", "method_not_registered"),
            ({"client_id": "kiosk", "client_secret": "wrong"}, 401, "invalid_client", "wrong_secret"),
            ({"client_id": "web"}, 400, "unauthorized_client", "grant_type_not_registered"),
            ({"client_id": "pushes"}, 400, "unauthorized_client", "not_pushed"),
            ({"client_id": "signs"}, 400, "unauthorized_client", "not_pushed"),
            ({"client_id": "bank"}, 401, "invalid_client", "method_not_registered"),
            ({"scope": None}, 400, "invalid_scope", "no_openid_scope"),
            ({"scope": "profile"}, 400, "invalid_scope", "no_openid_scope"),
            ({"scope": "x" * 5000}, 400, "invalid_request", "too_large"),
            ({"claims": "{"}, 400, "invalid_request", "claims"),
            ({"request": "a.b.c"}, 400, "invalid_request", "object_nested"),
            ({"request_uri": "urn:x"}, 400, "invalid_request", "object_nested"),
            ({"authorization_details": "[]"}, 400, "invalid_authorization_details", "details_malformed"),
        ],
    )
    async def test_rfc8628_3_2_refusals(
        self, world: DecoupledWorld, changes: dict[str, Any], status: int, code: str, reason: str
    ) -> None:
        await world.save(
            replace(TROLLEY, id=ClientId("web"), grant_types=("authorization_code",)),
            replace(TROLLEY, id=ClientId("pushes"), require_par=True),
            replace(TROLLEY, id=ClientId("signs"), require_signed_request=True),
            replace(TROLLEY, id=ClientId("bank"), profile="fapi2"),
        )
        answer = await world.send(endpoints.DEVICE_AUTHORIZATION, asked(**changes))
        assert await error(answer) == (status, code)
        assert (await world.reasons())[-1] == reason
        assert await world.events("decoupled:request:made") == []

    async def test_rfc6749_3_2_a_repeated_parameter(self, world: DecoupledWorld) -> None:
        answer = await world.send(endpoints.DEVICE_AUTHORIZATION, "scope=openid&scope=openid&client_id=trolley")
        assert await error(answer) == (400, "invalid_request")

    async def test_an_answer_is_kept_by_nobody_and_get_is_none(self, world: DecoupledWorld) -> None:
        answer = await world.send(endpoints.DEVICE_AUTHORIZATION, asked())
        assert answer.headers["cache-control"] == "no-store"
        path = endpoints.path(world.issuer, endpoints.DEVICE_AUTHORIZATION)
        assert (await world.browser().get(path)).status_code == 405


class TestPolling:
    async def test_rfc8628_3_5_pending_until_somebody_agrees_and_then_tokens(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        assert await error(await world.poll(told)) == (400, "authorization_pending")
        end = await agree(world.browser(), told)
        assert end.headers["location"] == "/device/agreed"
        world.clock.pass_by(seconds=5)
        answer = await world.poll(told)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["token_type"], body["scope"]) == ("Bearer", "openid profile")
        claims = world.signer.verify(body["id_token"])
        assert (claims["sub"], claims["aud"], claims["acr"]) == (ASHA, TROLLEY.id, "AAL3_ANY")
        assert "c_hash" not in claims
        assert "nonce" not in claims
        userinfo = await world.browser().http.get(
            endpoints.path(world.issuer, endpoints.USERINFO),
            headers={"authorization": f"Bearer {body['access_token']}"},
        )
        assert userinfo.json()["sub"] == ASHA

    async def test_rfc8628_3_5_too_soon_is_slow_down(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        assert await error(await world.poll(told)) == (400, "authorization_pending")
        world.clock.pass_by(seconds=3)
        assert await error(await world.poll(told)) == (400, "slow_down")
        world.clock.pass_by(seconds=4.5)
        assert await error(await world.poll(told)) == (400, "authorization_pending")

    async def test_who_waits_fills_no_record(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        before = await world.tags()
        for _ in range(3):
            await world.poll(told)
        assert await world.tags() == before

    async def test_rfc8628_3_5_expired(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        world.clock.pass_by(seconds=600)
        assert await error(await world.poll(told)) == (400, "expired_token")
        assert (await world.reasons())[-1] == "request_expired"
        await world.store.sweep(world.clock.now() + timedelta(minutes=6))
        assert await error(await world.poll(told)) == (400, "invalid_grant")

    async def test_rfc8628_3_5_refused(self, world: DecoupledWorld) -> None:
        told, browser = await world.ask(), world.browser()
        await enter(browser, told["user_code"])
        end = await browser.post(f"{PATH}/decide", user_code=told["user_code"], decision="no")
        assert end.headers["location"] == "/device/refused"
        assert await error(await world.poll(told)) == (400, "access_denied")

    @pytest.mark.parametrize(
        ("changes", "code", "reason"),
        [
            ({"device_code": ""}, "invalid_request", "missing_parameter"),
            ({"device_code": "unknown"}, "invalid_grant", "unknown_request"),
            ({"device_code": "\ud800".encode("utf-16", "surrogatepass").decode("latin-1")}, None, None),
            ({"grant_type": "urn:ietf:params:oauth:grant-type:device"}, "unsupported_grant_type", "unknown_grant_type"),
        ],
    )
    async def test_rfc8628_3_5_other_refusals(self, world, changes, code, reason) -> None:
        answer = await world.poll(await world.ask(), **changes)
        assert answer.status_code == 400
        if code is not None:
            assert answer.json()["error"] == code
            assert (await world.reasons())[-1] == reason

    async def test_another_client_gets_nothing_and_changes_nothing(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        assert await error(await world.poll(told, KIOSK)) == (400, "invalid_grant")
        await agree(world.browser(), told)
        assert await error(await world.poll(told, KIOSK)) == (400, "invalid_grant")
        assert (await world.reasons())[-1] == "code_of_another_client"
        assert (await world.poll(told)).status_code == 200

    async def test_a_poll_by_another_client_does_not_slow_down_its_own(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        await world.poll(told, KIOSK)
        assert await error(await world.poll(told)) == (400, "authorization_pending")

    async def test_of_many_polls_at_once_one_wins_and_the_others_revoke_it(self, world: DecoupledWorld) -> None:
        told = await world.ask(KIOSK)
        await agree(world.browser(), told)
        answers = await asyncio.gather(*(world.poll(told, KIOSK) for _ in range(6)))
        (won,) = [answer for answer in answers if answer.status_code == 200]
        assert {answer.json()["error"] for answer in answers if answer is not won} == {"invalid_grant"}
        assert len(await world.events("token:code:replayed")) == 5
        path = endpoints.path(world.issuer, endpoints.USERINFO)
        bearer = {"authorization": f"Bearer {won.json()['access_token']}"}
        assert (await world.browser().http.get(path, headers=bearer)).status_code == 401
        refreshed = await world.send(
            endpoints.TOKEN,
            {"grant_type": "refresh_token", "refresh_token": won.json()["refresh_token"], **proof(KIOSK)},
        )
        assert await error(refreshed) == (400, "invalid_grant")

    async def test_what_was_agreed_to_is_no_authorization_code(self, world: DecoupledWorld) -> None:
        told = await world.ask(KIOSK)
        await agree(world.browser(), told)
        for code in (told["device_code"], f"device:{told['device_code']}"):
            for redirect_uri in ("https://kiosk.example/callback", ""):
                answer = await world.send(
                    endpoints.TOKEN,
                    {
                        "grant_type": "authorization_code",
                        "code": code,
                        "redirect_uri": redirect_uri,
                        **proof(KIOSK),
                    },
                )
                assert answer.status_code == 400
        answer = await world.send(
            endpoints.TOKEN,
            {"grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": told["device_code"], **proof(KIOSK)},
        )
        assert answer.status_code == 400
        assert (await world.poll(told, KIOSK)).status_code == 200

    async def test_what_was_agreed_to_in_the_last_moment_can_still_be_had(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        world.clock.pass_by(seconds=599)
        await agree(world.browser(), told)
        world.clock.pass_by(seconds=5)
        assert (await world.poll(told)).status_code == 200
        late = await world.ask()
        await agree(world.browser(), late)
        world.clock.pass_by(seconds=601)
        assert await error(await world.poll(late)) == (400, "expired_token")


class TestSession:
    async def test_the_device_has_a_session_of_its_own(self, world: DecoupledWorld) -> None:
        told, browser = await world.ask(KIOSK), world.browser()
        await agree(browser, told)
        body = (await world.poll(told, KIOSK)).json()
        sid = world.signer.verify(body["id_token"])["sid"]
        sessions = await world.store.read(lambda tx: tx.sessions.of_person(ASHA))
        assert len(sessions) == 2
        (own,) = [session for session in sessions if session.id == sid]
        (browsers,) = [session for session in sessions if session.id != sid]
        assert list(await world.store.read(lambda tx: tx.sessions.clients_of(sid))) == [KIOSK.id]
        now = world.clock.now()
        await world.store.write(lambda tx: ending.end(tx, browsers, WhyEnded.LOGGED_OUT, now=now))
        refresh = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], **proof(KIOSK)}
        answer = await world.send(endpoints.TOKEN, refresh)
        assert answer.status_code == 200, "who logs out in the browser does not log out the device"
        await world.store.write(lambda tx: ending.end(tx, own, WhyEnded.OPERATOR, now=now))
        again = {**refresh, "refresh_token": answer.json()["refresh_token"]}
        assert await error(await world.send(endpoints.TOKEN, again)) == (400, "invalid_grant")

    async def test_a_session_that_ended_before_the_poll_buys_nothing(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        await agree(world.browser(), told)
        now = world.clock.now()
        await world.store.write(
            lambda tx: ending.end_all(tx, ASHA, WhyEnded.PERSON_SUSPENDED, now=now, by=world_actor())
        )
        assert await error(await world.poll(told)) == (400, "invalid_grant")
        assert (await world.reasons())[-1] == "session_ended"

    async def test_an_open_session_agrees_to_nothing(self, world: DecoupledWorld) -> None:
        browser = world.browser()
        await agree(browser, await world.ask())
        told = await world.ask()
        await enter(browser, told["user_code"])
        begun = await browser.post(f"{PATH}/decide", user_code=told["user_code"], decision="yes")
        shown = await browser.get(begun.headers["location"])
        assert "You are logged in already, but Medicine trolley asks you to log in again." in browser.page
        assert shown.status_code == 200
        assert await error(await world.poll(told)) == (400, "authorization_pending")


class TestPage:
    async def test_the_question_says_who_asks_and_for_what(self, world: DecoupledWorld) -> None:
        told, browser = await world.ask(scope="openid email"), world.browser()
        await enter(browser, told["user_code"].lower().replace("-", " "))
        for text in ("Medicine trolley", told["user_code"], "your email address", "in front of you"):
            assert text in browser.page

    async def test_rfc8628_3_3_1_the_complete_address_shows_the_code_and_still_asks(
        self, world: DecoupledWorld
    ) -> None:
        told, browser = await world.ask(), world.browser()
        await browser.get(told["verification_uri_complete"].removeprefix("https://care.example.test"))
        assert told["user_code"] in browser.page
        assert "Compare the code" in browser.page
        assert await error(await world.poll(told)) == (400, "authorization_pending")

    @pytest.mark.parametrize(
        "typed", ["", "WDJB", "WDJB-MJH1", "WDJB-MJHTT", "äöüÄÖÜßß", "\x00", "A" * 5000, "WDJB-MJHT"]
    )
    async def test_a_wrong_code_is_told_at_the_field(self, world: DecoupledWorld, typed: str) -> None:
        browser = world.browser()
        answer = await enter(browser, typed)
        assert answer.status_code == (403 if "\x00" in typed else 422)
        if answer.status_code == 422:
            assert 'id="user_code-error"' in answer.text

    async def test_a_code_that_ran_out_or_was_used_is_like_one_that_never_was(self, world: DecoupledWorld) -> None:
        used, ran_out = await world.ask(), await world.ask()
        await agree(world.browser(), used)
        world.clock.pass_by(seconds=600)
        pages = [await enter(world.browser(), code) for code in (ran_out["user_code"], used["user_code"], "BBBB-BBBB")]
        assert {answer.status_code for answer in pages} == {422}
        assert all("it has run out or been used" in answer.text for answer in pages)

    async def test_rfc8628_5_1_a_browser_has_five_tries(self, world: DecoupledWorld) -> None:
        told, browser = await world.ask(), world.browser()
        for _ in range(5):
            assert (await enter(browser, "BBBB-BBBB")).status_code == 422
        assert (await enter(browser, told["user_code"])).status_code == 429
        assert (await browser.get(f"{PATH}?user_code={told['user_code']}")).status_code == 429
        assert (await enter(world.browser(), told["user_code"])).status_code == 200
        world.clock.pass_by(seconds=600)
        assert (await enter(browser, (await world.ask())["user_code"])).status_code == 200

    async def test_rfc8628_5_1_all_browsers_together_have_three_hundred_a_minute(self, world: DecoupledWorld) -> None:
        told = await world.ask()
        for _ in range(300):
            await world.browser().get(f"{PATH}?user_code=BBBB-BBBB")
        assert (await enter(world.browser(), told["user_code"])).status_code == 429
        world.clock.pass_by(seconds=60)
        assert (await enter(world.browser(), told["user_code"])).status_code == 200

    async def test_another_site_cannot_answer_for_the_person(self, world: DecoupledWorld) -> None:
        told, browser = await world.ask(), world.browser()
        await enter(browser, told["user_code"])
        browser.page = ""
        answer = await browser.post(f"{PATH}/decide", user_code=told["user_code"], decision="yes")
        assert answer.status_code == 403
        assert (await world.browser().post(PATH, user_code=told["user_code"])).status_code == 403
        assert await error(await world.poll(told)) == (400, "authorization_pending")

    async def test_of_two_people_at_once_the_first_decides(self, world: DecoupledWorld) -> None:
        told, first, second = await world.ask(), world.browser(), world.browser()
        ids = []
        for browser in (first, second):
            await enter(browser, told["user_code"])
            begun = await browser.post(f"{PATH}/decide", user_code=told["user_code"], decision="yes")
            ids.append(begun.headers["location"].rsplit("/", 1)[1])
        assert (await second.prove(ids[1], who=BRYN)).headers["location"] == "/device/agreed"
        assert (await first.prove(ids[0])).headers["location"] == "/device/late"
        claims = world.signer.verify((await world.poll(told)).json()["id_token"])
        assert claims["sub"] == BRYN
        assert [event.actor.id for event in await world.events("decoupled:request:late")] == [ASHA]

    async def test_of_agreeing_and_refusing_at_once_one_counts(self, world: DecoupledWorld) -> None:
        told, first, second = await world.ask(), world.browser(), world.browser()
        for browser in (first, second):
            await enter(browser, told["user_code"])
        begun = await first.post(f"{PATH}/decide", user_code=told["user_code"], decision="yes")
        assert (await second.post(f"{PATH}/decide", user_code=told["user_code"], decision="no")).headers[
            "location"
        ] == "/device/refused"
        end = await first.prove(begun.headers["location"].rsplit("/", 1)[1])
        assert end.headers["location"] == "/device/late"
        assert await error(await world.poll(told)) == (400, "access_denied")

    async def test_who_logs_in_too_late_is_told(self, world: DecoupledWorld) -> None:
        told, browser = await world.ask(), world.browser()
        await enter(browser, told["user_code"])
        begun = await browser.post(f"{PATH}/decide", user_code=told["user_code"], decision="yes")
        world.clock.pass_by(seconds=840)
        await world.store.sweep(world.clock.now() + timedelta(minutes=2))
        end = await browser.prove(begun.headers["location"].rsplit("/", 1)[1])
        assert end.headers["location"] == "/device/late"
        assert (await browser.get("/device/late")).status_code == 200

    async def test_whoever_cancels_the_log_in_refuses(self, world: DecoupledWorld) -> None:
        told, browser = await world.ask(), world.browser()
        await enter(browser, told["user_code"])
        begun = await browser.post(f"{PATH}/decide", user_code=told["user_code"], decision="yes")
        await browser.get(f"{begun.headers['location']}/ways")
        end = await browser.post(f"{begun.headers['location']}/cancel")
        assert end.headers["location"] == "/device/refused"
        assert await error(await world.poll(told)) == (400, "access_denied")

    async def test_the_level_and_the_role_are_asked_for_as_in_any_log_in(self) -> None:
        world = await decoupled_world(replace(TROLLEY, minimum_aal=AAL.AAL3), held=2)
        told, browser = await world.ask(scope="openid selectedrole nationalrbacaccess"), world.browser()
        page = await agree(browser, told)
        assert "Choose your role" in page.text
        id, role = page.url.path.split("/")[2], re.findall(r'name="role" type="radio" value="(\d+)"', page.text)[1]
        end = await browser.post(f"/login/{id}/role", role=role)
        assert end.headers["location"] == "/device/agreed"
        claims = world.signer.verify((await world.poll(told)).json()["id_token"])
        assert (claims["selected_roleid"], claims["authentication_assurance_level"]) == (role, "3")

    async def test_a_third_party_asks_for_consent_too(self) -> None:
        world = await decoupled_world(replace(TROLLEY, consent=True))
        told, browser = await world.ask(), world.browser()
        page = await agree(browser, told)
        assert "wants to see some of your information" in page.text
        end = await browser.post(f"/login/{page.url.path.split('/')[2]}/share", share="no")
        assert end.headers["location"] == "/device/refused"


def world_actor() -> Any:
    from carekey.kernel.actor import system

    return system("test")


@pytest.mark.parametrize("method", [ClientAuthMethod.NONE, ClientAuthMethod.CLIENT_SECRET_POST])
async def test_rfc8628_5_6_public_and_confidential_clients(method: ClientAuthMethod) -> None:
    client = KIOSK if method is ClientAuthMethod.CLIENT_SECRET_POST else TROLLEY
    world = await decoupled_world(client)
    told = await world.ask(client)
    await agree(world.browser(), told)
    assert (await world.poll(told, client)).status_code == 200
    assert grant.NAME in client.grant_types


async def test_core_10_2_a_client_without_a_key_to_encrypt_to_is_told_before_anybody_logs_in() -> None:
    world = await decoupled_world(replace(KIOSK, id_token_encryption=Encryption(alg="ECDH-ES", enc="A128GCM")))
    answer = await world.send(endpoints.DEVICE_AUTHORIZATION, asked(KIOSK))
    assert await error(answer) == (400, "invalid_request")
    assert await world.reasons() == ["no_encryption_key"]
