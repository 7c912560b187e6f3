from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import CredentialId, IssuerName, PersonId, SessionId
from carekey.sessions.lifetime import level, used_at
from carekey.sessions.model import Lifetimes, Proof, Session

HOURS = Lifetimes()
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def session(aal: AAL, *, proven: timedelta, idle: timedelta) -> Session:
    at = NOW - proven
    return Session(
        id=SessionId("s1"),
        digest=b"",
        issuer=IssuerName("healthcare"),
        person=PersonId("555012345678"),
        proof=Proof(credential=CredentialId("c1"), kind="webauthn", aal=aal, amr=Amr.FIDO2, at=at),
        role=None,
        started_at=at,
        last_used_at=NOW - idle,
    )


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("aal", "proven", "idle", "carries"),
    [
        (AAL.AAL3, minutes(0), minutes(0), AAL.AAL3),
        (AAL.AAL3, minutes(15), minutes(15) - INSTANT, AAL.AAL3),
        (AAL.AAL3, minutes(15), minutes(15), AAL.AAL2),
        (AAL.AAL2, minutes(29), minutes(29), AAL.AAL2),
        (AAL.AAL1, minutes(20), minutes(20), AAL.AAL1),
        (AAL.AAL3, minutes(30), minutes(30), None),
        (AAL.AAL2, minutes(30), minutes(30), None),
        (AAL.AAL3, minutes(600) - INSTANT, minutes(0), AAL.AAL3),
        (AAL.AAL3, minutes(600), minutes(0), None),
        (AAL.AAL2, minutes(-1), minutes(-1), AAL.AAL2),  # another node's clock is ahead
    ],
)
def test_cis2_5_1_a_session_carries_a_level_for_a_time(aal, proven, idle, carries):
    assert level(session(aal, proven=proven, idle=idle), HOURS, now=NOW) == carries


def test_an_ended_session_carries_nothing():
    ended = replace(session(AAL.AAL3, proven=minutes(1), idle=minutes(1)), ended_at=NOW - INSTANT)
    assert level(ended, HOURS, now=NOW) is None


@pytest.mark.parametrize(("aal", "idle", "noted"), [(AAL.AAL3, 20, False), (AAL.AAL3, 10, True), (AAL.AAL2, 20, True)])
def test_use_at_a_lowered_level_does_not_bring_the_level_back(aal, idle, noted):
    one = session(aal, proven=minutes(60), idle=minutes(idle))
    assert used_at(one, HOURS, now=NOW) == (NOW if noted else one.last_used_at)
