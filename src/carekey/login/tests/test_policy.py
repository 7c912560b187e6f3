"""The rule book: (what was asked, what is known, what comes next)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.directory.model import PersonStatus
from carekey.kernel.assurance import AAL, Amr
from carekey.login import acr
from carekey.login.model import Chooser, Issue, RoleAsked
from carekey.login.policy import (
    Authenticate,
    Because,
    ChooseAccount,
    ChooseRole,
    LeftOut,
    Offer,
    Refusal,
    Refuse,
    Share,
    SoFar,
    next_step,
    offer,
    without_pages,
)
from carekey.login.tests.make import (
    ASHA,
    BRYN,
    KEY,
    NOW,
    PASSKEY,
    PASSWORD,
    SMARTCARD,
    ago,
    asked,
    person,
    proof,
    roles,
    session,
)

OFFER = Offer(ways=(KEY, PASSKEY))
ONE, THREE, SEVEN = roles(1), roles(3), roles(7)
SECOND, THIRD = THREE[1].id, THREE[2].id


def known(**given: Any):
    return SoFar(**{"offer": OFFER, "person": person(), **given})


def proven(**given: Any):
    """Asha has just proven herself at AAL3."""
    return known(proof=proof(), **given)


def signed_on(one=None, *, level=AAL.AAL3, **given: Any):
    """Asha has a session at AAL3."""
    return known(session=one or session(), level=level, **given)


def again(because):
    return Authenticate(offer=OFFER, because=because)


def choose(profiles, last=None):
    return ChooseRole(profiles=profiles, last=last)


DONE = Issue(acr="AAL3_ANY", aal=AAL.AAL3)
SELECTED, CHANGED = asked(role=RoleAsked.SELECTED), asked(role=RoleAsked.CHANGED)

TABLE = {
    "nobody": (asked(), SoFar(offer=OFFER), again(Because.NO_SESSION)),
    "proof": (asked(), proven(), DONE),
    "proof, too weak": (asked(), known(proof=proof(aal=AAL.AAL2)), again(Because.TOO_WEAK)),
    "proof, wrong method": (asked(acr=("AAL3_SMARTCARD",)), proven(), again(Because.TOO_WEAK)),
    "proof of somebody else": (asked(person=BRYN), proven(), again(Because.OTHER_PERSON)),
    "proof of the one asked for": (asked(person=ASHA), proven(), DONE),
    "proof after prompt=login": (asked(fresh=True), proven(), DONE),
    "proof after select_account": (asked(choose_account=True), proven(), DONE),
    "proof, max_age=0": (asked(max_age=0), known(proof=proof(at=ago(minutes=2))), DONE),
    "proof, max_age=0, lingered": (
        asked(max_age=0),
        known(proof=proof(at=ago(minutes=5))),
        again(Because.TOO_LONG_AGO),
    ),
    "proof, max_age overrun on the role page": (
        asked(max_age=600),
        known(proof=proof(at=ago(minutes=10))),
        again(Because.TOO_LONG_AGO),
    ),
    "proof, no max_age, lingered": (asked(), known(proof=proof(at=ago(minutes=14))), DONE),
    "proof of a suspended person": (
        asked(),
        proven(person=person(status=PersonStatus.SUSPENDED)),
        Refuse(why=Refusal.PERSON_SUSPENDED),
    ),
    "weak proof of a closed person": (
        asked(),
        known(proof=proof(aal=AAL.AAL2), person=person(status=PersonStatus.CLOSED)),
        Refuse(why=Refusal.PERSON_CLOSED),
    ),
    "proof of nobody in the directory": (asked(), proven(person=None), Refuse(why=Refusal.PERSON_UNKNOWN)),
    # Single sign-on
    "session": (asked(), signed_on(), DONE),
    "session that is over": (asked(), known(session=session(), level=None, person=None), again(Because.NO_SESSION)),
    "session, prompt=login": (asked(fresh=True), signed_on(), again(Because.ASKED_AGAIN)),
    "session, select_account": (asked(choose_account=True), signed_on(), again(Because.CHOOSE_ACCOUNT)),
    "session, id_token_hint of another": (asked(person=BRYN), signed_on(), again(Because.OTHER_PERSON)),
    "session, id_token_hint of the same": (asked(person=ASHA), signed_on(), DONE),
    "session, max_age not reached": (asked(max_age=301), signed_on(), DONE),
    "session, max_age reached": (asked(max_age=300), signed_on(), again(Because.TOO_LONG_AGO)),
    "session, max_age=0": (asked(max_age=0), signed_on(session(at=NOW)), again(Because.TOO_LONG_AGO)),
    "session, max_age in milliseconds": (asked(max_age=900_000), signed_on(), DONE),
    "session, max_age beyond any calendar": (asked(max_age=10**15), signed_on(), DONE),
    "session, too weak": (asked(), signed_on(session(aal=AAL.AAL2), level=AAL.AAL2), again(Because.TOO_WEAK)),
    "session, weak now": (asked(), signed_on(level=AAL.AAL2), again(Because.TOO_WEAK)),
    "session, weak now but enough": (
        asked(acr=("AAL2_OR_AAL3_ANY",)),
        signed_on(level=AAL.AAL2),
        Issue(acr="AAL2_OR_AAL3_ANY", aal=AAL.AAL2),
    ),
    "session below the client's minimum": (
        asked(acr=("AAL2_OR_AAL3_ANY",), minimum=AAL.AAL3),
        signed_on(level=AAL.AAL2),
        again(Because.TOO_WEAK),
    ),
    "session of a suspended person": (
        asked(),
        signed_on(person=person(status=PersonStatus.SUSPENDED)),
        Refuse(why=Refusal.PERSON_SUSPENDED),
    ),
    "useless session of a closed person": (
        asked(fresh=True),
        signed_on(person=person(status=PersonStatus.CLOSED)),
        again(Because.ASKED_AGAIN),
    ),
    "several classes, the best that holds": (
        asked(acr=("AAL3_ANY", "AAL2_OR_AAL3_ANY")),
        signed_on(level=AAL.AAL2),
        Issue(acr="AAL2_OR_AAL3_ANY", aal=AAL.AAL2),
    ),
    # Roles (cis2-profile section 5.4)
    "role not asked for": (asked(), proven(roles=THREE), DONE),
    "no role": (SELECTED, proven(), DONE),
    "one role": (SELECTED, proven(roles=ONE), replace(DONE, role=ONE[0].id)),
    "one role, changedrole": (CHANGED, proven(roles=ONE), replace(DONE, role=ONE[0].id)),
    "three roles": (SELECTED, proven(roles=THREE), choose(THREE)),
    "seven roles": (SELECTED, proven(roles=SEVEN), choose(SEVEN)),
    "role chosen": (SELECTED, proven(roles=THREE, role=SECOND), replace(DONE, role=SECOND)),
    "role chosen, then taken away": (SELECTED, proven(roles=THREE[2:], role=SECOND), replace(DONE, role=THIRD)),
    "role in the session": (SELECTED, signed_on(session(role=SECOND), roles=THREE), replace(DONE, role=SECOND)),
    "role in the session, taken away": (
        SELECTED,
        signed_on(session(role=SECOND), roles=(THREE[0], THREE[2])),
        choose((THREE[0], THREE[2]), last=SECOND),
    ),
    "role in the session, not asked for": (asked(), signed_on(session(role=SECOND)), DONE),
    "changedrole": (CHANGED, signed_on(session(role=SECOND), roles=THREE), choose(THREE, last=SECOND)),
    "changedrole, chosen": (
        CHANGED,
        signed_on(session(role=SECOND), roles=THREE, role=THIRD),
        replace(DONE, role=THIRD),
    ),
    "prompt=login asks for the role too": (
        replace(SELECTED, fresh=True),
        signed_on(session(role=SECOND), proof=proof(), roles=THREE),
        choose(THREE, last=SECOND),
    ),
    "step-up keeps the role": (
        SELECTED,
        signed_on(session(aal=AAL.AAL2, role=SECOND), level=AAL.AAL2, proof=proof(), roles=THREE),
        replace(DONE, role=SECOND),
    ),
    "step-up by somebody else keeps nothing": (
        SELECTED,
        signed_on(
            session(aal=AAL.AAL2, role=SECOND),
            level=AAL.AAL2,
            proof=proof(person=BRYN),
            person=person(id=BRYN),
            roles=roles(3, of=BRYN),
        ),
        choose(roles(3, of=BRYN)),
    ),
    "a session that is over remembers no role": (
        SELECTED,
        proven(session=session(role=SECOND), level=None, roles=THREE),
        choose(THREE),
    ),
    # Sharing
    "consent": (asked(share=("your name",)), proven(), Share(items=("your name",))),
    "consent given": (asked(share=("your name",)), proven(shared=True), DONE),
    "consent given before": (asked(share=("your name",)), proven(shared_before=True), DONE),
    "consent given before, prompt=consent": (
        asked(share=("your name",), share_anew=True),
        proven(shared_before=True),
        Share(items=("your name",)),
    ),
    "consent given anew": (asked(share=("your name",), share_anew=True), proven(shared=True), DONE),
    # Account chooser
    "chooser, select_account": (
        asked(choose_account=True),
        signed_on(chooser=Chooser.ASKED),
        ChooseAccount(person=person()),
    ),
    "chooser, go on": (asked(choose_account=True), signed_on(chooser=Chooser.ASKED, account=ASHA), DONE),
    "chooser, go on as who is no longer there": (
        asked(choose_account=True),
        signed_on(chooser=Chooser.ASKED, account=BRYN),
        ChooseAccount(person=person()),
    ),
    "chooser, not asked for": (asked(), signed_on(chooser=Chooser.ASKED), DONE),
    "chooser, always": (asked(), signed_on(chooser=Chooser.ALWAYS), ChooseAccount(person=person())),
    "chooser, always but silent": (asked(silent=True), signed_on(chooser=Chooser.ALWAYS), DONE),
    "chooser, prompt=login": (asked(fresh=True), signed_on(chooser=Chooser.ALWAYS), again(Because.ASKED_AGAIN)),
    "chooser, go on is no proof": (
        asked(fresh=True),
        signed_on(chooser=Chooser.ALWAYS, account=ASHA),
        again(Because.ASKED_AGAIN),
    ),
    "chooser, go on, too weak": (
        asked(),
        signed_on(level=AAL.AAL2, chooser=Chooser.ALWAYS, account=ASHA),
        again(Because.TOO_WEAK),
    ),
    "chooser, a closed person": (
        asked(),
        signed_on(person=person(status=PersonStatus.CLOSED), chooser=Chooser.ALWAYS),
        again(Because.CHOOSE_ACCOUNT),
    ),
    "chooser, a new proof needs no choice": (asked(choose_account=True), proven(chooser=Chooser.ALWAYS), DONE),
    "consent comes after the role": (
        asked(role=RoleAsked.SELECTED, share=("your name",)),
        proven(roles=THREE),
        choose(THREE),
    ),
}


@pytest.mark.parametrize(("wanted", "so_far", "step"), TABLE.values(), ids=TABLE.keys())
def test_what_comes_next(wanted, so_far, step):
    assert next_step(wanted, so_far, now=NOW) == step


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (again(Because.NO_SESSION), Refusal.LOGIN_REQUIRED),
        (again(Because.TOO_WEAK), Refusal.LOGIN_REQUIRED),
        (choose(THREE), Refusal.INTERACTION_REQUIRED),
        (Share(items=("your name",)), Refusal.CONSENT_REQUIRED),
        (Refuse(why=Refusal.PERSON_CLOSED), Refusal.PERSON_CLOSED),
        (DONE, None),
    ],
)
def test_oidc_core_3_1_2_6_what_prompt_none_is_answered(step, why):
    assert without_pages(step) == why


def test_only_ways_that_the_request_and_the_network_allow_are_offered():
    zones = {"smartcard": frozenset({"hscn"}), "security-key": None, "password": None}
    ways = (SMARTCARD, KEY, PASSWORD)
    outside = offer(asked(), ways, zones, "internet")
    assert outside.ways == (KEY,)
    assert outside.left_out == ((SMARTCARD, LeftOut.ELSEWHERE), (PASSWORD, LeftOut.TOO_WEAK))
    assert offer(asked(), ways, zones, "hscn").ways == (SMARTCARD, KEY)
    assert offer(asked(acr=("AAL1_USERPASS",)), ways, zones, "hscn").ways == (PASSWORD,)


def test_a_way_that_does_not_yield_what_would_do_from_this_network_is_not_offered():
    """cis2-profile section 4.2: a card is of one class on the health network and of another elsewhere."""
    zones = {"smartcard": None, "security-key": None}
    ways = (SMARTCARD, KEY)
    yields = {"smartcard": lambda zone: Amr.N3_SMARTCARD if zone == "hscn" else Amr.CIS2_SMARTCARD}
    wants = asked(acr=("AAL3_CIS2_SMARTCARD", "AAL3_FIDO2"))
    assert offer(wants, ways, zones, "internet", yields=yields).ways == ways
    inside = offer(wants, ways, zones, "hscn", yields=yields)
    assert (inside.ways, inside.left_out) == ((KEY,), ((SMARTCARD, LeftOut.OTHER_KIND),))
    assert offer(asked(acr=("AAL3_SMARTCARD",)), ways, zones, "hscn", yields=yields).ways == (SMARTCARD,)


LEVELS = st.sampled_from(AAL)
PEOPLE = st.sampled_from([ASHA, BRYN])
CLASSES = st.lists(st.sampled_from(sorted(acr.CLASSES)), min_size=1).map(acr.wanted)
ROLES = st.none() | st.sampled_from([profile.id for profile in SEVEN])
ASKED = st.builds(
    asked,
    acr=CLASSES,
    minimum=LEVELS,
    fresh=st.booleans(),
    choose_account=st.booleans(),
    max_age=st.none() | st.integers(0, 10**15),
    role=st.sampled_from(RoleAsked),
    person=st.none() | PEOPLE,
    share=st.sampled_from([(), ("your name",)]),
)
PROOFS = st.builds(proof, person=PEOPLE, aal=LEVELS, amr=st.sampled_from(Amr))
SESSIONS = st.builds(
    session,
    person=PEOPLE,
    aal=LEVELS,
    amr=st.sampled_from(Amr),
    at=st.integers(0, 36000).map(lambda seconds: ago(seconds=seconds)),
    role=ROLES,
)


@given(
    wanted=ASKED,
    new=st.none() | PROOFS,
    old=st.none() | SESSIONS,
    lowered=st.booleans(),
    status=st.sampled_from(PersonStatus),
    held=st.integers(0, 7),
    chosen=ROLES,
    shared=st.booleans(),
)
def test_nothing_is_issued_without_a_proof_that_satisfies(wanted, new, old, lowered, status, held, chosen, shared):
    level = None if old is None else min(old.proof.aal, AAL.AAL2) if lowered else old.proof.aal
    who = new.person if new else old.person if old else None
    so_far = SoFar(
        offer=OFFER,
        proof=new,
        session=old,
        level=level,
        person=person(id=who, status=status) if who else None,
        roles=roles(held, of=who) if who else (),
        role=chosen,
        shared=shared,
    )
    step = next_step(wanted, so_far, now=NOW)
    if not isinstance(step, Issue):
        return
    aal, amr = (new.aal, new.amr) if new else (level, old.proof.amr)
    assert step.aal == aal >= wanted.minimum
    assert step.acr in wanted.acr
    assert acr.CLASSES[step.acr].holds(aal, amr)
    assert status is PersonStatus.ACTIVE
    assert wanted.person in {None, who}
    assert shared or not wanted.share
    if new is None:
        assert not wanted.fresh
        assert not wanted.choose_account
        assert wanted.max_age is None or (NOW - old.proof.at).total_seconds() < wanted.max_age
    if wanted.role is RoleAsked.NO or held == 0:
        assert step.role is None
    else:
        assert step.role in {profile.id for profile in roles(held, of=who)}
