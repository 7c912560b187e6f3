"""Registration and log-in as units of work: a request is made and kept, its answer judged and its outcome stored."""

import hashlib
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from carekey.authenticators.base import Attempt, Credential, Verified
from carekey.authenticators.enrolment import invitation
from carekey.authenticators.enrolment.invitation import AlreadyRegisteredError, Invitation
from carekey.authenticators.phone import keeping
from carekey.authenticators.phone.approval import Approval, State
from carekey.authenticators.phone.caller import Caller
from carekey.authenticators.phone.confirmation.ceremony import Confirmations, device_digest
from carekey.authenticators.phone.confirmation.model import Device
from carekey.authenticators.phone.events import (
    LogInRefused,
    MessageRefused,
    PhoneRegistered,
    RegistrationEnded,
    RegistrationRefused,
    RegistrationSuspended,
)
from carekey.authenticators.phone.keeping import KIND, Pending
from carekey.authenticators.phone.ports import PhoneTx
from carekey.authenticators.phone.push.ports import Tx
from carekey.authenticators.phone.push.unsubscribing import phone_removed
from carekey.authenticators.phone.terms import ENDED, HERE, Terms
from carekey.authenticators.ports import Attempts
from carekey.authenticators.uaf import assurance, authentication, deregistration, policy, registration
from carekey.authenticators.uaf.assertion import parse_authentication
from carekey.authenticators.uaf.messages import Policy, Response
from carekey.authenticators.uaf.model import Authenticated, Issued, Random, Registered, Registration, Use
from carekey.authenticators.uaf.status import Reason, Refused, UafError
from carekey.kernel import actor
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import CredentialId, LoginId, PersonId
from carekey.kernel.secret import digest

TxT = TypeVar("TxT", bound=Tx)

_LONGEST_USER_NAME = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A response with the text that it was, and the secret by which the phone will ask what waits for it."""

    response: Response
    text: str
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """`goes_to`: where the device goes next; empty if it was another device's log-in."""

    goes_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    reason: Reason
    forget: str = ""
    """A deregistration request, if the device should forget a key for good."""
    goes_to: str = ""
    """Where the person learns what to do, if there is something."""


class Undone(Exception):
    """The registration was overtaken. Rolls everything back; the refusal is recorded afterwards."""

    def __init__(self, person: PersonId, reason: Reason) -> None:
        self.person = person
        self.reason = reason


class Ceremonies(Generic[TxT]):
    def __init__(self, *, terms: Terms, attempts: Attempts[TxT], confirmations: Confirmations[TxT]) -> None:
        self.terms = terms
        self._attempts = attempts
        self._confirmations = confirmations

    # Registration

    def register(self, tx: TxT, activation: str, caller: Caller, *, random: Random) -> str | Reason:
        """The request for whoever holds an activation code, which works once."""
        if not activation:
            return Reason.NOT_SIGNED_IN
        taken = tx.challenges.take(activation_digest(activation), now=caller.now)
        if taken is None:
            return Reason.SESSION_UNKNOWN
        found = invitation.resume(tx, taken.data, now=caller.now)
        if not isinstance(found, Invitation):
            return Reason.SESSION_UNKNOWN
        held = keeping.keys_of(tx.credentials.held_by(found.person))
        if len(held) >= self.terms.per_person:
            tx.audit.record(_registration_refused(found.person, Reason.TOO_MANY, caller))
            return Reason.TOO_MANY
        text, issued = registration.begin(
            self.terms.party,
            person=found.person,
            username=found.name[:_LONGEST_USER_NAME],
            accepted=self.terms.approved(),
            registered=held,
            enrolled_at=found.level,
            random=random,
            now=caller.now,
        )
        keeping.put(tx, Pending(issued=issued, enrolment=found.digest))
        return text

    def _registered(
        self, tx: TxT, pending: Pending, sent: Sent, caller: Caller, *, id: CredentialId
    ) -> Accepted | Declined:
        """Raises: Undone."""
        response = sent.response
        person = PersonId(pending.issued.person or "")
        found = invitation.resume(tx, pending.enrolment, now=caller.now)
        outcome = (
            registration.finish(pending.issued, response, self.terms.party, person=person, now=caller.now)
            if isinstance(found, Invitation)
            else Refused(reason=Reason.SESSION_UNKNOWN, detail="the link")
        )
        if isinstance(outcome, Refused):
            tx.audit.record(_registration_refused(person, outcome.reason, caller, detail=outcome.detail))
            return Declined(reason=outcome.reason)
        assert isinstance(found, Invitation)
        self._keep(tx, found, outcome, caller, id=id)
        _know(tx, sent.device, id, person)
        return Accepted()

    def _keep(self, tx: TxT, found: Invitation, outcome: Registered, caller: Caller, *, id: CredentialId) -> None:
        (new,) = outcome.registrations  # our policies ask for one authenticator at a time
        if len(keeping.keys_of(tx.credentials.held_by(found.person))) >= self.terms.per_person:
            raise Undone(found.person, Reason.TOO_MANY)
        if not tx.uaf_keys.claim(hashlib.sha256(new.spki).digest()):
            raise Undone(found.person, Reason.KEY_TAKEN)
        credential = keeping.credential_of(new, id=id, label=self.terms.name_of(new.aaid))
        try:
            if invitation.accept(tx, found, credential, now=caller.now, reference=caller.reference):
                raise Undone(found.person, Reason.SESSION_UNKNOWN)
        except AlreadyRegisteredError:
            raise Undone(found.person, Reason.KEY_ID_TAKEN) from None
        tx.audit.record(
            PhoneRegistered(
                at=caller.now,
                actor=actor.person(found.person),
                reference=caller.reference,
                person=found.person,
                credential=id,
                model=new.aaid,
                attestation=new.attestation.name,
                level=int(new.level),
                facet=new.facet,
                notes=tuple(str(note) for note in outcome.notes),
            )
        )

    # Log-in

    def log_in_here(self, tx: TxT, login: LoginId, caller: Caller, *, random: Random) -> str | Reason:
        """The request for the browser that logs in."""
        browser = caller.browser(login)
        attempt = self._attempt(tx, login, caller)
        if attempt is None or browser is None:
            return Reason.SESSION_UNKNOWN
        return self._ask(
            tx,
            login,
            attempt.person,
            caller,
            levels=attempt.levels,
            random=random,
            browser=browser.reveal().encode(),
            same_device=True,
        )

    def log_in_elsewhere(self, tx: TxT, asked: Approval, caller: Caller, *, random: Random) -> str:
        """The request for the phone that holds an approval and knows its number."""
        return self._ask(tx, asked.login, asked.person, caller, levels=asked.levels, random=random, approval=asked.code)

    def _ask(
        self,
        tx: TxT,
        login: LoginId,
        person: PersonId | None,
        caller: Caller,
        *,
        levels: frozenset[AAL],
        random: Random,
        browser: bytes = b"",
        approval: bytes = b"",
        same_device: bool = False,
    ) -> str:
        text, issued = authentication.begin(
            self.terms.party,
            person=person,
            policy=self._policy(tx, person, levels),
            random=random,
            now=caller.now,
            browser=browser,
            same_device=same_device,
        )
        keeping.put(tx, Pending(issued=issued, login=login, approval=approval))
        return text

    def _policy(self, tx: TxT, person: PersonId | None, levels: frozenset[AAL]) -> Policy:
        """By model alone for a person who has none that would do: strangers cannot tell (UAF reference section 16.1)."""
        held = keeping.keys_of(tx.credentials.held_by(person)) if person else []
        fit = [key for key in held if AAL.AAL2 in levels or self.terms.can_give_aal3(key[0])]
        return policy.for_known_person(fit) if fit else self.terms.approved(levels)

    def _attempt(self, tx: TxT, login: LoginId, caller: Caller) -> Attempt | None:
        return self._attempts.find(
            tx, login, browser=caller.browser(login), way=HERE.name, zone=caller.zone, now=caller.now
        )

    def _authenticated(self, tx: TxT, pending: Pending, sent: Sent, caller: Caller) -> Accepted | Declined:
        here = pending.login if not pending.approval else None
        browser = caller.browser(here) if here else None
        outcome = authentication.finish(
            pending.issued,
            sent.response,
            self.terms.party,
            find=lambda aaid, key_id: _registration(tx, pending.issued, aaid, key_id),
            now=caller.now,
            browser=browser.reveal().encode() if browser else b"",
        )
        if isinstance(outcome, Authenticated):
            reason = self._conclude(tx, pending, outcome, sent, caller)
            if reason is None:
                return Accepted(goes_to=f"/login/{here}" if here else "")
            outcome = Refused(reason=reason, aaid=outcome.uses[0].registration.aaid)
        return self._refused(tx, pending, sent.response, outcome, caller)

    def _conclude(self, tx: TxT, pending: Pending, outcome: Authenticated, sent: Sent, caller: Caller) -> Reason | None:
        (use,) = outcome.uses
        credential = _credential_of(tx, use)
        proof = Verified(
            person=credential.person,
            credential=credential.id,
            kind=KIND,
            aal=outcome.level,
            amr=assurance.amr(outcome.facet),
            at=outcome.at,
        )
        reason = self._count(tx, pending, use, proof, sent, caller)
        if reason is None:
            _know(tx, sent.device, credential.id, credential.person)
        return reason

    def _count(self, tx: TxT, pending: Pending, use: Use, proof: Verified, sent: Sent, caller: Caller) -> Reason | None:
        """Whatever the answer was asked for gets it."""
        if pending.confirmation:
            if not tx.credentials.advance(proof.credential, counter=use.sign_counter, at=caller.now):
                return self._suspend(tx, pending, _credential_of(tx, use), caller)
            return self._confirmations.conclude(tx, pending, sent.text, use, proof, caller)
        if pending.approval:
            return self._approve(tx, pending, use, proof, caller)
        assert pending.login is not None
        attempt = self._attempt(tx, pending.login, caller)
        if attempt is None:
            return Reason.SESSION_UNKNOWN
        if why := _unfit(proof, attempt.person, attempt.levels):
            return why
        if not tx.credentials.advance(proof.credential, counter=use.sign_counter, at=caller.now):
            return self._suspend(tx, pending, _credential_of(tx, use), caller)
        self._attempts.conclude(tx, attempt, proof)
        return None

    def _approve(self, tx: TxT, pending: Pending, use: Use, proof: Verified, caller: Caller) -> Reason | None:
        """The proof waits with the approval: only the browser that asked can take it (section 23.2, rule 5)."""
        asked = tx.approvals.find(pending.approval)
        if asked is None or asked.state is not State.MATCHED or asked.expires_at <= caller.now:
            return Reason.SESSION_EXPIRED
        if why := _unfit(proof, asked.person, asked.levels):
            return why
        if not tx.credentials.advance(proof.credential, counter=use.sign_counter, at=caller.now):
            return self._suspend(tx, pending, _credential_of(tx, use), caller)
        if not tx.approvals.change(replace(asked, state=State.APPROVED, proof=proof), was=State.MATCHED):
            return Reason.SESSION_EXPIRED  # refused at the same moment
        return None

    def _suspend(self, tx: TxT, pending: Pending, credential: Credential, caller: Caller) -> Reason:
        """Either copy may be the thief's, so neither logs in until a registration authority has looked."""
        if tx.credentials.replace(credential.id, data=keeping.suspended(credential), was=credential.data):
            tx.audit.record(
                RegistrationSuspended(
                    at=caller.now,
                    actor=actor.UNKNOWN,
                    reference=caller.reference,
                    login=pending.login or "",
                    person=credential.person,
                    credential=credential.id,
                )
            )
        return Reason.CLONE_SUSPECTED

    def _refused(
        self, tx: TxT, pending: Pending, response: Response, outcome: Refused, caller: Caller
    ) -> Accepted | Declined:
        concerned = keeping.find(tx, pending.issued.app_id, outcome.aaid, outcome.key_id) if outcome.key_id else None
        if concerned and outcome.reason is Reason.CLONE_SUSPECTED:
            self._suspend(tx, pending, concerned, caller)
        if (
            concerned
            and outcome.reason is Reason.ENROLMENT_CHANGED
            and tx.credentials.revoke(concerned.id, at=caller.now)
        ):
            tx.audit.record(
                RegistrationEnded(
                    at=caller.now,
                    actor=actor.UNKNOWN,
                    reference=caller.reference,
                    login=pending.login or "",
                    person=concerned.person,
                    credential=concerned.id,
                )
            )
            phone_removed(tx, concerned.id, by=actor.UNKNOWN, now=caller.now, reference=caller.reference)
        declined = Declined(reason=outcome.reason, forget=_forget(pending.issued, response, outcome))
        if pending.confirmation:
            self._confirmations.refused(tx, pending, outcome, concerned, caller)
            return declined
        asked = tx.approvals.find(pending.approval) if pending.approval else None
        if asked is not None:
            ended = outcome.reason is Reason.ENROLMENT_CHANGED
            tx.approvals.change(replace(asked, state=State.ENDED if ended else State.FAILED), was=State.MATCHED)
        tx.audit.record(
            LogInRefused(
                at=caller.now,
                actor=actor.UNKNOWN,
                reference=caller.reference,
                login=pending.login or "",
                reason=outcome.reason,
                detail=outcome.detail,
                credential=concerned.id if concerned else "",
            )
        )
        if outcome.reason is Reason.ENROLMENT_CHANGED and asked is None:
            return replace(declined, goes_to=ENDED.format(id=pending.login))
        return declined

    # Either

    def answer(self, tx: TxT, sent: Sent, caller: Caller, *, id: CredentialId) -> Accepted | Declined:
        """Judge the answer to whatever it answers. `id`: for a new registration. Raises: Undone."""
        server_data = sent.response.header.server_data
        pending = keeping.take(tx, server_data, now=caller.now) if isinstance(server_data, str) else None
        if pending is None:
            tx.audit.record(message_refused(Reason.SESSION_UNKNOWN, "", caller))
            return Declined(reason=Reason.SESSION_UNKNOWN)
        if pending.issued.op == "Reg":
            return self._registered(tx, pending, sent, caller, id=id)
        return self._authenticated(tx, pending, sent, caller)

    def overtaken(self, tx: TxT, response: Response, why: Undone, caller: Caller) -> Declined:
        """What is left to do after `Undone`: the request stays answered, and the refusal goes on record."""
        if isinstance(response.header.server_data, str):
            keeping.take(tx, response.header.server_data, now=caller.now)
        tx.audit.record(_registration_refused(why.person, why.reason, caller))
        return Declined(reason=why.reason)


def _know(tx: Tx, secret: str, credential: CredentialId, person: PersonId) -> None:
    if secret:
        tx.devices.know(Device(credential=credential, digest=device_digest(secret), person=person))


def activation_digest(code: str) -> bytes:
    return digest(f"activation:{code}")


def message_refused(reason: Reason, detail: str, caller: Caller) -> MessageRefused:
    return MessageRefused(at=caller.now, actor=actor.UNKNOWN, reference=caller.reference, reason=reason, detail=detail)


def _registration_refused(person: PersonId, reason: Reason, caller: Caller, *, detail: str = "") -> RegistrationRefused:
    return RegistrationRefused(
        at=caller.now,
        actor=actor.UNKNOWN,
        reference=caller.reference,
        person=person,
        reason=reason,
        detail=detail,
    )


def _registration(tx: PhoneTx, issued: Issued, aaid: str, key_id: bytes) -> Registration | None:
    found = keeping.find(tx, issued.app_id, aaid, key_id)
    return None if found is None else keeping.registration_of(found)


def _credential_of(tx: PhoneTx, use: Use) -> Credential:
    its = use.registration
    found = keeping.find(tx, its.app_id, its.aaid, its.key_id)
    assert found is not None
    return found


def _unfit(proof: Verified, person: PersonId | None, levels: frozenset[AAL]) -> Reason | None:
    if person not in {None, proof.person}:
        return Reason.FOREIGN_KEY
    return None if proof.aal in levels else Reason.NOT_ALLOWED


def _forget(issued: Issued, response: Response, outcome: Refused) -> str:
    """For a key that is not registered (any more): the same whether it ever was (section 17)."""
    if outcome.reason is not Reason.UNKNOWN_KEY:
        return ""
    pairs = []
    for entry in response.assertions:
        try:
            parsed = parse_authentication(entry.assertion)
        except UafError:
            continue
        pairs.append((parsed.aaid, parsed.key_id))
    return deregistration.keys(issued.app_id, pairs, version=issued.version) if pairs else ""
