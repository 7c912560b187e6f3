"""POST /workstations/cards: a companion says which cards are in its readers."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from starlette.responses import JSONResponse

from carekey.authenticators.smartcard import ceremony
from carekey.authenticators.smartcard.path import CardIdentity
from carekey.authenticators.smartcard.profiles import PkiProfile
from carekey.kernel import actor
from carekey.kernel.ids import CredentialId, PersonId
from carekey.kernel.unit_of_work import Store
from carekey.web.headers import NO_STORE
from carekey.web.kit import Request, Response, Route, post
from carekey.workstations import presence, statement
from carekey.workstations.events import StatementRefused
from carekey.workstations.model import WhenCardLeaves
from carekey.workstations.ports import WorkstationTx
from carekey.workstations.presence import Changed
from carekey.workstations.statement import SIZE_LIMIT, Refused, Statement

TxT = TypeVar("TxT", bound=WorkstationTx)

ADDRESS = "/workstations/cards"
_STATUS = {Refused.MALFORMED: 400, Refused.REPLAYED: 409, Refused.LATE: 409}


class WorkstationsHttp(Generic[TxT]):
    def __init__(
        self, *, store: Store[TxT], profiles: Sequence[PkiProfile], policy: WhenCardLeaves, origins: Sequence[str]
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._policy = policy
        self._origins = origins

    def routes(self) -> list[Route]:
        return [post(ADDRESS, self.hear)]

    async def hear(self, request: Request) -> Response:
        """Says how many of the cards are known, or why nothing was believed."""
        now = request.site.clock.now()
        said = statement.read((await request.limited_body(SIZE_LIMIT)).decode("ascii", "replace"))
        if isinstance(said, Refused):
            return _refused(said)
        by = await self._store.read(lambda tx: tx.workstations.find(said.workstation))
        if by is None:  # a stranger with a made-up name: there is nothing to say of them, and any number of them
            return _refused(Refused.UNKNOWN)
        fault = statement.fault(said, by, audiences=self._origins, now=now)
        identities = self._identified(said, request) if fault is None else []

        def work(tx: TxT) -> Changed | Refused:
            # Once more, and alone: of two with the same moment one wins, and a revocation counts at once.
            why = fault or (None if tx.workstations.heard(said.workstation, at=said.at) else Refused.REPLAYED)
            if why is None:
                return presence.update(tx, said.workstation, _known(tx, identities), policy=self._policy, now=now)
            tx.audit.record(
                StatementRefused(
                    at=now,
                    actor=actor.UNKNOWN,
                    reference=request.reference,
                    workstation=said.workstation,
                    reason=why,
                )
            )
            return why

        done = await self._store.write(work)
        if isinstance(done, Refused):
            return _refused(done)
        return _answer(200, {"cards": len(identities), "came": done.came, "left": done.left})

    def _identified(self, said: Statement, request: Request) -> list[CardIdentity]:
        """Cards that could not log anybody in are nobody's: those of others, and those that ran out."""
        now = request.site.clock.now()
        found = (ceremony.identify([der], profiles=self._profiles, now=now) for der in said.cards)
        return [one for one in found if isinstance(one, CardIdentity)]


def _known(tx: WorkstationTx, identities: Sequence[CardIdentity]) -> dict[CredentialId, PersonId]:
    """As log-ins name them: by the directory, or as the card of another PKI is named at its first use."""
    found = {}
    for one in identities:
        card = tx.cards.find_certificate(one.issuer, one.serial)
        found[CredentialId(card.id if card else ceremony.card_id(one))] = one.person
    return found


def _refused(why: Refused) -> Response:
    return _answer(_STATUS.get(why, 401), {"error": why.value})


def _answer(status: int, body: dict[str, int | str]) -> Response:
    response = JSONResponse(body, status)
    response.raw_headers.append(NO_STORE)
    return response
