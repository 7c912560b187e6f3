"""What `carekey serve` does. It knows nothing of typer, so that the server's process never loads it (cli.py)."""

import gc
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from carekey.app.listener import BESIDE, Listener
from carekey.app.settings import Settings
from carekey.app.settings.api_host import ApiHost
from carekey.app.settings.smartcards import Smartcards
from carekey.app.terminal import CommandError, Exit, read_settings, run, say

log = structlog.get_logger()

AGAIN_AFTER = 1.0
"""Seconds."""


def serve(config: Path | None = None, *, workers: int | None = None, only: Listener | None = None) -> None:
    """Raises: CommandError, SettingsError, StorageError, KeyUnusable: one sentence with the fix."""
    from carekey.app.checks import check
    from carekey.app.data_folder import prepare

    found = read_settings(config)
    check(found)
    if config is not None:
        os.environ["CAREKEY_CONFIG"] = str(config.resolve())
    for listener in BESIDE:
        if only in {None, listener}:
            check_beside(listener, found, wanted=only is listener)
    if only is not None and only is not Listener.MAIN:
        prepare(found)
        gc.enable()  # from here on there is garbage (cli.py)
        run_listener(only, found)
        return
    check_port("server", found.server.host, found.server.port)
    check_certificate(found)
    prepare(found)
    try_out(found)
    announce(found)
    gc.enable()
    with ExitStack() as stack:
        if only is None:
            stack.enter_context(listeners_beside(found))
        run_server(found, workers=workers or found.server.workers)


def run_listener(listener: Listener, found: Settings) -> None:
    from carekey.app import api_host, card_host

    (api_host if listener is Listener.API_HOST else card_host).run(found)


@contextmanager
def listeners_beside(found: Settings) -> Iterator[None]:
    """Those that ask for certificates, each in a process of its own, for as long as this one runs."""
    with ExitStack() as stack:
        if found.smartcards.url is not None:
            stack.enter_context(_beside(Listener.CARD_HOST, "carekey.app.card_host"))
        if found.api_host.url is not None:
            stack.enter_context(_beside(Listener.API_HOST, "carekey.app.api_host"))
        yield


@contextmanager
def _beside(listener: Listener, module: str) -> Iterator[None]:
    """Started again if it ends before."""
    command = [sys.executable, "-m", module]
    ending = threading.Event()

    def start() -> subprocess.Popen[bytes]:
        # In a session of its own: Ctrl-C is for this process, which ends the others in turn. They end with its pipe too.
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 (our own module)

    running = start()

    def keep() -> None:
        nonlocal running
        while running.wait() is not None and not ending.wait(AGAIN_AFTER):
            log.error("listener:ended", listener=listener.value, status=running.returncode)
            running = start()
            if ending.is_set():  # since the wait
                running.terminate()

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        running.terminate()
        keeper.join()


def run_server(found: Settings, *, workers: int) -> None:
    import uvicorn

    from carekey.app.protocol import BoundedHttp

    uvicorn.run(
        "carekey.app.asgi:create",
        factory=True,
        host=found.server.host,
        port=found.server.port,
        workers=workers,
        loop="uvloop",
        http=BoundedHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,  # zones.py decides whom to believe
        ssl_certfile=found.server.certificate,
        ssl_keyfile=found.server.private_key,
        timeout_graceful_shutdown=10,
    )


def try_out(found: Settings) -> None:
    """Open everything once, here: what is wrong then ends the command with its own sentence and exit code. A worker that
    cannot start would be started again and again. Raises: SettingsError, StorageError, KeyUnusable."""
    from carekey.app.wiring import running

    async def work() -> None:
        async with running(found):
            pass

    run(work())


def check_port(section: str, host: str, port: int) -> None:
    """`section`: of the settings. Raises: CommandError, if the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (socket.gaierror, UnicodeError):
            raise CommandError(
                f"{section}.host is {host!r}, which is no address of this machine.", Exit.USAGE
            ) from None
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} cannot be used ({error.strerror}): stop what is using it, or set {section}.port.",
                Exit.CONFLICT,
            ) from None


def check_certificate(found: Settings) -> None:
    """Raises: CommandError, if the server's certificate and key do not go together."""
    if found.server.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(found.server.certificate, found.server.private_key)
    except (OSError, ssl.SSLError) as error:
        raise CommandError(
            f"server.certificate or server.private_key cannot be used: {error.strerror or error}. "
            "Both are PEM files, and the key belongs to the certificate."
        ) from None


def check_beside(listener: Listener, found: Settings, *, wanted: bool) -> None:
    """Whether a listener that asks for certificates can start, if there is to be one.

    Raises: SettingsError, CommandError.
    """
    from carekey.app import api_host, card_host

    its: Smartcards | ApiHost
    if listener is Listener.CARD_HOST:
        section, its, context = "smartcards", found.smartcards, card_host.context
    else:
        section, its, context = "api_host", found.api_host, api_host.context
    if its.url is None:
        if wanted:
            raise CommandError(f"There is no {listener.replace('-', ' ')}: set {section}.url.")
        return
    if listener is Listener.CARD_HOST:
        check_card_issuers(found)
    check_port(section, its.host, its.port)
    if its.proxied:
        return
    try:
        context(found)
    except (OSError, ssl.SSLError) as error:
        raise CommandError(
            f"{section}.certificate or {section}.private_key cannot be used: {error.strerror or error}. "
            "Both are PEM files, and the key belongs to the certificate."
        ) from None


def check_card_issuers(found: Settings) -> None:
    """Raises: SettingsError, CommandError."""
    from carekey.app.smartcards import profiles

    if not profiles(found):
        raise CommandError(
            "smartcards.url is set, but no card would be accepted: add a table [smartcards.pkis.NAME], "
            "or make an authority with `carekey card new-authority`."
        )


def announce(found: Settings) -> None:
    if found.environment != "production":
        say(f"This is a {found.environment}, not production: no real people or records.")
    for name, issuer in found.issuers.items():
        say(f"Issuer {name}: {issuer.url}/.well-known/openid-configuration")
