"""CareKey Phone: the application under /phone, and what it asks about a log-in that waits elsewhere.

What it holds and does is in `web/static/phone.js` and its modules; the server keeps nothing of it but public keys.
The authenticator is `phone-authenticator.js` over `phone-keys.js` and `phone-lock.js`, the UAF client `phone-client.js`,
and the others are its pages, by what they are for.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import msgspec
from starlette.responses import JSONResponse

from carekey.authenticators.phone import own_json_http as own_json
from carekey.authenticators.phone.approval import Approval, State, code_digest, opened
from carekey.authenticators.phone.events import ApprovalOpened, ApprovalRefused
from carekey.authenticators.phone.own_json_http import said
from carekey.authenticators.phone.ports import PhoneTx
from carekey.authenticators.phone.waiting import Watch
from carekey.kernel import actor
from carekey.kernel.entropy import token
from carekey.kernel.unit_of_work import Store
from carekey.web import assets, dates
from carekey.web.kit import Request, Response, Route, get, page, post
from carekey.web.zones import INTERNET

TxT = TypeVar("TxT", bound=PhoneTx)

SCOPE = "/phone"
_MODULES = (
    "phone.js",
    "phone-accounts.js",
    "phone-answer.js",
    "phone-approve.js",
    "phone-authenticator.js",
    "phone-bytes.js",
    "phone-client.js",
    "phone-keys.js",
    "phone-lock.js",
    "phone-log-in.js",
    "phone-page.js",
    "phone-register.js",
    "phone-store.js",
    "phone-telling.js",
    "phone-user.js",
    "phone-waiting.js",
)
_PARTS = ("nhsuk-frontend.min.css", "carekey.css", "carekey.svg", "carekey.js", *_MODULES)
_ICONS = (
    ("carekey.svg", "any", "any"),
    ("carekey-192.png", "192x192", "any"),
    ("carekey-512.png", "512x512", "any"),
    ("carekey-maskable-512.png", "512x512", "maskable"),
)
_STILL_HELD = frozenset({State.OPENED, State.MATCHED})


class _Question(msgspec.Struct, frozen=True):
    code: str
    holder: str = ""


def _beside(first: str, *others: str) -> list[str]:
    """Where the modules are that the first one imports: relative to it, so under its mark."""
    return [assets.address(first).removesuffix(first) + name for name in others]


def _icon(name: str, sizes: str, purpose: str) -> dict[str, str]:
    """Web App Manifest, image resources."""
    media_type = assets.files()[name].media_type
    return {"src": assets.address(name), "sizes": sizes, "type": media_type, "purpose": purpose}


class PhonePages(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], watch: Watch, service: str, push: str = "") -> None:
        """`push`: the key that browsers subscribe for, if phones are told that something waits."""
        self._store = store
        self._watch = watch
        self._service = service
        self._push = push

    def routes(self) -> Sequence[Route]:
        return [
            get(SCOPE, self.application),
            get(f"{SCOPE}/worker.js", self.worker),
            get(f"{SCOPE}/manifest.json", self.manifest),
            post(f"{SCOPE}/approval", self.open),
            post(f"{SCOPE}/approval/refuse", self.refuse),
        ]

    async def application(self, request: Request) -> Response:
        return page(
            request,
            "phone/application.html",
            worker=f"{SCOPE}/worker.js",
            push=self._push,
            modules=_beside(*_MODULES),
        )

    async def worker(self, request: Request) -> Response:  # noqa: ARG002 (a handler has it)
        """Keeps the application for when there is no network. Its text changes with any of the parts."""
        parts = {
            "page": SCOPE,
            "title": f"{self._service} Phone",
            "files": [assets.address(name) for name in _PARTS],
            "push": self._push,
        }
        mark = "-".join(assets.files()[name].mark for name in _PARTS)
        source = (assets.FOLDER / "phone-worker.js").read_text(encoding="utf-8")
        settings = f"const MARK = {msgspec.json.encode(mark).decode()};\n"
        settings += f"const PARTS = {msgspec.json.encode(parts).decode()};\n"
        return Response(
            settings + source,
            headers={
                "content-type": assets.TYPES[".js"],
                "cache-control": "no-cache",
                "service-worker-allowed": SCOPE,
                # A worker fetches under a policy of its own, the one it came with.
                "content-security-policy": "default-src 'none'; connect-src 'self'",
            },
        )

    async def manifest(self, request: Request) -> Response:  # noqa: ARG002 (a handler has it)
        return JSONResponse(
            {
                "id": SCOPE,
                "name": f"{self._service} Phone",
                "short_name": f"{self._service} Phone",
                "start_url": SCOPE,
                "scope": SCOPE,
                "display": "standalone",
                "background_color": "#f0f4f5",
                "theme_color": "#10454f",
                "icons": [_icon(*each) for each in _ICONS],
            },
            headers={"content-type": "application/manifest+json", "cache-control": "no-cache"},
        )

    async def open(self, request: Request) -> Response:
        """What asks for approval, for the first phone that comes with the code, and a secret to go on with."""
        question = await own_json.read(request, _Question)
        if question is None:
            return said({}, status=400)
        now, holder, reference = request.site.clock.now(), token(request.site.entropy), request.reference

        def work(tx: TxT) -> Approval | None:
            asked = tx.approvals.find(code_digest(question.code))
            if asked is None or asked.expires_at <= now:
                return None
            if not tx.approvals.change(opened(asked, holder=holder), was=State.WAITING):
                return None
            tx.audit.record(ApprovalOpened(at=now, actor=actor.UNKNOWN, reference=reference, login=asked.login))
            return asked

        asked = await self._store.write(work)
        if asked is None:
            return said({}, status=404)
        self._watch.wake()
        return said(
            {
                "holder": holder,
                "application": asked.application,
                "asked_at": dates.clock_time(asked.asked_at),
                "network": "the internet" if asked.zone == INTERNET else asked.zone.upper(),
            }
        )

    async def refuse(self, request: Request) -> Response:
        """The person said no, or gave up. The page that waits says so."""
        question = await own_json.read(request, _Question)
        if question is None:
            return said({}, status=400)
        now, reference = request.site.clock.now(), request.reference

        def work(tx: TxT) -> bool:
            asked = tx.approvals.find(code_digest(question.code))
            if asked is None or asked.state not in _STILL_HELD or not asked.held_by(question.holder):
                return False
            if not tx.approvals.change(replace(asked, state=State.REFUSED), was=asked.state):
                return False  # approved at the same moment
            tx.audit.record(
                ApprovalRefused(
                    at=now, actor=actor.UNKNOWN, reference=reference, login=asked.login, reason=State.REFUSED
                )
            )
            return True

        refused = await self._store.write(work)
        self._watch.wake()
        return said({}, status=200 if refused else 404)
