"""Sends an answer as its response mode wants it: signed first, if it is to be (JARM)."""

from collections.abc import Mapping
from typing import Any

from carekey.kernel.ids import IssuerName
from carekey.oidc.authorize import jarm
from carekey.oidc.authorize.modes import form_post, query
from carekey.oidc.authorize.response import Answer
from carekey.oidc.model import ResponseMode
from carekey.oidc.tokens.signing import Signs
from carekey.web.kit import Request, Response


class Respond:
    """Called here and by `login/http.py`, at whichever a request ends."""

    def __init__(self, signers: Mapping[IssuerName, Signs]) -> None:
        self._signers = signers

    async def __call__(self, request: Request, answer: Any) -> Response:
        assert isinstance(answer, Answer)
        if answer.signing is not None:
            signer, now = self._signers[answer.signing.issuer], request.site.clock.now()
            await signer.refresh(now, alg=answer.signing.alg)
            answer = jarm.signed(answer, answer.signing, signer, now=now)
        posted = answer.mode in {ResponseMode.FORM_POST, ResponseMode.FORM_POST_JWT}
        response = form_post.respond(request, answer) if posted else query.respond(answer)
        if answer.browser_state is not None:
            issuer, state = answer.browser_state
            cookies = request.site.cookies
            cookies.show(response, cookies.browser_state(issuer), state)
        return response
