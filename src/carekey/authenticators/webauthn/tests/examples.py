"""Small builders with safe defaults."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from carekey.authenticators.base import Credential, Rejected
from carekey.authenticators.webauthn import ceremony, enrol, evidence, metadata
from carekey.authenticators.webauthn.ceremony import Answer, Proven, RelyingParty
from carekey.authenticators.webauthn.enrol import Registered, User
from carekey.authenticators.webauthn.levels import Policy
from carekey.authenticators.webauthn.metadata import Metadata
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import CredentialId, PersonId
from support import attestation_ca
from support.attestation_ca import Ca, der
from support.soft_authenticator import SOFT_KEY, Manner, SoftAuthenticator, SoftCredential

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
RP = RelyingParty(id="localhost", name="CareKey", origins=frozenset({"http://localhost:8000"}))
ASHA = PersonId("555036632103")
BEN = PersonId("555036633104")
BOTH = frozenset({AAL.AAL2, AAL.AAL3})
USER = User(handle=bytes(range(32)), name="Asha Patel", display_name="Asha Patel")
MAKER = Ca.new()
PUBLISHER = Ca.new("Metadata root")


def read_blob(*entries: Any, **how: Any) -> Metadata:
    reading = {key: how.pop(key) for key in ("now", "previous") if key in how}
    blob = attestation_ca.blob(entries, PUBLISHER, **how)
    return metadata.read(blob, roots=[der(PUBLISHER.root)], signer=attestation_ca.SIGNER, **{"now": NOW, **reading})


def soft_key_entry(**changes: Any) -> dict[str, Any]:
    return attestation_ca.entry(SOFT_KEY, [MAKER.root], **changes)


KNOWN = read_blob(soft_key_entry())
"""Metadata that vouches for the soft key."""


def read(answer: dict[str, Any]) -> Answer:
    found = ceremony.read(json.dumps(answer))
    assert isinstance(found, Answer)
    return found


def register(
    authenticator: SoftAuthenticator | None = None,
    manner: Manner | None = None,
    *,
    known: Metadata = KNOWN,
    policy: Policy = Policy(),  # noqa: B008 (frozen)
    now: datetime = NOW,
) -> tuple[Registered | Rejected, SoftCredential]:
    authenticator = authenticator or SoftAuthenticator(ca=MAKER)
    options, pending = enrol.begin(RP, USER, challenge=b"c" * 32, way="security-key", held=[])
    answer, credential = authenticator.register(options, manner)
    return enrol.finish(RP, pending, read(answer), metadata=known, policy=policy, now=now), credential


def credential_of(registered: Registered, person: PersonId = ASHA, **changes: Any) -> Credential:
    return Credential(
        **{
            "id": CredentialId("cred-1"),
            "person": person,
            "kind": ceremony.KIND,
            "handle": registered.credential_id,
            "label": "Key",
            "data": evidence.encode(registered.evidence),
            "counter": registered.counter,
            "created_at": NOW,
            **changes,
        }
    )


def log_in(
    soft: SoftCredential,
    credential: Credential | None,
    manner: Manner | None = None,
    *,
    named: bool = False,
    **how: Any,
) -> Proven | Rejected:
    allowed = [(soft.id, ("usb",))] if named else []
    options, pending = ceremony.begin(RP, challenge=b"d" * 32, way="security-key", allowed=allowed)
    judged = {
        "expected_person": None,
        "accepted": BOTH,
        "metadata": KNOWN,
        "policy": Policy(),
        "now": NOW,
        **how,
    }
    return ceremony.finish(RP, pending, read(soft.assertion(options, manner)), credential, **judged)
