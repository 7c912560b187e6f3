"""Builders with safe defaults; a test states what matters to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from carekey.authenticators.base import Verified, Way
from carekey.directory.model import Person, Role, RoleProfile
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import (
    ClientId,
    CredentialId,
    IssuerName,
    MembershipId,
    OrganisationCode,
    PersonId,
    RoleProfileId,
    SessionId,
)
from carekey.kernel.secret import digest
from carekey.login.model import Asked
from carekey.sessions.model import Proof, Session

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HEALTHCARE = IssuerName("healthcare")
ASHA = PersonId("555012345678")
BRYN = PersonId("555087654321")

KEY = Way(
    name="security-key",
    title="Security key",
    hint="A key that you plug in or hold to the device",
    amr=frozenset({Amr.FIDO2}),
    levels=frozenset({AAL.AAL2, AAL.AAL3}),
)
PASSKEY = Way(
    name="passkey",
    title="Passkey on this device",
    hint="Such as Windows Hello or Touch ID",
    amr=frozenset({Amr.FIDO2, Amr.PASSKEY}),
    levels=frozenset({AAL.AAL2, AAL.AAL3}),
)
SMARTCARD = Way(
    name="smartcard",
    title="Smartcard",
    hint="Your card and its passcode",
    amr=frozenset({Amr.CIS2_SMARTCARD}),
    levels=frozenset({AAL.AAL3}),
    needs_script=False,
)
PASSWORD = Way(
    name="password",
    title="User name and password",
    hint="For tests only",
    amr=frozenset({Amr.PASSWORD}),
    levels=frozenset({AAL.AAL1}),
    needs_script=False,
)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def proof(**given: Any) -> Verified:
    defaults = {
        "person": ASHA,
        "credential": CredentialId("c1"),
        "kind": "webauthn",
        "aal": AAL.AAL3,
        "amr": Amr.FIDO2,
        "at": NOW,
    }
    return Verified(**{**defaults, **given})


def session(**given: Any) -> Session:
    at = given.pop("at", ago(minutes=5))
    aal, amr = given.pop("aal", AAL.AAL3), given.pop("amr", Amr.FIDO2)
    defaults = {
        "id": SessionId("s1"),
        "digest": digest("cookie"),
        "issuer": HEALTHCARE,
        "person": ASHA,
        "proof": Proof(credential=CredentialId("c1"), kind="webauthn", aal=aal, amr=amr, at=at),
        "role": None,
        "started_at": at,
        "last_used_at": at,
    }
    return Session(**{**defaults, **given})


def asked(**given: Any) -> Asked:
    return Asked(**{"client": ClientId("ward"), "application": "Ward list", "acr": ("AAL3_ANY",), **given})


def person(**given: Any) -> Person:
    return Person(**{"id": ASHA, "given_name": "Asha", "family_name": "Marlow", **given})


def roles(count: int, *, of: PersonId = ASHA) -> tuple[RoleProfile, ...]:
    return tuple(
        RoleProfile(
            id=RoleProfileId(f"{of[:8]}67{number:02}"),
            person=of,
            membership=MembershipId(f"{of[:8]}9000"),
            organisation=OrganisationCode(f"RZZ{number:02}"),
            role=Role(code=f"S8000:G8000:R80{number:02}", name=f'"Clinical":"Clinical Provision":"Nurse {number}"'),
        )
        for number in range(1, count + 1)
    )
