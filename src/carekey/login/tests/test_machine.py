"""Whatever people, tabs and browsers do in whatever order, the promises of a log-in hold.

A hundred games of dice, each with its seed, so that one that is lost can be played again.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from carekey.authenticators.base import Verified
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import LoginId, PersonId
from carekey.kernel.secret import Secret, digest
from carekey.login import acr
from carekey.login.journey import Ended, Visitor
from carekey.login.model import Asked, Login, Outcome, RoleAsked
from carekey.login.policy import Refusal
from carekey.login.tests.make import ASHA, BRYN, HEALTHCARE, asked, proof, roles
from carekey.login.tests.world import World
from carekey.sessions import lifetime
from carekey.sessions.model import Session

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Move:
    what: str
    tab: int
    browser: str
    who: PersonId
    aal: AAL
    role: int


WHAT = {"prove": 5, "look": 5, "agree": 3, "role": 6, "cancel": 1, "log out": 1, "wait": 2, "steal": 1}


def question(dice: Random) -> Asked:
    return asked(
        acr=dice.choice([("AAL2_OR_AAL3_ANY",), ("AAL3_ANY",), ("AAL3_ANY", "AAL2_ANY")]),
        fresh=dice.random() < 0.2,
        silent=dice.random() < 0.1,
        max_age=dice.choice([None, None, None, 0, 300]),
        role=dice.choice(list(RoleAsked)),
        person=dice.choice([None, None, None, BRYN]),
        share=dice.choice([(), (), ("your name",)]),
    )


def move(dice: Random) -> Move:
    return Move(
        what=dice.choices(list(WHAT), weights=list(WHAT.values()))[0],
        tab=dice.randrange(6),
        browser=dice.choice(["ward", "ward", "home"]),
        who=dice.choice([ASHA, ASHA, BRYN]),
        aal=dice.choice([AAL.AAL3, AAL.AAL3, AAL.AAL2, AAL.AAL1]),
        role=dice.randrange(3),
    )


class Play:
    def __init__(self) -> None:
        self.world = World()
        self.tabs: list[tuple[Login, Secret]] = []
        self.cookies: dict[str, Secret] = {}
        self.proven: dict[LoginId, Verified] = {}

    async def begin(self, wanted: Asked) -> None:
        journey, now = self.world.journey, self.world.clock.now()
        login, secret = journey.prepare(HEALTHCARE, wanted, b"", reference="R", now=now)
        await self.world.store.write(lambda tx: journey.start(tx, login))
        self.tabs.append((login, secret))

    async def session(self, browser: str) -> Session | None:
        cookie = self.cookies.get(browser)
        return cookie and await self.world.store.read(lambda tx: tx.sessions.find(digest(cookie.reveal())))

    async def make(self, move: Move) -> None:
        login, secret = self.tabs[move.tab]
        journey, store, now = self.world.journey, self.world.store, self.world.clock.now()
        session = await self.session(move.browser)
        by = Visitor(
            login=digest(secret.reveal()), session=lambda _: session.digest if session else None, zone="internet"
        )
        done: Any = None
        match move.what:
            case "prove":
                new = proof(person=move.who, aal=move.aal, amr=Amr.FIDO2, at=now)
                if await self.prove(login.id, secret, "security-key", new):
                    self.proven[login.id] = new
                done = await store.write(lambda tx: journey.advance(tx, login.id, by, now=now))
            case "look":
                done = await store.write(lambda tx: journey.advance(tx, login.id, by, now=now))
            case "agree":
                done = await store.write(lambda tx: journey.share(tx, login.id, by, move.who, now=now))
            case "role":
                role = roles(3, of=move.who)[move.role].id
                done = await store.write(lambda tx: journey.choose(tx, login.id, by, role, now=now))
            case "cancel":
                done = await store.write(lambda tx: journey.give_up(tx, login.id, by, Refusal.CANCELLED, now=now))
            case "log out" if session:
                await store.write(lambda tx: tx.sessions.end(session.id, at=now))
            case "wait":
                self.world.clock.pass_by(minutes=4)
            case "steal":
                assert not await self.prove(login.id, Secret("guessed"), "security-key", proof(at=now))
                assert not await self.prove(login.id, secret, "smartcard", proof(at=now))
        if isinstance(done, Ended):
            self.judge(move, login, session, done)

    async def prove(self, id: LoginId, secret: Secret, way: str, new: Verified) -> bool:
        attempts, now = self.world.attempts, self.world.clock.now()

        def work(tx: Any) -> bool:
            attempt = attempts.find(tx, id, browser=secret, way=way, zone="internet", now=now)
            if attempt is not None:
                attempts.conclude(tx, attempt, new)
            return attempt is not None

        return await self.world.store.write(work)

    def judge(self, move: Move, login: Login, session: Session | None, done: Ended) -> None:
        """Hold the answer against what was asked and proven."""
        told, now = self.world.application.told[-1], self.world.clock.now()
        assert told.login.id == login.id
        assert now < login.expires_at
        if told.why is not None:
            assert done.session is None
            return
        wanted, new = login.asked, self.proven.get(login.id)
        if new is not None:
            assert done.session is not None
            self.cookies[move.browser] = done.session
            who, aal = new.person, new.aal
        else:
            assert session is not None
            assert session.ended_at is None
            assert not wanted.fresh
            assert wanted.max_age is None or (now - session.proof.at).total_seconds() < wanted.max_age
            who = session.person
            aal = lifetime.level(session, self.world.journey.rules[HEALTHCARE].sessions, now=now)
        assert told.session.person == who
        assert wanted.person in {None, who}
        assert told.verdict.aal == aal
        assert acr.CLASSES[told.verdict.acr].holds(aal, Amr.FIDO2)
        assert told.verdict.acr in wanted.acr
        assert not wanted.share or (move.what, move.who) == ("agree", who)
        if wanted.role is RoleAsked.NO:
            assert told.verdict.role is None
        else:
            assert told.verdict.role in {profile.id for profile in roles(3, of=who)}

    async def finish(self) -> None:
        told = self.world.application.told
        assert len({one.login.id for one in told}) == len(told), "each log-in answers once"
        for one in told:
            login = await self.world.store.read(lambda tx, one=one: tx.logins.find(one.login.id))
            assert (login.outcome is Outcome.ISSUED) == (one.why is None)


@pytest.mark.parametrize("seed", range(100))
async def test_the_promises_of_a_log_in_hold(seed):
    dice = Random(seed)
    play = Play()
    await play.world.populate(held=3)
    for _ in range(6):
        await play.begin(question(dice))
    for _ in range(40):
        await play.make(move(dice))
    await play.finish()
