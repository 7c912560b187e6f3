"""The ASGI application, as a server starts it."""

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from carekey.app import card_authority, logs, rules, settings, wiring
from carekey.app.settings import Settings, SettingsError
from carekey.authenticators.smartcard.authority.publishing import publish
from carekey.jose.signer import KeyUnusable
from carekey.storage.errors import StorageError
from carekey.web.dispatcher import Dispatcher

log = structlog.get_logger()

SWEEP_EVERY = timedelta(minutes=10)
KEYS_EVERY = timedelta(minutes=5)
REVOCATION_EVERY = timedelta(seconds=20)
CARDS_EVERY = timedelta(seconds=20)
"""A cancelled card is on the revocation list within a minute."""
METADATA_EVERY = timedelta(seconds=20)
"""Looking costs one question to the store; what is fetched has its own interval."""
DELIVER_EVERY = timedelta(seconds=1)


def create() -> "Application":
    """For a server that starts the application itself, perhaps in several processes: settings from the environment."""
    logs.set_up()
    gc.freeze()  # modules stay: no collection looks through them again while somebody waits
    config = os.environ.get("CAREKEY_CONFIG")
    return Application(settings.load(Path(config) if config else None))


Job = tuple[str, timedelta, Callable[[wiring.Installation], Awaitable[None]]]


@dataclass(frozen=True, slots=True)
class Listener:
    """What a process answers with, and what it does besides."""

    answers: Callable[[wiring.Installation], Dispatcher]
    jobs: tuple[Job, ...]


class Application:
    """Opens the installation when the server starts, and answers until it stops."""

    def __init__(self, found: Settings, listener: "Listener | None" = None) -> None:
        self._settings = found
        self._listener = listener or MAIN
        self._answer: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            assert self._answer is not None
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            try:
                opened = await stack.enter_async_context(wiring.running(self._settings))
            except (SettingsError, StorageError, KeyUnusable) as error:
                sys.stderr.write(f"{error}\n")
                await send({"type": "lifespan.startup.failed", "message": ""})
                return
            self._answer = self._listener.answers(opened)
            if self._settings.server.log_requests:
                self._answer = logs.RequestLog(self._answer)
            jobs = [
                asyncio.create_task(_regularly(every, partial(job, opened), name=name))
                for name, every, job in self._listener.jobs
            ]
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await opened.back_channel.stop()
            await opened.notifications.stop()
            if opened.telling is not None:
                await opened.telling.stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _rotate(opened: wiring.Installation) -> None:
    for signer in opened.signers.values():
        await signer.refresh(opened.clock.now())


async def _sweep(opened: wiring.Installation) -> None:
    await opened.store.sweep(opened.clock.now(), sessions_kept=rules.sessions_kept(opened.settings))


async def publish_lists(opened: wiring.Installation) -> None:
    lifetime = card_authority.list_lifetime(opened.settings)
    for one in opened.card_authorities:
        await opened.store.write(partial(publish, one=one, lifetime=lifetime, now=opened.clock.now()))


async def _refresh_revocation(opened: wiring.Installation) -> None:
    if opened.revocations is not None:
        await opened.revocations.refresh()


async def _refresh_client_revocation(opened: wiring.Installation) -> None:
    if opened.client_revocations is not None:
        await opened.client_revocations.refresh()


async def _refresh_metadata(opened: wiring.Installation) -> None:
    opened.phone_models.look()
    await opened.phone_models.record(opened.store, now=opened.clock.now())
    await opened.metadata.refresh()


async def _refresh_for_virtual_cards(opened: wiring.Installation) -> None:
    """Those are judged on this listener."""
    if opened.settings.virtual_cards():
        await _refresh_revocation(opened)


async def _deliver(opened: wiring.Installation) -> None:
    await opened.back_channel.begin()


async def _notify(opened: wiring.Installation) -> None:
    await opened.phone_answers.collect()
    await opened.notifications.begin()


async def _tell_phones(opened: wiring.Installation) -> None:
    if opened.telling is not None:
        await opened.telling.begin()


MAIN = Listener(
    lambda opened: opened.dispatcher,
    (
        ("keys", KEYS_EVERY, _rotate),
        ("sweep", SWEEP_EVERY, _sweep),
        ("revocation-lists", CARDS_EVERY, publish_lists),
        ("metadata", METADATA_EVERY, _refresh_metadata),
        ("revocation", REVOCATION_EVERY, _refresh_for_virtual_cards),
        ("logout-deliveries", DELIVER_EVERY, _deliver),
        ("ciba-notifications", DELIVER_EVERY, _notify),
        ("web-push", DELIVER_EVERY, _tell_phones),
    ),
)
CARD_HOST = Listener(lambda opened: opened.card_host, (("revocation", REVOCATION_EVERY, _refresh_revocation),))
API_HOST = Listener(
    lambda opened: opened.api_host,
    (("keys", KEYS_EVERY, _rotate), ("revocation", REVOCATION_EVERY, _refresh_client_revocation)),
)


async def _regularly(every: timedelta, job: Callable[[], Awaitable[None]], *, name: str) -> None:
    """A job that fails is tried again at its next turn: the next node or the next minute may be luckier."""
    while True:
        await asyncio.sleep(every.total_seconds())
        try:
            await job()
        except Exception as error:
            log.exception("job:failed", job=name, kind=type(error).__name__)
