"""POST {issuer}/attestation_challenge (draft-ietf-oauth-attestation-based-client-auth-10 section 6.3)."""

from starlette.responses import Response

from carekey.oidc import endpoints
from carekey.oidc.dpop.nonces import Nonces
from carekey.oidc.http import for_clients, json_answer
from carekey.oidc.model import Issuer
from carekey.web.kit import Request, Route, post


class ChallengeHttp:
    def __init__(self, *, issuer: Issuer, challenges: Nonces, dpop_nonces: Nonces | None) -> None:
        """`dpop_nonces`: those that DPoP proofs must have, if they must: whoever comes for one wants the other too."""
        self._issuer = issuer
        self._challenges = challenges
        self._dpop_nonces = dpop_nonces

    def routes(self) -> list[Route]:
        path = endpoints.path(self._issuer, endpoints.ATTESTATION_CHALLENGE)
        return [post(path, for_clients(self._challenge, lambda *_: ()))]

    async def _challenge(self, request: Request) -> Response:
        now = request.site.clock.now()
        nonces = self._dpop_nonces
        headers = [] if nonces is None else [(b"dpop-nonce", nonces.current(now).encode("ascii"))]
        return json_answer({"attestation_challenge": self._challenges.current(now)}, headers=headers)
