"""Sends an answer as its response mode wants it: signed first, and encrypted, if it is to be (JARM)."""

from collections.abc import Mapping
from typing import Any

from carekey.kernel import actor
from carekey.kernel.ids import IssuerName
from carekey.kernel.unit_of_work import Store
from carekey.oidc.authorize import jarm
from carekey.oidc.authorize.events import AuthorizationRefused
from carekey.oidc.authorize.modes import form_post, query
from carekey.oidc.authorize.response import Answer, Signing
from carekey.oidc.errors import InvalidRequest, Reason
from carekey.oidc.model import ResponseMode
from carekey.oidc.ports import OidcTx
from carekey.oidc.tokens.sealing import AS_IT_IS, Seal, Sealer
from carekey.oidc.tokens.signing import Signs
from carekey.web.kit import Request, Response
from carekey.web.problem import Problem


class Encrypts:
    """Encrypts the answers of one issuer to its clients (JARM section 2.2)."""

    def __init__(self, sealer: Sealer, store: Store[OidcTx]) -> None:
        self._sealer = sealer
        self._store = store

    async def to(self, request: Request, signing: Signing) -> Seal:
        """Without a key nothing is sent, for whoever asks for encryption must not be sent a code in the clear.

        Raises: Problem."""
        now = request.site.clock.now()
        client = await self._store.read(lambda tx: tx.clients.find(signing.issuer, signing.client))
        if client is None:  # removed while the person logged in
            raise await self._unsent(request, signing, Reason.UNKNOWN_CLIENT)
        try:
            return await self._sealer.to(client, signing.encryption, now=now)
        except InvalidRequest as error:
            reason = error.reason
        raise await self._unsent(request, signing, reason)

    async def _unsent(self, request: Request, signing: Signing, reason: str) -> Problem:
        now = request.site.clock.now()
        event = AuthorizationRefused(
            at=now,
            actor=actor.UNKNOWN,
            reference=request.reference,
            issuer=signing.issuer,
            client=signing.client,
            error="invalid_request",
            reason=reason,
        )
        await self._store.write(lambda tx: tx.audit.record(event))
        return Problem(
            status=400,
            heading="We could not send you back to the application",
            what_to_do=(
                "Nothing is wrong with your account. The application wants its answers encrypted, and we could not encrypt this one.",
                "Go back to the application and start again in a few minutes.",
                "If it happens again, tell the support of the application what stands under “Technical information”, and your reference code.",
            ),
            detail=(
                ("Error", reason),
                ("Application", signing.client),
                ("Time", now.isoformat(timespec="seconds")),
            ),
        )


class Respond:
    """Called here and by `login/http.py`, at whichever a request ends."""

    def __init__(self, signers: Mapping[IssuerName, Signs], encrypts: Mapping[IssuerName, Encrypts]) -> None:
        self._signers = signers
        self._encrypts = encrypts

    async def __call__(self, request: Request, answer: Any) -> Response:
        assert isinstance(answer, Answer)
        if answer.signing is not None:
            answer = await self._secured(request, answer, answer.signing)
        posted = answer.mode in {ResponseMode.FORM_POST, ResponseMode.FORM_POST_JWT}
        response = form_post.respond(request, answer) if posted else query.respond(answer)
        if answer.browser_state is not None:
            issuer, state = answer.browser_state
            cookies = request.site.cookies
            cookies.show(response, cookies.browser_state(issuer), state)
        return response

    async def _secured(self, request: Request, answer: Answer, signing: Signing) -> Answer:
        signer, now = self._signers[signing.issuer], request.site.clock.now()
        seal = AS_IT_IS if signing.encryption is None else await self._encrypts[signing.issuer].to(request, signing)
        await signer.refresh(now, alg=signing.alg)
        return jarm.secured(answer, signing, signer, seal, now=now)
