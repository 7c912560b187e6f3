"""{issuer}/bc-authorize/approve?auth_req_id=…&action=allow|deny: a person who decides at once, for scripts and the
conformance suite. In sandboxes alone: nobody logs in here, and nobody agrees.
"""

from typing import Generic, TypeVar

from carekey.directory.model import PersonStatus
from carekey.kernel import actor
from carekey.kernel.assurance import Amr
from carekey.kernel.ids import CredentialId
from carekey.kernel.unit_of_work import Store
from carekey.login import acr
from carekey.login.model import Issue, RoleAsked
from carekey.oidc import endpoints
from carekey.oidc.ciba.http import RequestsTx
from carekey.oidc.decoupled.deciding import Decided, Decisions
from carekey.oidc.decoupled.model import DecoupledRequest, Kind, key_of
from carekey.oidc.errors import InvalidRequest, Reason
from carekey.oidc.http import for_clients, json_answer
from carekey.oidc.model import Issuer
from carekey.sessions.model import SCRIPTED, Proof
from carekey.web.kit import Request, Response, Route

TxT = TypeVar("TxT", bound=RequestsTx)


class ScriptedApproval(Generic[TxT]):
    def __init__(self, *, issuer: Issuer, store: Store[TxT], decisions: Decisions[TxT]) -> None:
        self._issuer = issuer
        self._store = store
        self._decisions = decisions

    def routes(self) -> list[Route]:
        path = endpoints.path(self._issuer, f"{endpoints.BACKCHANNEL_AUTHENTICATION}/approve")
        handler = for_clients(self._approve, lambda *_: ())
        return [Route(path, {"GET": handler, "POST": handler})]

    async def _approve(self, request: Request) -> Response:
        fields = request.query()
        key, action = key_of(Kind.CIBA, fields.get("auth_req_id") or ""), fields.get("action")
        if action not in {"allow", "deny"}:
            raise InvalidRequest("action must be allow or deny", reason=Reason.MALFORMED)

        def work(tx: TxT) -> Decided:
            found = tx.decoupled_requests.find(key)
            person = tx.people.find(found.person) if found and found.person else None
            if found is None or found.issuer != self._issuer.name:
                raise InvalidRequest("auth_req_id is not known", reason=Reason.UNKNOWN_REQUEST)
            if action == "deny":
                now = request.site.clock.now()
                by = actor.system("scripted approval")
                return self._decisions.decline(tx, found, "cancelled", by=by, reference=request.reference, now=now)
            if person is None or person.status is not PersonStatus.ACTIVE:
                raise InvalidRequest("There is nobody to agree", reason=Reason.PERSON_NOT_ACTIVE)
            return self._agree(tx, found, request)

        decided = await self._store.write(work)
        return json_answer({"outcome": decided.page.rpartition("/")[2]})

    def _agree(self, tx: TxT, found: DecoupledRequest, request: Request) -> Decided:
        """As if by the best that the request wants."""
        now, person = request.site.clock.now(), found.person
        assert person is not None
        wanted = acr.CLASSES[found.asked.acr[0]]
        level = max(wanted.levels)
        proof = Proof(
            credential=CredentialId(SCRIPTED),
            kind=SCRIPTED,
            aal=level,
            amr=min(wanted.amr) if wanted.amr else Amr.FIDO2,
            at=now,
        )
        roles = tx.roles.held_by(person, at=now) if found.asked.role is not RoleAsked.NO else ()
        verdict = Issue(acr=found.asked.acr[0], aal=level, role=roles[0].id if roles else None)
        return self._decisions.agree(tx, found, person, proof, verdict, reference=request.reference, now=now)
