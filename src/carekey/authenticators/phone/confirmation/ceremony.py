"""The question as a UAF request for one phone, and that phone's answer."""

from dataclasses import replace
from typing import Generic, TypeVar

from carekey.authenticators.base import Credential, Verified
from carekey.authenticators.phone import keeping
from carekey.authenticators.phone.caller import Caller
from carekey.authenticators.phone.confirmation import evidence
from carekey.authenticators.phone.confirmation.asking import Tx, shows
from carekey.authenticators.phone.confirmation.events import AnswerRefused, TextConfirmed, TextRefused
from carekey.authenticators.phone.confirmation.model import Confirmation, Device, Evidence, State
from carekey.authenticators.phone.keeping import Pending
from carekey.authenticators.phone.terms import Terms
from carekey.authenticators.uaf import authentication, policy
from carekey.authenticators.uaf.model import Random, Use
from carekey.authenticators.uaf.status import Reason, Refused
from carekey.directory.model import PersonStatus
from carekey.kernel import actor
from carekey.kernel.ids import ConfirmationId
from carekey.kernel.secret import digest

TxT = TypeVar("TxT", bound=Tx)


def device_digest(secret: str) -> bytes:
    return digest(f"phone:{secret}")


def device_of(tx: Tx, secret: str) -> tuple[Device, Credential] | None:
    """The phone that has this secret, unless its registration has ended or is suspended."""
    device = tx.devices.find(device_digest(secret))
    if device is None:
        return None
    held = (one for one in tx.credentials.held_by(device.person) if one.id == device.credential)
    credential = next(held, None)
    if credential is None or keeping.registration_of(credential).suspended:
        return None
    return device, credential


class Confirmations(Generic[TxT]):
    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def waiting(self, tx: TxT, secret: str, caller: Caller) -> list[Confirmation]:
        """What this phone can show to its person now."""
        found = device_of(tx, secret)
        if found is None:
            return []
        device, credential = found
        registration = keeping.registration_of(credential)
        pending = tx.confirmations.pending(device.person, now=caller.now)
        return [one for one in pending if any(shows(self._terms, registration, form) for form in one.forms)]

    def request(self, tx: TxT, secret: str, id: ConfirmationId, caller: Caller, *, random: Random) -> str | Reason:
        """For this phone's key alone, and no longer than the question stands."""
        found, wanted = device_of(tx, secret), tx.confirmations.find(id)
        if found is None or wanted is None or wanted.person != found[0].person or not wanted.waits(caller.now):
            return Reason.SESSION_UNKNOWN
        registration = keeping.registration_of(found[1])
        forms = [form for form in wanted.forms if shows(self._terms, registration, form)]
        if not forms:
            return Reason.SESSION_UNKNOWN
        text, issued = authentication.begin(
            self._terms.party,
            person=wanted.person,
            policy=policy.for_known_person([(registration.aaid, registration.key_id)]),
            random=random,
            now=caller.now,
            lifetime=min(authentication.CROSS_DEVICE_LIFETIME, wanted.expires_at - caller.now),
            transactions=forms,
            same_device=False,
        )
        keeping.put(tx, Pending(issued=issued, confirmation=id, request=text))
        return text

    def conclude(
        self, tx: TxT, pending: Pending, response: str, use: Use, proof: Verified, caller: Caller
    ) -> Reason | None:
        """Keep the evidence of an answer that holds, unless the question was answered or taken back before."""
        assert pending.confirmation is not None
        wanted = tx.confirmations.find(pending.confirmation)
        if wanted is None or not wanted.waits(caller.now):
            return Reason.SESSION_EXPIRED
        person = tx.people.find(wanted.person)
        if person is None or person.status is not PersonStatus.ACTIVE:
            return Reason.NOT_ALLOWED
        confirmed = replace(wanted, state=State.CONFIRMED, proof=proof)
        if not tx.confirmations.change(confirmed, was=State.PENDING):
            return Reason.SESSION_EXPIRED
        document = evidence.write(self._document(pending, wanted, response, use, caller))
        tx.evidences.keep(
            Evidence(
                id=wanted.id,
                person=wanted.person,
                application=wanted.application,
                confirmed_at=caller.now,
                document=document,
            )
        )
        tx.audit.record(
            TextConfirmed(
                at=caller.now,
                actor=actor.person(wanted.person),
                reference=caller.reference,
                confirmation=wanted.id,
                credential=proof.credential,
                level=int(proof.aal),
                evidence=evidence.digest(document),
            )
        )
        return None

    def refuse(self, tx: TxT, secret: str, id: ConfirmationId, caller: Caller) -> bool:
        """The person said no. It takes no key: who holds the phone can always keep something from happening."""
        found, wanted = device_of(tx, secret), tx.confirmations.find(id)
        if found is None or wanted is None or wanted.person != found[0].person or not wanted.waits(caller.now):
            return False
        if not tx.confirmations.change(replace(wanted, state=State.REFUSED), was=State.PENDING):
            return False
        tx.audit.record(
            TextRefused(
                at=caller.now,
                actor=actor.person(wanted.person),
                reference=caller.reference,
                confirmation=wanted.id,
                credential=found[1].id,
            )
        )
        return True

    def refused(
        self, tx: TxT, pending: Pending, outcome: Refused, concerned: Credential | None, caller: Caller
    ) -> None:
        """The answer did not hold: the text still waits."""
        tx.audit.record(
            AnswerRefused(
                at=caller.now,
                actor=actor.UNKNOWN,
                reference=caller.reference,
                confirmation=pending.confirmation or "",
                reason=outcome.reason,
                detail=outcome.detail,
                credential=concerned.id if concerned else "",
            )
        )

    def _document(
        self, pending: Pending, wanted: Confirmation, response: str, use: Use, caller: Caller
    ) -> evidence.Document:
        party = self._terms.party
        model = party.metadata.find(use.registration.aaid)
        assert model is not None
        standing = party.metadata.standing(model, use.version, now=caller.now, chain=use.registration.chain)
        return evidence.Document(
            format=evidence.FORMAT,
            id=wanted.id,
            person=wanted.person,
            asked=evidence.Asked(
                application=wanted.application, text=wanted.text, at=wanted.asked_at, until=wanted.expires_at
            ),
            confirmed_at=caller.now,
            request=pending.request,
            response=response,
            facets=sorted(party.facets.ids),
            key=evidence.key_of(use.registration),
            metadata=model.statement.written,
            metadata_number=model.number,
            standing=standing.because,
        )
