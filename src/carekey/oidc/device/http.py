"""/device: where a person brings the code that a device shows (RFC 8628 section 3.3).

Anybody can get a code and send it to somebody (section 5.4): the page says which application asks and what for, shows
the code to compare even if it came in the link, and asks whether the device is there; and whoever says so has to
prove, now, who they are.
"""

from typing import Generic, Protocol, TypeVar

from carekey.authenticators.ports import Failures
from carekey.kernel import actor, entropy
from carekey.kernel.unit_of_work import Store
from carekey.login.begin_http import begin
from carekey.login.http import switched_off
from carekey.login.journey import Journey
from carekey.login.ports import LoginTx
from carekey.oidc.decoupled.deciding import Decided, Decisions, Outcome, encode
from carekey.oidc.decoupled.model import DecoupledRequest, Kind, State
from carekey.oidc.device import tries, user_code
from carekey.oidc.ports import OidcTx
from carekey.web import csrf
from carekey.web.kit import Handler, Request, Response, Route, get_alone, page, post, see_other
from carekey.web.problem import Problem

PATH = "/device"

_UNKNOWN = "Check the code. If it is right, it has run out or been used: start again on the device"


class DeviceTx(OidcTx, LoginTx, Protocol):
    @property
    def failures(self) -> Failures: ...


TxT = TypeVar("TxT", bound=DeviceTx)


class DevicePages(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], journey: Journey[TxT], decisions: Decisions[TxT]) -> None:
        self._store = store
        self._journey = journey
        self._decisions = decisions

    def routes(self) -> list[Route]:
        return [
            Route(PATH, {"GET": self.open, "POST": self.enter}),
            post(f"{PATH}/decide", self.decide),
            *(get_alone(f"{PATH}/{outcome}", _ended(outcome)) for outcome in Outcome),
        ]

    async def open(self, request: Request) -> Response:
        """With `user_code` (verification_uri_complete), the question at once."""
        typed = request.query().get("user_code")
        secret = request.cookies.get(_cookie(request)) or entropy.token(request.site.entropy)
        response = _ask_code(request, secret) if typed is None else await self._question(request, secret, typed)
        if _cookie(request) not in request.cookies:
            request.site.cookies.put(response, _cookie(request), secret)
        return response

    async def enter(self, request: Request) -> Response:
        secret, typed = await self._form(request)
        return await self._question(request, secret, typed)

    async def decide(self, request: Request) -> Response:
        secret, typed, decision = await self._decision(request)
        found = await self._find(request, secret, typed)
        if not isinstance(found, DecoupledRequest):
            return found
        if decision == "yes":
            return await begin(request, self._store, self._journey, found.issuer, found.asked, encode(found))
        if decision != "no":
            return await self._question(request, secret, typed)
        now = request.site.clock.now()

        def refuse(tx: TxT) -> Decided:
            return self._decisions.decline(
                tx, found, "cancelled", by=actor.UNKNOWN, reference=request.reference, now=now
            )

        return see_other((await self._store.write(refuse)).page)

    async def _question(self, request: Request, secret: str, typed: str) -> Response:
        found = await self._find(request, secret, typed)
        if not isinstance(found, DecoupledRequest):
            return found
        return page(
            request,
            "device/confirm.html",
            application=found.asked.application,
            user_code=user_code.read(typed),
            items=found.told,
            csrf=csrf.token(request.site.csrf_key, secret),
        )

    async def _find(self, request: Request, secret: str, typed: str) -> DecoupledRequest | Response:
        """The request that this code leads to, or the page that says that there is none. Raises: Problem."""
        code, now = user_code.read(typed), request.site.clock.now()
        if code is None:
            return _ask_code(request, secret, error="Enter the 8 letters that the device shows", typed=typed)

        def look(tx: TxT) -> DecoupledRequest | None:
            if tries.exhausted(tx.failures, secret, now=now):
                raise _paused()
            found = tx.decoupled_requests.by_user_code(user_code.key(code))
            good = found is not None and found.kind is Kind.DEVICE and found.state is State.WAITING
            if found is None or not good or now >= found.expires_at:
                return None
            client = tx.clients.find(found.issuer, found.client)
            if client is None or client.disabled_at is not None:
                raise switched_off(found.asked.application, detail=(("Application", found.client),))
            return found if client.honours(found.requested_at) else None

        found = await self._store.read(look)
        if found is None:
            await self._store.write(lambda tx: tries.failed(tx.failures, secret, now=now))
            return _ask_code(request, secret, error=_UNKNOWN, typed=typed)
        return found

    async def _form(self, request: Request) -> tuple[str, str]:
        """The browser's secret, and what was typed. Raises: Problem."""
        secret, typed, _ = await self._decision(request)
        return secret, typed

    async def _decision(self, request: Request) -> tuple[str, str, str | None]:
        """Raises: Problem."""
        secret = request.cookies.get(_cookie(request))
        fields = await request.own_form(secret)
        assert secret is not None, "a form without it is refused"
        return secret, fields.get("user_code") or "", fields.get("decision")


def _cookie(request: Request) -> str:
    return request.site.cookies.device()


def _ask_code(request: Request, secret: str, *, error: str | None = None, typed: str = "") -> Response:
    return page(
        request,
        "device/code.html",
        status=422 if error else 200,
        user_code=typed[:20],
        error=error,
        errors=[("user_code", error)] if error else [],
        csrf=csrf.token(request.site.csrf_key, secret),
    )


def _ended(outcome: Outcome) -> Handler:
    async def show(request: Request) -> Response:
        return page(request, f"device/{outcome}.html")

    return show


def _paused() -> Problem:
    return Problem(
        status=429,
        heading="Too many wrong codes",
        what_to_do=(
            "To keep others from guessing, no code is taken for a while.",
            "Wait 10 minutes, start again on the device, and enter its new code.",
        ),
        back=(PATH, "Try again"),
    )
