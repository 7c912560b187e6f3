"""CIBA by way of the person's phone: what the client asks is a text to confirm there (`authenticators/confirming.py`).

The phone shows which application asks and its binding message, and what it shows is what its key signs. It can say yes
or no and nothing more, so a request that needs a choice of role, or consent to share, waits on the page /requests alone;
so does one whose level no phone reaches.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from carekey.authenticators.base import Verified
from carekey.authenticators.confirming import Answer, Confirming, Standing, Wanted
from carekey.authenticators.ports import Credentials
from carekey.directory.model import PersonStatus
from carekey.jose import base64url
from carekey.kernel import actor
from carekey.kernel.actor import system
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.clock import Clock
from carekey.kernel.ids import ConfirmationId
from carekey.kernel.unit_of_work import Store
from carekey.login import acr
from carekey.login.model import Issue, RoleAsked
from carekey.login.ports import LoginTx
from carekey.oidc.decoupled.deciding import Decisions
from carekey.oidc.decoupled.model import DecoupledRequest, Kind, State
from carekey.oidc.ports import OidcTx
from carekey.sessions.model import Proof

WORKER = system("backchannel authentication")


class PhoneTx(OidcTx, LoginTx, Protocol):
    """What it sees of a transaction."""

    @property
    def credentials(self) -> Credentials: ...


TxT = TypeVar("TxT", bound=PhoneTx)


def confirmation_of(request: DecoupledRequest) -> ConfirmationId:
    """They go by the same 256 bits, so that each finds the other."""
    return ConfirmationId(base64url.encode(request.key).decode("ascii"))


def text_of(request: DecoupledRequest) -> str:
    said = f": {request.message}" if request.message else ""
    return f"Log in to {request.asked.application}{said}"


class ByPhone(Generic[TxT]):
    """A `reach.Reach`."""

    def __init__(self, confirming: Confirming[TxT]) -> None:
        self._confirming = confirming

    def tell(self, tx: TxT, request: DecoupledRequest) -> None:
        if request.person is None or not self._fits(tx, request) or not self._confirming.can_ask(tx, request.person):
            return
        wanted = Wanted(
            person=request.person,
            text=text_of(request),
            application=request.asked.application,
            until=request.expires_at,
            by=actor.client(request.client),
        )
        # Why not, if not, is on record; the request waits on the page in any case.
        self._confirming.ask(tx, wanted, id=confirmation_of(request), now=request.requested_at)

    def _fits(self, tx: TxT, request: DecoupledRequest) -> bool:
        asked = request.asked
        if asked.share or acr.satisfied(asked.acr, AAL.AAL2, Amr.UAF, minimum=asked.minimum) is None:
            return False
        assert request.person is not None
        return asked.role is RoleAsked.NO or len(tx.roles.held_by(request.person, at=request.requested_at)) < 2

    def over(self, tx: TxT, request: DecoupledRequest, now: datetime) -> None:
        """It was decided: the phone need not ask any more."""
        if request.kind is Kind.CIBA:
            self._confirming.withdraw(tx, confirmation_of(request), now=now, by=WORKER)


class PhoneAnswers(Generic[TxT]):
    """Takes what people answered on their phones to the requests that wait. Any number of nodes may: one wins."""

    def __init__(
        self, *, store: Store[TxT], confirming: Confirming[TxT], decisions: Decisions[TxT], clock: Clock
    ) -> None:
        self._store = store
        self._confirming = confirming
        self._decisions = decisions
        self._clock = clock

    async def collect(self) -> None:
        now = self._clock.now()
        for request in await self._store.read(lambda tx: list(self._open(tx, now))):
            await self._store.write(lambda tx, one=request: self.settle(tx, one, now))  # type: ignore[misc]  # binds this one

    def _open(self, tx: TxT, now: datetime) -> Iterable[DecoupledRequest]:
        for id in self._confirming.answered(tx, now=now):
            request = tx.decoupled_requests.find(_key(id))
            if request is not None and request.state is State.WAITING and now < request.expires_at:
                yield request

    def settle(self, tx: TxT, request: DecoupledRequest, now: datetime) -> None:
        answer = self._confirming.look(tx, confirmation_of(request), now=now)
        if answer is None or request.person is None:
            return
        if answer.standing is Standing.REFUSED:
            by = actor.person(request.person)
            self._decisions.decline(tx, request, "cancelled", by=by, reference="", now=now)
        elif (verdict := _verdict(tx, request, answer, now)) is not None:
            assert answer.proof is not None
            self._decisions.agree(tx, request, request.person, _kept(answer.proof), verdict, reference="", now=now)


def _verdict(tx: PhoneTx, request: DecoupledRequest, answer: Answer, now: datetime) -> Issue | None:
    """None if the answer is not good enough, or somebody else's, or a role has to be chosen by now; or if the person may
    not log in any more, or not with this phone."""
    proof, asked = answer.proof, request.asked
    if answer.standing is not Standing.CONFIRMED or proof is None or proof.person != request.person:
        return None
    person = tx.people.hold(proof.person)  # before the look at the phone: it is not taken away until this is done
    if person is None or person.status is not PersonStatus.ACTIVE:
        return None
    if all(one.id != proof.credential for one in tx.credentials.held_by(proof.person)):
        return None
    reported = acr.satisfied(asked.acr, proof.aal, proof.amr, minimum=asked.minimum)
    roles = tx.roles.held_by(proof.person, at=now) if asked.role is not RoleAsked.NO else ()
    if reported is None or len(roles) > 1:
        return None
    return Issue(acr=reported, aal=proof.aal, role=roles[0].id if roles else None)


def _kept(proof: Verified) -> Proof:
    return Proof(credential=proof.credential, kind=proof.kind, aal=proof.aal, amr=proof.amr, at=proof.at)


def _key(id: ConfirmationId) -> bytes:
    """A confirmation that others asked for has an id of its own, and finds no request."""
    try:
        return base64url.decode(id.encode("ascii"))
    except ValueError:
        return b""
