"""Begins a log-in in the browser that sent a request, and sends it to its first page."""

from typing import TypeVar

from carekey.kernel.ids import IssuerName
from carekey.kernel.unit_of_work import Store
from carekey.login.journey import Journey
from carekey.login.model import Asked
from carekey.login.policy import Step, only_way
from carekey.login.ports import LoginTx
from carekey.web.kit import Request, Response, see_other

TxT = TypeVar("TxT", bound=LoginTx)


async def begin(
    request: Request,
    store: Store[TxT],
    journey: Journey[TxT],
    issuer: IssuerName,
    asked: Asked,
    protocol: bytes,
    *,
    step: Step | None = None,
) -> Response:
    """`protocol`: the protocol's own request, for `Login.request`. `step`: what comes first, if that is known; else the
    dispatcher finds out."""
    login, secret = journey.prepare(issuer, asked, protocol, reference=request.reference, now=request.site.clock.now())
    await store.write(lambda tx: journey.start(tx, login))
    way = only_way(step) if step else None
    response = see_other(f"/login/{login.id}/{way.name}" if way else f"/login/{login.id}")
    cookies = request.site.cookies
    for name in cookies.surplus_logins(request.cookies):
        cookies.drop(response, name)
    lifetime = login.expires_at - login.started_at
    cookies.put(response, cookies.login(login.id), secret.reveal(), max_age=int(lifetime.total_seconds()))
    return response
