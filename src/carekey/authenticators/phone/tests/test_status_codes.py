"""Every UAF status code over HTTP (UAF reference sections 8, 9.3, 15 and 16): reached for its real reason, with the body that
the standard wants and no more, nothing changed, and the true reason on the audit record."""

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carekey.authenticators.conformance.contract import ASHA, BEN, AnyWorld
from carekey.authenticators.phone.keeping import KIND
from carekey.authenticators.phone.tests.test_phone_http import (
    MODEL,
    REVOKED,
    UAF,
    activation,
    device,
    link_for,
    matched,
    new_world,
    opened,
    registered,
    reported,
    waiting,
)
from carekey.authenticators.uaf.channel_binding import Channel, Mode
from carekey.authenticators.uaf.status import Status
from carekey.authenticators.uaf.tests.phone import Faults, Model, Phone, new_key
from carekey.kernel.assurance import AAL
from carekey.storage.open import open_store
from carekey.storage.sql.migrate import upgrade

pytestmark = pytest.mark.anyio


class Failing:
    """A phone, a registered person, and the database that they are in."""

    def __init__(self, world: AnyWorld, file: Path) -> None:
        self.world = world
        self.file = file
        self.login = world.begin()
        self.browser = world.browser

    async def post(self, address: str, body: Any, *, own: bool = True) -> Any:
        sender = self.browser if own else self.world.new_browser()
        text = body if isinstance(body, str) else json.dumps(body)
        return await sender.post(f"/uaf/{address}", content=text, headers=UAF)

    async def request(self, op: str, **context: str) -> str:
        said = (await self.post(f"{op}/request", {"context": json.dumps(context)})).json()
        assert said["statusCode"] == Status.OK
        text: str = said["uafRequest"]
        return text

    async def to_register(self) -> str:
        return await self.request("reg", activation=await activation(self.world, await link_for(self.world, BEN)))

    async def to_log_in(self) -> str:
        return await self.request("auth", login=self.login)

    async def record(self) -> list[Any]:
        found: list[Any] = await self.world.store.read(lambda tx: list(tx.audit.search(limit=1000)))
        return found

    def table(self, name: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.file) as connection:
            return sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        with sqlite3.connect(self.file) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: self.table(name) for (name,) in names}

    def broken(self) -> None:
        """As when a migration went wrong."""
        with sqlite3.connect(self.file) as connection:
            connection.execute("ALTER TABLE challenges RENAME TO challenges_gone")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("sqlite") / "carekey.db"
    upgrade(f"sqlite:///{file}")
    return file.read_bytes()


@pytest.fixture
def failing(migrated: bytes, tmp_path: Path) -> Iterator[Failing]:
    file = tmp_path / "carekey.db"
    file.write_bytes(migrated)
    store = open_store(f"sqlite:///{file}")
    yield Failing(new_world(store), file)
    store.close()


Last = Callable[[], Awaitable[Any]]
"""The message that is refused, once everything before it has been done."""


@dataclass(frozen=True, kw_only=True)
class Row:
    code: Status
    reason: str
    event: str
    prepare: Callable[[Failing], Awaitable[Last]]
    changes: frozenset[str] = frozenset()
    """Tables besides the audit record's and, where an answer was judged, that of open requests."""
    more: tuple[str, ...] = ()
    """Members besides the code, where the standard has one."""


# Messages


def asking(address: str, body: Any, *, own: bool = True) -> Callable[[Failing], Awaitable[Last]]:
    async def prepare(it: Failing) -> Last:
        return lambda: it.post(f"{address}/request", body, own=own)

    return prepare


def registering(
    phone: Callable[[], Phone] = device,
    faults: Faults | None = None,
    *,
    then: Callable[[Failing], object] | None = None,
) -> Callable[[Failing], Awaitable[Last]]:
    async def prepare(it: Failing) -> Last:
        text = phone().answer(await it.to_register(), faults)
        if then:
            then(it)
        return lambda: it.post("reg/response", {"uafResponse": text})

    return prepare


def logging_in(
    faults: Faults | None = None,
    *,
    before: Faults | None = None,
    then: Callable[[Failing], Any] | None = None,
    own: bool = True,
) -> Callable[[Failing], Awaitable[Last]]:
    """`before`: how the phone was registered. `then`: what happens between the question and the answer."""

    async def prepare(it: Failing) -> Last:
        phone = await registered(it.world, faults=before)
        text = phone.answer(await it.to_log_in(), faults)
        if then and (later := then(it)):
            await later
        return lambda: it.post("auth/response", {"uafResponse": text}, own=own)

    return prepare


async def one_too_many(it: Failing) -> Last:
    it.world.authenticator._terms.per_person = 1
    await registered(it.world, BEN)
    code = await activation(it.world, await link_for(it.world, BEN))
    return lambda: it.post("reg/request", {"context": json.dumps({"activation": code})})


async def a_key_that_they_have(it: Failing) -> Last:
    phone = await registered(it.world, BEN)
    text = device().answer(await it.to_register(), Faults(key_id=phone.keys[0].key_id))
    return lambda: it.post("reg/response", {"uafResponse": text})


async def a_wrong_number(it: Failing) -> Last:
    code, number = await waiting(it.world, it.login)
    holder = (await opened(it.world, code)).json()["holder"]
    context = {"approval": code, "holder": holder, "number": "10" if number != "10" else "11"}
    return lambda: it.post("auth/request", {"context": json.dumps(context)})


async def an_answer_again(it: Failing) -> Last:
    phone = await registered(it.world)
    text = phone.answer(await it.to_log_in())
    assert (await it.post("auth/response", {"uafResponse": text})).json()["statusCode"] == Status.OK
    return lambda: it.post("auth/response", {"uafResponse": text})


async def a_key_of_somebody_else(it: Failing) -> Last:
    phone = await registered(it.world)
    it.world.ask_for(it.login, BEN)
    text = phone.answer(await it.to_log_in())
    return lambda: it.post("auth/response", {"uafResponse": text})


async def a_suspended_key(it: Failing) -> Last:
    phone = await registered(it.world)
    for faults in (None, Faults(counter=1)):
        await it.post("auth/response", {"uafResponse": phone.answer(await it.to_log_in(), faults)})
    text = phone.answer(await it.to_log_in())
    return lambda: it.post("auth/response", {"uafResponse": text})


async def a_level_that_is_not_enough(it: Failing) -> Last:
    phone = await registered(it.world)
    attempts = it.world.attempts.open
    attempts[it.login] = replace(attempts[it.login], levels=frozenset({AAL.AAL3}))
    text = phone.answer(await it.to_log_in())
    return lambda: it.post("auth/response", {"uafResponse": text})


async def a_copied_key(it: Failing) -> Last:
    phone = await registered(it.world)
    await it.post("auth/response", {"uafResponse": phone.answer(await it.to_log_in())})
    text = phone.answer(await it.to_log_in(), Faults(counter=1))
    return lambda: it.post("auth/response", {"uafResponse": text})


async def an_answer_of_the_other_device(it: Failing) -> Last:
    phone = await registered(it.world)
    asked = await matched(it.world, it.login)
    text = phone.answer(asked["uafRequest"], Faults(hash=b"x" * 32))
    return lambda: it.post("auth/response", {"uafResponse": text}, own=False)


async def removed(it: Failing) -> None:
    held = await it.world.store.read(lambda tx: tx.credentials.held_by(ASHA))
    [one] = [each for each in held if each.kind == KIND]
    assert await it.world.store.write(lambda tx: tx.credentials.revoke(one.id, at=it.world.clock.now()))


def bound(it: Failing) -> None:
    terms = it.world.authenticator._terms
    terms.party = replace(terms.party, channel=Channel(mode=Mode.REQUIRE, certificates=(b"ours",)))


def field(tag: int, value: bytes) -> Faults:
    return Faults(signed=lambda children: [(each, value if each == tag else old) for each, old in children])


def stranger() -> Phone:
    return Phone(model=MODEL, facet="https://evil.example", trusted=("https://evil.example",))


REQUEST, REGISTRATION, LOG_IN, APPROVAL = (
    "uaf:message:refused",
    "uaf:registration:refused",
    "uaf:log-in:refused",
    "uaf:approval:refused",
)


def row(code: Status, reason: str, event: str, prepare: Callable[[Failing], Awaitable[Last]], **how: Any) -> Row:
    return Row(code=code, reason=reason, event=event, prepare=prepare, **how)


TABLE = {
    "no envelope, registration": row(Status.BAD_REQUEST, "bad-envelope", REQUEST, asking("reg", "[]")),
    "no envelope, log-in": row(Status.BAD_REQUEST, "bad-envelope", REQUEST, asking("auth", '{"op": "Reg"}')),
    "no activation code": row(Status.UNAUTHORIZED, "not-signed-in", REQUEST, asking("reg", {})),
    "an activation code of nobody": row(
        Status.REQUEST_INVALID,
        "session-unknown-or-used",
        REQUEST,
        asking("reg", {"context": '{"activation": "nonsense"}'}),
    ),
    "a log-in of another browser": row(
        Status.REQUEST_INVALID,
        "session-unknown-or-used",
        REQUEST,
        asking("auth", {"context": '{"login": "login-1"}'}, own=False),
    ),
    "one phone too many": row(
        Status.FORBIDDEN, "too-many-registrations", REGISTRATION, one_too_many, changes=frozenset({"challenges"})
    ),
    "a wrong number": row(Status.FORBIDDEN, "wrong_number", APPROVAL, a_wrong_number, changes=frozenset({"approvals"})),
    "registration: a foreign facet": row(Status.FORBIDDEN, "untrusted-facet", REGISTRATION, registering(stranger)),
    "registration: no channel bound": row(
        Status.CHANNEL_BINDING_REFUSED, "channel-binding", REGISTRATION, registering(then=bound)
    ),
    "registration: a model without metadata": row(
        Status.UNKNOWN_AAID,
        "unknown-model",
        REGISTRATION,
        registering(then=lambda it: reported(it.world, model=Model(aaid="1A2B#0002"))),
    ),
    "registration: a key that they have": row(
        Status.UNACCEPTABLE_AUTHENTICATOR, "policy-not-met", REGISTRATION, a_key_that_they_have
    ),
    "registration: a revoked model": row(
        Status.REVOKED_AUTHENTICATOR,
        "model-revoked",
        REGISTRATION,
        registering(then=lambda it: reported(it.world, REVOKED)),
    ),
    "registration: a point off the curve": row(
        Status.UNACCEPTABLE_KEY,
        "unacceptable-key",
        REGISTRATION,
        registering(faults=field(0x2E0C, b"\x04" + b"\x01" * 64)),
    ),
    "registration: another algorithm": row(
        Status.UNACCEPTABLE_ALGORITHM, "unacceptable-algorithm", REGISTRATION, registering(faults=Faults(algorithm=2))
    ),
    "registration: attested otherwise": row(
        Status.UNACCEPTABLE_ATTESTATION,
        "unacceptable-attestation-type",
        REGISTRATION,
        registering(faults=Faults(attestation_type=0x3E07)),
    ),
    "registration: another final challenge": row(
        Status.UNACCEPTABLE_CONTENT, "final-challenge-hash", REGISTRATION, registering(faults=Faults(hash=b"x" * 32))
    ),
    "log-in: no message": row(
        Status.UNACCEPTABLE_CONTENT,
        "not-one-message",
        REQUEST,
        logging_in(Faults(message=lambda message: message * 2)),
    ),
    "log-in: an answer again": row(Status.REQUEST_INVALID, "session-unknown-or-used", REQUEST, an_answer_again),
    "log-in: too late": row(
        Status.REQUEST_INVALID,
        "session-unknown-or-used",
        REQUEST,
        logging_in(then=lambda it: it.world.clock.pass_by(timedelta(minutes=6))),
    ),
    "log-in: another browser": row(Status.REQUEST_INVALID, "wrong-browser", LOG_IN, logging_in(own=False)),
    "log-in: a foreign facet": row(
        Status.FORBIDDEN,
        "untrusted-facet",
        LOG_IN,
        logging_in(Faults(final_challenge=lambda it: {**it, "facetID": "https://evil.example"})),
    ),
    "log-in: no channel bound": row(Status.CHANNEL_BINDING_REFUSED, "channel-binding", LOG_IN, logging_in(then=bound)),
    "log-in: a removed key": row(
        Status.UNKNOWN_KEY_ID, "unknown-key", LOG_IN, logging_in(then=removed), more=("newUAFRequest",)
    ),
    "log-in: a key of somebody else": row(
        Status.UNKNOWN_KEY_ID, "key-of-another-person", LOG_IN, a_key_of_somebody_else
    ),
    "log-in: a suspended key": row(Status.FORBIDDEN, "registration-suspended", LOG_IN, a_suspended_key),
    "log-in: a level that is not enough": row(Status.FORBIDDEN, "not-allowed", LOG_IN, a_level_that_is_not_enough),
    "log-in: other fingers": row(
        Status.UNACCEPTABLE_AUTHENTICATOR,
        "enrolled-biometrics-changed",
        LOG_IN,
        logging_in(Faults(extensions=((0x0106, b"others"),)), before=Faults(extensions=((0x0106, b"fingers"),))),
        changes=frozenset({"credentials"}),
        more=("location",),
    ),
    "log-in: a revoked model": row(
        Status.REVOKED_AUTHENTICATOR, "model-revoked", LOG_IN, logging_in(then=lambda it: reported(it.world, REVOKED))
    ),
    "log-in: another's signature": row(
        Status.UNACCEPTABLE_CONTENT, "signature", LOG_IN, logging_in(Faults(signing_key=new_key(1)))
    ),
    "log-in: a copied key": row(
        Status.UNACCEPTABLE_CONTENT, "clone-suspected", LOG_IN, a_copied_key, changes=frozenset({"credentials"})
    ),
    "log-in elsewhere: another final challenge": row(
        Status.UNACCEPTABLE_CONTENT,
        "final-challenge-hash",
        LOG_IN,
        an_answer_of_the_other_device,
        changes=frozenset({"approvals"}),
    ),
    "a database that is broken": row(
        Status.INTERNAL_SERVER_ERROR, "fault-of-the-server", REQUEST, registering(then=Failing.broken)
    ),
}

NEVER = {
    Status.ACCEPTED: "no registration waits for somebody's decision",
    Status.NOT_FOUND: "an address that is not there is HTTP's 404",
    Status.REQUEST_TIMEOUT: "what ran out is 1491, as what never was: nobody can tell",
    Status.UNACCEPTABLE_CLIENT_CAPABILITIES: "nothing is asked of a client but its facet",
}


@pytest.mark.parametrize("name", TABLE)
async def test_uaf_9_3_a_refusal_has_its_code_and_changes_nothing(failing: Failing, name: str) -> None:
    its = TABLE[name]
    last = await its.prepare(failing)
    seen = len(await failing.record())
    before, concluded = failing.everything(), len(failing.world.attempts.concluded)

    response = await last()

    said = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == UAF["content-type"]
    assert response.headers["cache-control"] == "no-store"
    assert said.pop("statusCode") == its.code
    assert tuple(said) == its.more
    assert its.reason not in response.text

    after = failing.everything()
    judged = response.request.url.path.endswith("/response")
    may = its.changes | {"audit"} | ({"challenges"} if judged else frozenset())
    assert {name for name in after if after[name] != before[name]} <= may
    assert its.changes <= {name for name in after if after[name] != before[name]}
    if judged and "challenges" in after:
        assert set(after["challenges"]) <= set(before["challenges"]), "taken once, never another"
    assert len(failing.world.attempts.concluded) == concluded

    new = [(row.tag, row.data.get("reason")) for row in (await failing.record())[seen:] if row.refusal]
    assert (its.event, its.reason) in new


async def test_uaf_9_1_what_is_in_order_is_1200(failing: Failing) -> None:
    phone = await registered(failing.world)
    said = (await failing.post("auth/response", {"uafResponse": phone.answer(await failing.to_log_in())})).json()
    assert said == {"statusCode": Status.OK, "location": f"/login/{failing.login}"}
    assert [person for _, proof in failing.world.attempts.concluded for person in [proof.person]] == [ASHA]


def test_uaf_9_1_every_code_is_reached_or_is_never_sent() -> None:
    assert {its.code for its in TABLE.values()} | {Status.OK} | NEVER.keys() == set(Status)
    assert not NEVER.keys() & {its.code for its in TABLE.values()}
