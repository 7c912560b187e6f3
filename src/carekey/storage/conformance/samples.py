"""Builders with safe defaults: a test states only what matters to it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from carekey.authenticators.base import Challenge, Credential, Enrolment, Verified
from carekey.authenticators.phone.approval import Approval
from carekey.authenticators.phone.confirmation.model import Confirmation, Evidence
from carekey.authenticators.uaf.transaction import plain_text
from carekey.directory.model import Coded, Membership, Organisation, Person, Position, Role, RoleProfile
from carekey.jose.model import KeyState, StoredKey
from carekey.kernel.actor import person as person_actor
from carekey.kernel.assurance import AAL, IAL, Amr
from carekey.kernel.event import AuditEvent
from carekey.kernel.ids import (
    ClientId,
    ConfirmationId,
    CredentialId,
    IssuerName,
    KeyId,
    LoginId,
    MembershipId,
    OrganisationCode,
    PersonId,
    RoleProfileId,
    SessionId,
)
from carekey.login.model import Asked, Consent, Login
from carekey.oidc.decoupled.model import DecoupledRequest, Kind
from carekey.oidc.model import AccessToken, ActingAs, Authentication, Client, Grant, PushedRequest, RefreshFamily
from carekey.sessions.model import Proof, Session
from carekey.storage.store import SWEEP_MARGIN

NOW = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
MICROSECOND = timedelta(microseconds=1)
MARGIN = SWEEP_MARGIN

ISSUER = IssuerName("healthcare")
CLIENT = ClientId("ward")
ASHA = PersonId("555000000101")
SESSION = SessionId("session-1")
LOGIN = LoginId("login-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested(AuditEvent):
    """Something was tested."""

    tag: ClassVar[str] = "test:thing:tested"
    what: str = "a store"
    numbers: tuple[int, ...] = (1, 2)
    amr: Amr = Amr.FIDO2


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(AuditEvent):
    """Something was refused."""

    tag: ClassVar[str] = "test:thing:refused"
    refusal: ClassVar[bool] = True


def tested(**fields: Any) -> Tested:
    return replace(Tested(at=NOW, actor=person_actor(ASHA), reference="ABCD2345"), **fields)


def refused(**fields: Any) -> Refused:
    return replace(Refused(at=NOW, actor=person_actor(ASHA)), **fields)


def person(**fields: Any) -> Person:
    return replace(Person(id=ASHA, given_name="Asha", family_name="Patel"), **fields)


def role(**fields: Any) -> Role:
    name = '"Clinical":"Clinical Provision":"Nurse Access Role"'
    return replace(
        Role(code="S0010:G0020:R8001", name=name, activities=(Coded(code="B0420", name="Prescribing"),)), **fields
    )


def organisation(**fields: Any) -> Organisation:
    return replace(Organisation(code=OrganisationCode("RXX01"), name="Riverside Hospital"), **fields)


def position(**fields: Any) -> Position:
    return replace(
        Position(id="nurse", organisation=OrganisationCode("RXX01"), name="Ward nurse", roles=(role(),)), **fields
    )


def membership(**fields: Any) -> Membership:
    return replace(
        Membership(id=MembershipId("555000000201"), person=ASHA, organisation=OrganisationCode("RXX01")), **fields
    )


def profile(**fields: Any) -> RoleProfile:
    return replace(
        RoleProfile(
            id=RoleProfileId("555000000301"),
            person=ASHA,
            membership=MembershipId("555000000201"),
            organisation=OrganisationCode("RXX01"),
            role=role(),
        ),
        **fields,
    )


def credential(**fields: Any) -> Credential:
    return replace(
        Credential(
            id=CredentialId("credential-1"),
            person=ASHA,
            kind="webauthn",
            handle=b"\x00handle\xff",
            label="Security key",
            data=b"\x00data\xff",
            created_at=NOW,
        ),
        **fields,
    )


def challenge(**fields: Any) -> Challenge:
    return replace(Challenge(digest=b"c" * 32, subject=LOGIN, data=b"\x00pending", expires_at=LATER), **fields)


def enrolment(**fields: Any) -> Enrolment:
    return replace(
        Enrolment(digest=b"e" * 32, person=ASHA, invited_by="operator", created_at=NOW, expires_at=LATER), **fields
    )


def approval(**fields: Any) -> Approval:
    return replace(
        Approval(
            code=b"a" * 32,
            salt=b"\x00salt\xff",
            login=LOGIN,
            number="42",
            application="Ward",
            zone="internet",
            person=None,
            levels=frozenset({AAL.AAL2, AAL.AAL3}),
            asked_at=NOW,
            expires_at=LATER,
        ),
        **fields,
    )


def confirmation(**fields: Any) -> Confirmation:
    return replace(
        Confirmation(
            id=ConfirmationId("confirmation-1"),
            person=ASHA,
            application="Ward",
            text="Prescribe 5 mg",
            forms=(plain_text("Prescribe 5 mg"),),
            asked_at=NOW,
            expires_at=LATER,
        ),
        **fields,
    )


def evidence(**fields: Any) -> Evidence:
    return replace(
        Evidence(id=ConfirmationId("confirmation-1"), person=ASHA, application="Ward", confirmed_at=NOW, document="{}"),
        **fields,
    )


def verified(**fields: Any) -> Verified:
    return replace(
        Verified(
            person=ASHA,
            credential=CredentialId("credential-1"),
            kind="webauthn",
            aal=AAL.AAL3,
            amr=Amr.FIDO2,
            at=NOW,
        ),
        **fields,
    )


def session(**fields: Any) -> Session:
    proof = Proof(
        credential=CredentialId("credential-1"), kind="webauthn", aal=AAL.AAL3, amr=Amr.FIDO2, at=NOW - MICROSECOND
    )
    return replace(
        Session(
            id=SESSION,
            digest=b"s" * 32,
            issuer=ISSUER,
            person=ASHA,
            proof=proof,
            role=None,
            started_at=NOW,
            last_used_at=NOW,
        ),
        **fields,
    )


def login(**fields: Any) -> Login:
    asked = Asked(client=CLIENT, application="Ward", acr=("AAL3_ANY",), max_age=600, hint="ünïcode \0 name")
    return replace(
        Login(
            id=LOGIN,
            issuer=ISSUER,
            browser=b"b" * 32,
            reference="ABCD2345",
            asked=asked,
            request=b"\x00request\xff",
            started_at=NOW,
            expires_at=LATER,
        ),
        **fields,
    )


def client(**fields: Any) -> Client:
    return replace(
        Client(
            id=CLIENT,
            issuer=ISSUER,
            name="Ward",
            redirect_uris=("https://ward.example/callback",),
            secret=b"\x00secret\xff",
            jwks={"keys": [{"kty": "RSA", "kid": "1"}]},
            scopes=frozenset({"openid", "profile"}),
            resources=frozenset({"https://records.example"}),
            exchange_from={"gateway": ActingAs.DELEGATION},
            created_at=NOW,
            metadata={"software_id": "ward", "nested": {"a": [1, None]}},
        ),
        **fields,
    )


def consent(**fields: Any) -> Consent:
    return replace(
        Consent(
            person=ASHA,
            issuer=ISSUER,
            client=CLIENT,
            items=("your name", "your “roles”"),
            given_at=NOW,
            expires_at=LATER,
        ),
        **fields,
    )


def grant(**fields: Any) -> Grant:
    return replace(
        Grant(
            issuer=ISSUER,
            client=CLIENT,
            person=ASHA,
            session=SESSION,
            scopes=("openid", "profile"),
            redirect_uri="https://ward.example/callback",
            nonce="n\0once",
            state=None,
            code_challenge=None,
            acr="AAL3_ANY",
            amr=(Amr.FIDO2,),
            aal=AAL.AAL3,
            ial=IAL.IAL3,
            auth_time=NOW,
            role=None,
            requested_claims={"id_token": {"acr": {"essential": True}}},
            confirmation={"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"},
            issued_at=NOW,
            expires_at=NOW + timedelta(seconds=60),
        ),
        **fields,
    )


def token(**fields: Any) -> AccessToken:
    return replace(
        AccessToken(
            digest=b"t" * 32,
            issuer=ISSUER,
            client=CLIENT,
            person=ASHA,
            session=SESSION,
            scopes=("openid", "profile"),
            role=None,
            requested_claims={"userinfo": {"name": None}},
            code=b"k" * 32,
            audience="https://records.example",
            authentication=Authentication(
                acr="AAL3_ANY", amr=(Amr.FIDO2,), aal=AAL.AAL3, ial=IAL.IAL3, at=NOW - MICROSECOND
            ),
            authorization_details=({"type": "record_access", "actions": ["read"]},),
            act={"sub": "gateway", "act": {"sub": "app"}},
            confirmation={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
            issued_at=NOW,
            expires_at=NOW + timedelta(hours=1),
        ),
        **fields,
    )


def family(**fields: Any) -> RefreshFamily:
    return replace(
        RefreshFamily(code=b"k" * 32, grant=grant(nonce=None), rotated_at=NOW, expires_at=NOW + timedelta(hours=12)),
        **fields,
    )


def key(**fields: Any) -> StoredKey:
    return replace(
        StoredKey(
            id=KeyId("key-1"),
            issuer=ISSUER,
            alg="RS256",
            state=KeyState.ACTIVE,
            sealed=b"\x00sealed\xff",
            created_at=NOW,
            changed_at=NOW,
        ),
        **fields,
    )


def decoupled(**fields: Any) -> DecoupledRequest:
    return replace(
        DecoupledRequest(
            key=b"d" * 32,
            kind=Kind.CIBA,
            issuer=ISSUER,
            client=CLIENT,
            person=ASHA,
            asked=Asked(client=CLIENT, application="Ward", acr=("AAL3_ANY",), person=ASHA),
            scopes=("openid", "profile"),
            requested_claims={"id_token": {"acr": None}},
            message="W4SCT",
            requested_at=NOW,
            expires_at=LATER,
        ),
        **fields,
    )


def pushed(**fields: Any) -> PushedRequest:
    return replace(
        PushedRequest(issuer=ISSUER, client=CLIENT, parameters={"scope": "openid", "state": "a b"}, expires_at=LATER),
        **fields,
    )
