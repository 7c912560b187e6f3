"""Chromium with a smartcard: its certificate store with the card's PKCS#11 module, the policy that picks the card's
certificate, and the PIN, typed by a module of ours where there is no screen, or into the real dialog where there is."""

import fcntl
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from support.browser import CHROMIUM, QUIET
from support.processes import running

HERE = Path(__file__).parent
POLICIES = Path("/etc/chromium/policies/managed")
DIALOG = "Unlock Security Device"


@dataclass(frozen=True, kw_only=True)
class Held:
    """A card or token that programs of this machine can use."""

    module: str
    environment: Mapping[str, str]
    pin: str


def why_not() -> str:
    """Why Chromium cannot be told which certificate to take here; empty if it can."""
    if os.geteuid() != 0:
        return "Chromium's policy for certificates is a file of root's"
    needed = ("/usr/bin/certutil", "/usr/bin/modutil", "/usr/bin/gcc", "/usr/include/p11-kit-1/p11-kit/pkcs11.h")
    missing = [one for one in needed if not Path(one).exists()]
    return f"missing: {', '.join(missing)} (make test installs them)" if missing else ""


def typed_pin() -> Path:
    """The module of `typed_pin.c`."""
    return _compiled("typed_pin.c", "-I/usr/include/p11-kit-1")


def unlocked() -> Path:
    """What `unlocked.c` says, for LD_PRELOAD."""
    return _compiled("unlocked.c")


_COMPILED = tempfile.TemporaryDirectory(prefix="carekey-compiled-")


@cache
def _compiled(source: str, *more: str) -> Path:
    """Once for all tests."""
    made = Path(_COMPILED.name) / f"{source}.so"
    command = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", *more, "-o", made, HERE / source]
    subprocess.run(command, check=True, capture_output=True)
    return made


@contextmanager
def picking(issuer: str, *, at: str) -> Iterator[None]:
    """Chromium takes the certificate of this issuer at these addresses without asking which.

    The policy is the whole machine's, and of two files the last one counts: other runs of the tests wait."""
    POLICIES.mkdir(parents=True, exist_ok=True)
    file = POLICIES / "carekey-cards.json"
    rule = {"pattern": at, "filter": {"ISSUER": {"CN": issuer}}}
    with (Path(tempfile.gettempdir()) / "carekey-cards.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file.write_text(json.dumps({"AutoSelectCertificateForUrls": [json.dumps(rule)]}))
        try:
            yield
        finally:
            file.unlink()


def home_for(folder: Path, *, module: Path | str, trust: Path, environment: Mapping[str, str]) -> Path:
    """A home folder whose certificate store knows the module, and trusts the server's root."""
    store = folder / "home/.pki/nssdb"
    store.mkdir(parents=True)
    for command in (
        ["certutil", "-N", "-d", f"sql:{store}", "--empty-password"],
        ["certutil", "-A", "-d", f"sql:{store}", "-n", "root", "-t", "C,,", "-i", trust],
        ["modutil", "-dbdir", f"sql:{store}", "-add", "Card", "-libfile", module, "-force"],
    ):
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)
    return folder / "home"


@contextmanager
def chromium_with_card(home: Path, environment: Mapping[str, str], *, headless: bool = True) -> Iterator[Browser]:
    names = "--host-resolver-rules=MAP *.card.test 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[*QUIET, names, "--explicitly-allowed-ports=9"],  # the application's, where nobody listens
            headless=headless,
            env={**os.environ, **environment, "HOME": str(home), "LD_PRELOAD": str(unlocked())},
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class Screen:
    environment: Mapping[str, str]

    def type_pin(self, pin: str) -> None:
        """Into the browser's own dialog. Raises: AssertionError, if it does not ask."""
        window = self._dialog()
        self._do("windowfocus", "--sync", window)
        self._do("type", "--delay", "20", pin)
        self._do("key", "Return")
        deadline = time.monotonic() + 10
        while window in self._dialogs() and time.monotonic() < deadline:
            time.sleep(0.1)

    def asks(self) -> bool:
        return bool(self._dialogs())

    def give_up(self) -> None:
        self._do("windowfocus", "--sync", self._dialog())
        self._do("key", "Escape")

    def _dialog(self) -> str:
        deadline = time.monotonic() + 15
        while not (found := self._dialogs()):
            assert time.monotonic() < deadline, "the browser does not ask for a PIN"
            time.sleep(0.1)
        return found[0]

    def _dialogs(self) -> list[str]:
        return self._do("search", "--onlyvisible", "--name", DIALOG, check=False).split()

    def _do(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=check,
            timeout=20,
        )
        return done.stdout


@contextmanager
def screen(folder: Path) -> Iterator[Screen]:
    """A screen that nobody sees, with a window manager: the dialog wants to be in front."""
    told, telling = os.pipe()
    os.set_inheritable(telling, True)
    with ExitStack() as stack:
        stack.callback(os.close, told)
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(telling), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
            pass_fds=(telling,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(server.wait, 10)
        stack.callback(server.terminate)
        os.close(telling)
        number = os.read(told, 16).decode().strip()
        assert number, "Xvfb did not start: apt-get install xvfb xdotool openbox (make test does)"
        shown = {"DISPLAY": f":{number}"}
        stack.enter_context(running(["openbox"], answers=lambda: True, log=folder / "openbox.log", environment=shown))
        yield Screen(shown)
