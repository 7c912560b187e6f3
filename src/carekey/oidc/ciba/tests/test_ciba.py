"""Client-initiated backchannel authentication, section by section."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from carekey.directory.model import PersonStatus
from carekey.kernel.ids import ClientId
from carekey.login.tests.make import ASHA, BRYN, person
from carekey.oidc import endpoints, profiles
from carekey.oidc.authorize.tests.world import URL
from carekey.oidc.ciba.binding_message import is_plain
from carekey.oidc.ciba.http import PATH
from carekey.oidc.ciba.tests.world import (
    DESK,
    OTHER,
    PINGED,
    PUSHED,
    CibaWorld,
    address_of,
    agree,
    ciba_world,
    decide,
    log_in,
    signed,
    wanted,
)
from carekey.oidc.profiles import Feature

pytestmark = pytest.mark.anyio
NOBODY = "555099999999"


@pytest.fixture
async def world() -> CibaWorld:
    return await ciba_world()


async def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


class TestRequest:
    async def test_ciba_7_3_the_answer(self, world: CibaWorld) -> None:
        told = await world.begun()
        assert set(told) == {"auth_req_id", "expires_in", "interval"}
        assert (told["expires_in"], told["interval"], len(told["auth_req_id"])) == (600, 5, 43)
        assert "interval" in await world.begun(PINGED)
        assert "interval" not in await world.begun(PUSHED)
        assert all(told["auth_req_id"] not in str(event.data) for event in await world.events())
        (first, *_) = world.told
        assert (first.person, first.message) == (ASHA, "W4SCT")

    @pytest.mark.parametrize(
        ("asked", "given"), [("120", 120), ("1", 30), ("600", 600), ("601", 600), ("999999999999999", 600)]
    )
    async def test_ciba_7_1_requested_expiry_within_bounds(self, world: CibaWorld, asked: str, given: int) -> None:
        assert (await world.begun(requested_expiry=asked))["expires_in"] == given

    @pytest.mark.parametrize(
        ("client", "changes", "status", "code", "reason"),
        [
            (DESK, {"client_secret": "wrong"}, 401, "invalid_client", "wrong_secret"),
            (DESK, {"client_id": "web"}, 400, "unauthorized_client", "grant_type_not_registered"),
            (DESK, {"client_id": "nowhere"}, 400, "unauthorized_client", "no_delivery"),
            (PUSHED, {"client_id": "bound"}, 400, "unauthorized_client", "no_delivery"),
            (DESK, {"client_id": "signs"}, 400, "invalid_request", "not_signed"),
            (DESK, {"scope": None}, 400, "invalid_scope", "no_openid_scope"),
            (DESK, {"scope": "profile"}, 400, "invalid_scope", "no_openid_scope"),
            (DESK, {"login_hint": None}, 400, "invalid_request", "no_hint"),
            (DESK, {"id_token_hint": "x"}, 400, "invalid_request", "several_hints"),
            (DESK, {"login_hint_token": "x"}, 400, "invalid_request", "several_hints"),
            (DESK, {"login_hint": "Asha"}, 400, "unknown_user_id", "hint_names_nobody"),
            (DESK, {"login_hint": "55501234567\uff18"}, 400, "unknown_user_id", "hint_names_nobody"),
            (DESK, {"login_hint": "5" * 400}, 400, "invalid_request", "too_large"),
            (DESK, {"login_hint": None, "id_token_hint": "x"}, 400, "invalid_request", "hint_token"),
            (DESK, {"login_hint": None, "id_token_hint": "others"}, 400, "invalid_request", "hint_token"),
            (DESK, {"login_hint": None, "login_hint_token": "x.y.z"}, 400, "invalid_request", "hint_token"),
            (DESK, {"requested_expiry": "0"}, 400, "invalid_request", "requested_expiry"),
            (DESK, {"requested_expiry": "-5"}, 400, "invalid_request", "requested_expiry"),
            (DESK, {"requested_expiry": "soon"}, 400, "invalid_request", "requested_expiry"),
            (DESK, {"binding_message": "x" * 101}, 400, "invalid_binding_message", "binding_message"),
            (DESK, {"binding_message": "a\nb"}, 400, "invalid_binding_message", "binding_message"),
            (DESK, {"claims": "["}, 400, "invalid_request", "claims"),
            (PINGED, {"client_notification_token": None}, 400, "invalid_request", "notification_token"),
            (PINGED, {"client_notification_token": "short"}, 400, "invalid_request", "notification_token"),
            (PINGED, {"client_notification_token": "n" * 1025}, 400, "invalid_request", "too_large"),
            (PUSHED, {"client_notification_token": "n" * 40 + " x"}, 400, "invalid_request", "notification_token"),
        ],
    )
    async def test_ciba_13_refusals(
        self, world: CibaWorld, client: Any, changes: dict[str, Any], status: int, code: str, reason: str
    ) -> None:
        world.tokens.tokens["others"] = {"iss": URL, "sub": ASHA, "aud": "other", "auth_time": 1}
        await world.save(
            replace(DESK, id=ClientId("web"), grant_types=("authorization_code",)),
            replace(DESK, id=ClientId("nowhere"), ciba_delivery=None),
            replace(PUSHED, id=ClientId("bound"), dpop_bound_access_tokens=True),
            replace(DESK, id=ClientId("signs"), ciba_request_alg="PS256"),
        )
        answer = await world.back(client, **changes)
        assert await error(answer) == (status, code)
        assert (await world.reasons())[-1] == reason
        assert await world.events("decoupled:request:made") == []
        assert world.told == []

    @pytest.mark.parametrize("name", ["scope", "login_hint", "binding_message", "request"])
    async def test_rfc6749_3_2_a_repeated_parameter(self, world: CibaWorld, name: str) -> None:
        fields = "&".join(f"{key}={value}" for key, value in wanted(DESK, request="x").items())
        answer = await world.send(endpoints.BACKCHANNEL_AUTHENTICATION, f"{fields}&{name}=x")
        assert await error(answer) == (400, "invalid_request")

    @pytest.mark.parametrize(
        ("message", "plain"),
        [
            ("W4SCT", True),
            ("Give £5 to A. Müller (50 %)?", True),
            ("x" * 100, True),
            ("x" * 101, False),
            ("", False),
            (" ", False),
            (" a", False),
            ("a  b", False),
            ("a\tb", False),
            ("a\u00a0b", False),
            ("a\u200bb", False),
            ("a\u202eb", False),
            ("a\u0301", False),
            ("\u05d0", False),
            ("\U000e0041", False),
            ("\ud800", False),
        ],
    )
    def test_ciba_7_1_a_binding_message_is_what_it_looks_like(self, message: str, plain: bool) -> None:
        assert is_plain(message) is plain


class TestHints:
    async def test_ciba_7_1_an_id_token_of_the_client_even_an_old_one(self, world: CibaWorld) -> None:
        world.tokens.tokens["own"] = {"iss": URL, "sub": BRYN, "aud": DESK.id, "auth_time": 1, "exp": 1}
        await world.begun(login_hint=None, id_token_hint="own")
        assert world.told[-1].person == BRYN

    async def test_ciba_7_1_a_token_that_the_client_signed(self, world: CibaWorld) -> None:
        now = int(world.clock.now().timestamp())
        good = {"iss": DESK.id, "aud": URL, "sub": ASHA, "exp": now + 60}
        await world.begun(login_hint=None, login_hint_token=signed(good, {}))
        assert world.told[-1].person == ASHA
        late = await world.back(login_hint=None, login_hint_token=signed({**good, "exp": now - 60}, {}))
        assert await error(late) == (400, "expired_login_hint_token")
        for wrong in ({"iss": "other"}, {"aud": "https://elsewhere.example"}, {"sub": None}, {"exp": None}, {"sub": 5}):
            answer = await world.back(login_hint=None, login_hint_token=signed({**good, **wrong}, {}))
            assert await error(answer) == (400, "invalid_request"), wrong
        alg = await world.back(login_hint=None, login_hint_token=signed(good, {"kid": "other"}))
        assert await error(alg) == (400, "invalid_request")

    async def test_a_person_who_is_unknown_or_suspended_is_not_told_from_any_other(self, world: CibaWorld) -> None:
        suspended = person(id=BRYN, status=PersonStatus.SUSPENDED)
        await world.store.write(lambda tx: tx.people.put([suspended]))
        answers = []
        for hint in (ASHA, BRYN, NOBODY):
            asked = [await world.back(login_hint=hint) for _ in range(3)]
            told = asked[0].json()
            polled = await world.fetch(told)
            answers.append(
                ([(one.status_code, sorted(one.json())) for one in asked], polled.json(), told["expires_in"])
            )
        assert answers[0] == answers[1] == answers[2]

    async def test_nobody_is_asked_more_than_so_often_at_once(self, world: CibaWorld) -> None:
        for _ in range(2):
            await world.begun()
        assert await error(await world.back()) == (403, "access_denied")
        assert (await world.reasons())[-1] == "too_many_open"
        await world.begun(OTHER)
        await world.begun(login_hint=BRYN)
        for number in range(3):
            client = replace(DESK, id=ClientId(f"desk-{number}"))
            await world.save(client)
            await world.begun(client)
        last = replace(DESK, id=ClientId("last"))
        await world.save(last)
        assert await error(await world.back(last)) == (403, "access_denied")
        world.clock.pass_by(seconds=600)
        await world.begun()


class TestSignedRequest:
    async def test_ciba_7_1_1_everything_is_inside(self, world: CibaWorld) -> None:
        text = world.object(binding_message="Inside", requested_expiry=120, acr_values="AAL2_OR_AAL3_ANY")
        answer = await world.send(
            endpoints.BACKCHANNEL_AUTHENTICATION, {"request": text, **wanted(DESK, **NOTHING_BESIDE)}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["expires_in"] == 120
        assert (world.told[-1].message, world.told[-1].asked.acr) == ("Inside", ("AAL2_OR_AAL3_ANY",))
        (event,) = await world.events("decoupled:request:made")
        assert event.data["signed"] is True

    @pytest.mark.parametrize("name", ["scope", "login_hint", "binding_message", "acr_values", "requested_expiry"])
    async def test_ciba_7_1_1_nothing_stands_beside_it(self, world: CibaWorld, name: str) -> None:
        answer = await world.back(request=world.object(), **{**NOTHING_BESIDE, name: "openid"})
        assert await error(answer) == (400, "invalid_request")
        assert (await world.reasons())[-1] == "beside_the_object"

    @pytest.mark.parametrize(
        ("changes", "header", "reason"),
        [
            ({"iss": "other"}, {}, "code_of_another_client"),
            ({"iss": None}, {}, "code_of_another_client"),
            ({"client_id": "other"}, {}, "code_of_another_client"),
            ({"aud": None}, {}, "object_claims"),
            ({"aud": f"{URL}/bc-authorize"}, {}, "object_audience"),
            ({"jti": None}, {}, "object_claims"),
            ({"jti": "j" * 256}, {}, "object_claims"),
            ({"exp": None}, {}, "object_claims"),
            ({"nbf": None}, {}, "object_claims"),
            ({"iat": None}, {}, "object_claims"),
            ({"exp": "soon"}, {}, "object_claims"),
            ({"iat": "now"}, {}, "object_times"),
            ({"exp": 1}, {}, "object_times"),
            ({"exp": 4_000_000_000}, {}, "object_times"),
            ({"nbf": 1}, {}, "object_times"),
            ({"iat": 4_000_000_000}, {}, "object_times"),
            ({"sub": "desk"}, {}, "object_subject"),
            ({"request": "x"}, {}, "object_nested"),
            ({"login_hint": 5}, {}, "object_value"),
            ({}, {"kid": "unknown"}, "object_unknown_key"),
            ({}, {"typ": "at+jwt"}, "object_typ"),
        ],
    )
    async def test_ciba_7_1_1_refusals(self, world: CibaWorld, changes: Any, header: Any, reason: str) -> None:
        text = world.object(header=header, **changes)
        answer = await world.back(request=text, **NOTHING_BESIDE)
        assert await error(answer) == (400, "invalid_request")
        assert (await world.reasons())[-1] == reason

    async def test_ciba_7_1_1_whose_signature_is_another_is_refused(self, world: CibaWorld) -> None:
        head, body, signature = world.object().split(".")
        other = world.object(binding_message="Other").split(".")[1]
        for text in (f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}", "", "a" * 20000):
            if text:
                answer = await world.back(request=text, **NOTHING_BESIDE)
                assert await error(answer) == (400, "invalid_request")

    async def test_ciba_7_1_1_an_object_works_once_whoever_races(self, world: CibaWorld) -> None:
        text = world.object()
        answers = await asyncio.gather(*(world.back(request=text, **NOTHING_BESIDE) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
        assert (await world.reasons()).count("object_replayed") == 3

    async def test_ciba_4_the_registered_algorithm_alone(self, world: CibaWorld) -> None:
        client = replace(DESK, ciba_request_alg="RS256")
        await world.save(client)
        wrong = await world.back(client, request=world.object(client), **NOTHING_BESIDE)
        assert await error(wrong) == (400, "invalid_request")
        right = await world.back(client, request=world.object(client, {"alg": "RS256"}), **NOTHING_BESIDE)
        assert right.status_code == 200


NOTHING_BESIDE: dict[str, Any] = {"scope": None, "login_hint": None, "binding_message": None}


class TestPolling:
    async def test_ciba_10_1_pending_then_tokens_for_whoever_was_asked(self, world: CibaWorld) -> None:
        told, browser = await world.begun(), world.browser()
        assert await error(await world.fetch(told)) == (400, "authorization_pending")
        assert await error(await world.fetch(told)) == (400, "slow_down")
        await log_in(world, browser)
        end = await agree(world, browser, told)
        assert end.headers["location"] == "/requests/agreed"
        body = (await world.fetch(told)).json()
        claims = world.signer.verify(body["id_token"])
        assert (claims["sub"], claims["aud"], claims["acr"]) == (ASHA, DESK.id, "AAL3_ANY")
        assert "urn:openid:params:jwt:claim:auth_req_id" not in claims
        assert await error(await world.fetch(told)) == (400, "invalid_grant")
        assert len(await world.events("token:code:replayed")) == 1

    async def test_ciba_11_refused_and_expired(self, world: CibaWorld) -> None:
        told, browser = await world.begun(), world.browser()
        await log_in(world, browser)
        assert (await decide(browser, told, "no")).headers["location"] == "/requests/refused"
        assert await error(await world.fetch(told)) == (400, "access_denied")
        late = await world.begun(requested_expiry="60")
        world.clock.pass_by(seconds=60)
        assert await error(await world.fetch(late)) == (400, "expired_token")

    async def test_ciba_11_another_client_and_a_push_client(self, world: CibaWorld) -> None:
        told = await world.begun()
        assert await error(await world.fetch(told, OTHER)) == (400, "invalid_grant")
        pushed = await world.begun(PUSHED)
        assert await error(await world.fetch(pushed, PUSHED)) == (400, "unauthorized_client")
        assert (await world.reasons())[-1] == "tokens_are_pushed"

    async def test_of_many_polls_at_once_one_wins(self, world: CibaWorld) -> None:
        told, browser = await world.begun(), world.browser()
        await log_in(world, browser)
        await agree(world, browser, told)
        answers = await asyncio.gather(*(world.fetch(told) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5


class TestPage:
    async def test_it_lists_what_waits_for_the_person_and_nobody_else(self, world: CibaWorld) -> None:
        await world.begun(binding_message="Compare <b>me</b>")
        await world.begun(login_hint=BRYN, binding_message="For Bryn")
        browser = world.browser()
        await log_in(world, browser)
        assert "Pharmacy desk" in browser.page
        assert "Compare <b>me</b>" in browser.page
        assert "&lt;b&gt;" in (await browser.http.get(PATH)).text, "it is text, not markup"
        assert "For Bryn" not in browser.page

    async def test_without_a_session_one_logs_in_and_no_application_learns_of_it(self, world: CibaWorld) -> None:
        told, browser = await world.begun(), world.browser()
        await browser.get(PATH)
        assert "W4SCT" not in browser.page
        assert "/requests/log-in" in browser.page
        await log_in(world, browser)
        (session,) = await world.store.read(lambda tx: tx.sessions.of_person(ASHA))
        assert list(await world.store.read(lambda tx: tx.sessions.clients_of(session.id))) == []
        assert await error(await world.fetch(told)) == (400, "authorization_pending")

    async def test_an_idle_session_shows_nothing(self, world: CibaWorld) -> None:
        browser = world.browser()
        await log_in(world, browser)
        world.clock.pass_by(minutes=31)
        await world.begun()
        await browser.get(PATH)
        assert "W4SCT" not in browser.page

    async def test_a_second_person_cannot_agree(self, world: CibaWorld) -> None:
        told, bryn = await world.begun(), world.browser()
        await world.begun(login_hint=BRYN)
        await log_in(world, bryn, who=BRYN)
        for decision in ("yes", "no"):
            assert (await decide(bryn, told, decision)).headers["location"] == "/requests/late"
        asha = world.browser()
        await log_in(world, asha)
        page = await agree(world, asha, told, who=BRYN)
        assert "You are not the person that Pharmacy desk asked for" in page.text
        assert await error(await world.fetch(told)) == (400, "authorization_pending")

    async def test_an_open_session_agrees_to_nothing(self, world: CibaWorld) -> None:
        told, browser = await world.begun(), world.browser()
        await log_in(world, browser)
        begun = await decide(browser, told, "yes")
        await browser.get(begun.headers["location"])
        assert "asks you to log in again" in browser.page
        assert await error(await world.fetch(told)) == (400, "authorization_pending")

    async def test_ciba_acr_values_the_asked_level_is_needed(self, world: CibaWorld) -> None:
        told, browser = await world.begun(acr_values="AAL3_ANY"), world.browser()
        await log_in(world, browser)
        page = await agree(world, browser, told, aal=2)
        assert "not secure enough for Pharmacy desk" in page.text
        assert await error(await world.fetch(told)) == (400, "authorization_pending")

    async def test_another_site_cannot_decide(self, world: CibaWorld) -> None:
        told, browser = await world.begun(), world.browser()
        await log_in(world, browser)
        browser.page = ""
        for decision in ("yes", "no"):
            assert (await browser.post(address_of(told), decision=decision)).status_code == 403
        assert (await world.browser().post(address_of(told), decision="no")).status_code == 403
        assert await error(await world.fetch(told)) == (400, "authorization_pending")

    @pytest.mark.parametrize("id", ["x", "0" * 64, "0" * 63 + "g", "%00"])
    async def test_an_unknown_request_is_late(self, world: CibaWorld, id: str) -> None:
        browser = world.browser()
        await log_in(world, browser)
        await world.begun()
        await browser.get(PATH)
        answer = await browser.post(f"{PATH}/{id}/decide", decision="yes")
        assert answer.headers["location"] == "/requests/late"

    async def test_of_two_browsers_at_once_the_first_decides(self, world: CibaWorld) -> None:
        told, first, second = await world.begun(), world.browser(), world.browser()
        for browser in (first, second):
            await log_in(world, browser)
        begun = await decide(first, told, "yes")
        assert (await decide(second, told, "no")).headers["location"] == "/requests/refused"
        end = await first.prove(begun.headers["location"].rsplit("/", 1)[1])
        assert end.headers["location"] == "/requests/late"
        assert await error(await world.fetch(told)) == (400, "access_denied")


class TestNotifications:
    async def test_ciba_10_2_a_ping_says_that_there_is_something_to_fetch(self, world: CibaWorld) -> None:
        told, browser = await world.begun(PINGED), world.browser()
        await world.notifications.deliver()
        assert world.desk.came == []
        await log_in(world, browser)
        await agree(world, browser, told)
        await world.notifications.deliver()
        assert world.desk.came == [({"auth_req_id": told["auth_req_id"]}, "n" * 43)]
        assert (await world.fetch(told, PINGED)).status_code == 200
        world.clock.pass_by(minutes=20)
        await world.notifications.deliver()
        assert len(world.desk.came) == 1
        (event,) = await world.events("ciba:notification:delivered")
        assert (event.data["delivery"], event.data["tries"], event.data["outcome"]) == ("ping", 1, "204")

    async def test_ciba_10_2_a_ping_comes_of_a_refusal_and_of_the_end_too(self, world: CibaWorld) -> None:
        refused, browser = await world.begun(PINGED), world.browser()
        await log_in(world, browser)
        await decide(browser, refused, "no")
        await world.notifications.deliver()
        ran_out = await world.begun(PINGED, requested_expiry="60")
        world.clock.pass_by(seconds=60)
        await world.notifications.deliver()
        assert [body["auth_req_id"] for body, _ in world.desk.came] == [refused["auth_req_id"], ran_out["auth_req_id"]]

    async def test_ciba_10_3_1_tokens_are_pushed_and_tied_to_the_request(self, world: CibaWorld) -> None:
        told, browser = await world.begun(PUSHED), world.browser()
        await log_in(world, browser)
        await agree(world, browser, told)
        await world.notifications.deliver()
        ((body, bearer),) = world.desk.came
        assert bearer == "n" * 43
        assert {"auth_req_id", "access_token", "token_type", "expires_in", "id_token", "refresh_token"} <= set(body)
        claims = world.signer.verify(body["id_token"])
        assert claims["urn:openid:params:jwt:claim:auth_req_id"] == told["auth_req_id"] == body["auth_req_id"]
        assert claims["urn:openid:params:jwt:claim:rt_hash"]
        assert claims["at_hash"]
        assert (claims["sub"], claims["aud"]) == (ASHA, PUSHED.id)
        assert (await userinfo(world, body)).json()["sub"] == ASHA

    async def test_ciba_12_errors_are_pushed(self, world: CibaWorld) -> None:
        refused, browser = await world.begun(PUSHED), world.browser()
        await log_in(world, browser)
        await decide(browser, refused, "no")
        await world.notifications.deliver()
        await world.begun(PUSHED, requested_expiry="60")
        world.clock.pass_by(seconds=60)
        await world.notifications.deliver()
        agreed = await world.begun(PUSHED)
        await agree(world, browser, agreed)
        sessions = await world.store.read(lambda tx: tx.sessions.of_person(ASHA))
        at = world.clock.now()
        await world.store.write(lambda tx: [tx.sessions.end(one.id, at=at) for one in sessions])
        await world.notifications.deliver()
        assert [body["error"] for body, _ in world.desk.came] == [
            "access_denied",
            "expired_token",
            "transaction_failed",
        ]

    async def test_a_push_that_failed_is_tried_again_and_the_first_tokens_are_revoked(self, world: CibaWorld) -> None:
        told, browser = await world.begun(PUSHED), world.browser()
        await log_in(world, browser)
        await agree(world, browser, told)
        world.desk.answers = [500]
        await world.notifications.deliver()
        assert (await userinfo(world, world.desk.came[0][0])).status_code == 200, "it may have arrived"
        world.clock.pass_by(seconds=10)
        await world.notifications.deliver()
        first, second = (body for body, _ in world.desk.came)
        assert (await userinfo(world, first)).status_code == 401
        assert (await userinfo(world, second)).status_code == 200
        (failed,) = await world.events("ciba:notification:failed")
        assert (failed.data["outcome"], failed.data["last"]) == ("500", False)

    async def test_ciba_10_2_it_is_tried_so_often_and_never_for_ever(self, world: CibaWorld) -> None:
        told, browser = await world.begun(PINGED), world.browser()
        await log_in(world, browser)
        await agree(world, browser, told)
        world.desk.answers = [500, 301, 404, 503, 500, 500, 500]
        for _ in range(60):
            await world.notifications.deliver()
            world.clock.pass_by(seconds=30)
        assert len(world.desk.came) == 5
        assert [event.data["last"] for event in await world.events("ciba:notification:failed")].count(True) == 1
        await world.store.sweep(world.clock.now())

    async def test_of_two_workers_at_once_one_sends(self, world: CibaWorld) -> None:
        told, browser = await world.begun(PINGED), world.browser()
        await log_in(world, browser)
        await agree(world, browser, told)
        await asyncio.gather(*(world.worker().deliver() for _ in range(4)))
        assert len(world.desk.came) == 1

    async def test_a_client_without_an_address_any_more_is_given_up(self, world: CibaWorld) -> None:
        told, browser = await world.begun(PINGED), world.browser()
        await log_in(world, browser)
        await agree(world, browser, told)
        await world.save(replace(PINGED, ciba_notification_endpoint=None))
        await world.notifications.deliver()
        assert world.desk.came == []
        (event,) = await world.events("ciba:notification:failed")
        assert (event.data["outcome"], event.data["last"]) == ("no_address", True)

    async def test_the_notification_token_is_kept_sealed(self, world: CibaWorld) -> None:
        told = await world.begun(PINGED)
        kept = world.told[-1]
        for secret in (told["auth_req_id"], "n" * 43):
            assert secret not in repr(kept)
            assert secret.encode() not in (kept.callback or b"")


class TestScripted:
    async def test_a_script_decides_in_a_sandbox(self, world: CibaWorld) -> None:
        path = f"{endpoints.path(world.issuer, endpoints.BACKCHANNEL_AUTHENTICATION)}/approve"
        for action, outcome, status in (("allow", "agreed", 200), ("deny", "refused", 400)):
            told = await world.begun()
            http = world.browser().http
            answer = await http.get(path, params={"auth_req_id": told["auth_req_id"], "action": action})
            assert answer.json() == {"outcome": outcome}
            assert (await world.fetch(told)).status_code == status
        for params in ({"action": "allow"}, {"auth_req_id": "x", "action": "allow"}, {"action": "x"}):
            assert (await world.browser().http.get(path, params=params)).status_code == 400
        nobody = await world.begun(login_hint=NOBODY)
        answer = await world.browser().http.get(path, params={"auth_req_id": nobody["auth_req_id"], "action": "allow"})
        assert answer.status_code == 400


class TestProfile:
    @pytest.fixture
    async def strict(self, monkeypatch: pytest.MonkeyPatch) -> CibaWorld:
        """As if sender-constrained tokens were there."""
        monkeypatch.setattr(profiles, "OFFERED", frozenset(Feature))
        monkeypatch.setitem(
            profiles.PROFILES,
            "ciba-rules",
            replace(
                profiles.PROFILES["fapi-ciba"], name="ciba-rules", auth_methods=profiles.PROFILES["cis2"].auth_methods
            ),
        )
        profiles.together.cache_clear()
        return await ciba_world(replace(DESK, profile="ciba-rules"), replace(PUSHED, profile="ciba-rules"))

    async def test_fapi_ciba_5_2_2_requests_are_signed(self, strict: CibaWorld) -> None:
        assert await error(await strict.back()) == (400, "invalid_request")
        assert (await strict.reasons())[-1] == "not_signed"
        good = await strict.back(request=strict.object(), **NOTHING_BESIDE)
        assert good.status_code == 200, good.text

    async def test_fapi_ciba_5_2_2_no_push(self, strict: CibaWorld) -> None:
        answer = await strict.back(
            PUSHED, request=strict.object(PUSHED), client_notification_token=None, **NOTHING_BESIDE
        )
        assert await error(answer) == (400, "unauthorized_client")

    async def test_fapi_ciba_5_2_2_a_binding_message_or_something_as_unique(self, strict: CibaWorld) -> None:
        answer = await strict.back(request=strict.object(binding_message=None), **NOTHING_BESIDE)
        assert await error(answer) == (400, "invalid_binding_message")
        assert (await strict.reasons())[-1] == "binding_message_missing"

    async def test_fapi_ciba_5_2_2_an_hour_at_most(self, strict: CibaWorld) -> None:
        now = int(strict.clock.now().timestamp())
        answer = await strict.back(request=strict.object(nbf=now, exp=now + 3601), **NOTHING_BESIDE)
        assert await error(answer) == (400, "invalid_request")

    async def test_fapi_ciba_tokens_are_bound_to_their_sender(self, strict: CibaWorld) -> None:
        told = (await strict.back(request=strict.object(), **NOTHING_BESIDE)).json()
        answer = await strict.fetch(told)
        assert await error(answer) == (400, "invalid_request")
        assert (await strict.reasons())[-1] == "not_constrained"


async def userinfo(world: CibaWorld, body: dict[str, Any]) -> Any:
    return await world.browser().http.get(
        endpoints.path(world.issuer, endpoints.USERINFO), headers={"authorization": f"Bearer {body['access_token']}"}
    )


def test_ids_of_the_page_are_no_secrets() -> None:
    """The address of a form holds a digest, by which nobody can poll."""
    assert re.fullmatch(r"/requests/[0-9a-f]{64}/decide", address_of({"auth_req_id": "secret"}))
