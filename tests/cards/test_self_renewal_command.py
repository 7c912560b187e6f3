"""`carekey card renew --service`, a process beside a service that runs: a person renews their own card at a reader."""

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from support import commands
from support.card_steps import heading, proceed, send, to_the_card_page
from support.cards import CardPki, Curl
from support.own_cards import SOON, card_events, card_state, own_authority, refusals
from support.provider import CAREKEY, GP, Provider
from support.relying_party import RelyingParty

pytest.importorskip("pkcs11", reason="the extra `cards` is not installed: pip install python-pkcs11")

pytestmark = pytest.mark.softhsm

CALLBACK = "http://localhost:9/callback"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "482915"


@pytest.fixture(scope="module")
def provider(pki: CardPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with own_authority(tmp_path_factory.mktemp("self"), pki, module=MODULE) as running:
        yield running


@dataclass
class AtTheReader:
    """A person, their card on a token, and the computer that it is in."""

    provider: Provider
    party: RelyingParty
    curl: Curl
    folder: Path
    code: str = ""
    serial: str = ""

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        done = commands.run(
            ["card", *words], environment=self.environment(more), folder=self.provider.folder, within=120
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert PIN not in done.stdout + done.stderr
        assert not self.code or self.code not in done.stdout + done.stderr
        return done

    def environment(self, more: Mapping[str, str]) -> Mapping[str, str]:
        ours = {"CAREKEY_CARD_PIN": PIN, "CAREKEY_CARD_CODE": self.code}
        return {**os.environ, **self.provider.environment, **ours, **more}

    def begin(self, *words: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*CAREKEY, "card", *words],
            env=self.environment(more),
            cwd=self.provider.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def renew(self, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run("renew", "--service", self.provider.issuer, **more)

    def shows_the_card(self):
        self.curl.more = on_token()
        return proceed(self.curl, to_the_card_page(self.curl, self.party, prompt="login"))

    def gets_a_code(self) -> None:
        told = self.shows_the_card()
        assert heading(told).startswith("Your smartcard runs out on"), heading(told)
        shown = send(self.curl, told, "/renewal")
        command, self.code = re.findall(r'class="carekey-code">([^<]+)<', shown.body)
        assert command == f"carekey card renew --service {self.provider.issuer}"

    def logs_in(self) -> str:
        done = self.shows_the_card()
        assert done.url.startswith(CALLBACK), (heading(done), done.errors)
        token = self.party.token(self.party.answered(done.url)["code"]).json()["id_token"]
        subject: str = self.party.id_token(token, nonce="n")["sub"]
        return subject


def on_token() -> tuple[str, ...]:
    """The certificate on the card that was signed last, with its key, in a way that a browser would choose them."""
    listed = subprocess.run(
        ["pkcs11-tool", "--module", MODULE, "--login", "--pin", PIN, "--list-objects", "--type", "cert"],
        capture_output=True,
        text=True,
        check=True,
    )
    ids = [line.split()[-1] for line in listed.stdout.splitlines() if line.strip().startswith("ID:")]
    id = max(id for id in ids if id in {"01", "11"})
    uri = f"pkcs11:token=card;id=%{id}"
    return ("--key", f"{uri};type=private;pin-value={PIN}", "--cert", f"{uri};type=cert")


@pytest.fixture
def person(
    provider: Provider, party: RelyingParty, curl: Curl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AtTheReader:
    """Their card runs out in 60 days, and they have logged in with it and asked for a renewal code."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(conf))
    monkeypatch.setenv("PKCS11_MODULE_PATH", MODULE)
    command = ["softhsm2-util", "--init-token", "--free", "--label", "card", "--so-pin", "87654321", "--pin", PIN]
    subprocess.run(command, check=True, capture_output=True)
    person = AtTheReader(provider, party, curl, tokens)
    issued = person.run("issue", GP, **SOON)
    assert issued.returncode == 0, issued.stderr
    person.serial = issued.stdout.strip()
    person.gets_a_code()
    return person


def test_a_person_renews_their_own_card_and_the_old_key_is_worth_nothing(person: AtTheReader, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(person.folder, copy)  # what no card allows: the old key is kept
    done = person.renew()
    assert done.returncode == 0, done.stderr
    assert done.stderr.rstrip().endswith("Your card is renewed.")
    for purpose in ("authentication", "content_commitment"):
        for step in ("Making keys on the card", "Asking for certificates", "Writing", "Checking", "Removing what was"):
            assert re.search(rf"^{step}.*: {purpose}$", done.stderr, re.MULTILINE)
    assert card_events(person.provider)[-2:] == ["smartcard:certificate:signed"] * 2
    assert person.logs_in() == GP

    shutil.rmtree(person.folder)
    copy.rename(person.folder)
    refused = person.shows_the_card()
    assert heading(refused) == "Your smartcard was renewed"
    assert "old certificate" in refused.body
    listed = person.provider.json("audit", "list", "--tag", "smartcard:log-in:refused")
    assert listed[-1]["data"]["reason"] == "renewed"


@contextmanager
def stopping_at(provider: Provider, what: str, nth: int, when: str, stop: Callable[[], None]) -> Iterator[str]:
    """An address of the service that stops the asker at its nth such request: `before` the service hears of it, or
    `after`, with the answer lost."""
    heard = 0

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal heard
            heard += self.path.endswith(f"/{what}")
            now = self.path.endswith(f"/{what}") and heard == nth
            body = self.rfile.read(int(self.headers["content-length"]))
            if now and when == "before":
                stop()
                return
            kind = {"content-type": self.headers["content-type"]}
            answer = httpx2.post(f"{provider.issuer}{self.path}", content=body, headers=kind, timeout=30)
            if now:
                stop()
                return
            self.send_response(answer.status_code)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("what", "nth", "when"),
    [
        ("sign", 1, "before"),
        ("sign", 1, "after"),
        ("replaced", 1, "after"),
        ("sign", 2, "after"),
        ("replaced", 2, "before"),
    ],
)
def test_killed_in_the_middle_it_goes_on_with_the_same_code(
    person: AtTheReader, what: str, nth: int, when: str
) -> None:
    begun: list[subprocess.Popen[str]] = []

    def kill() -> None:
        begun[0].send_signal(signal.SIGKILL)
        begun[0].wait(20)

    before = card_events(person.provider)
    with stopping_at(person.provider, what, nth, when, kill) as service:
        begun.append(person.begin("renew", "--service", service))
        said = begun[0].communicate(timeout=60)
    assert begun[0].returncode == -signal.SIGKILL, said
    at = person.shows_the_card()
    assert at.url.startswith(CALLBACK) or heading(at).startswith("Your smartcard runs out on"), (
        "the card works meanwhile"
    )
    done = person.renew()
    assert done.returncode == 0, done.stderr
    assert card_events(person.provider)[len(before) :] == ["smartcard:certificate:signed"] * 2, "none is signed twice"
    assert person.logs_in() == GP
    assert card_state(person.provider, person.serial) == ("active", 2, 2)


def test_each_refusal_is_said_and_changes_nothing(person: AtTheReader) -> None:
    before = card_events(person.provider)
    for more, said in (
        (
            {"CAREKEY_CARD_CODE": "guessed"},
            "The renewal code is not known, or has run out: log in with the card again.",
        ),
        ({"CAREKEY_CARD_PIN": "000000"}, "The PIN is wrong."),
    ):
        done = person.renew(**more)
        assert (done.returncode, said in done.stderr) == (4, True), done.stderr
    nobody = person.run("renew", "--service", "http://127.0.0.1:9")
    assert (nobody.returncode, "cannot be reached" in nobody.stderr) == (4, True)
    plain = person.run("renew", "--service", "http://login.example.org")
    assert (plain.returncode, "has to be an https address" in plain.stderr) == (2, True)
    assert card_events(person.provider) == before


def test_another_card_in_the_reader_is_not_renewed_with_the_code(person: AtTheReader, tmp_path: Path) -> None:
    shutil.rmtree(person.folder)
    person.folder.mkdir()
    command = ["softhsm2-util", "--init-token", "--free", "--label", "card", "--so-pin", "87654321", "--pin", PIN]
    subprocess.run(command, check=True, capture_output=True)
    before = card_events(person.provider)
    done = person.renew()
    assert (done.returncode, "This is not the card" in done.stderr) == (4, True), done.stderr
    assert card_events(person.provider) == before


def test_a_running_service_hears_of_a_cancelled_and_of_a_suspended_card_at_once(person: AtTheReader) -> None:
    """`suspend`, `resume` and `cancel` need no reader, and no restart."""
    number = person.serial
    assert person.run("suspend", number, "--why", "left at home").returncode == 0
    assert heading(person.shows_the_card()) == "This smartcard is suspended"
    refused = person.renew()
    assert (refused.returncode, "not one that can be renewed" in refused.stderr) == (4, True)
    assert refusals(person.provider)[-1] == ("renew", number, GP, "This card is not one that can be renewed.")
    assert person.run("resume", number, "--why", "found").returncode == 0
    assert person.renew().returncode == 0
    assert person.logs_in() == GP
    assert person.run("cancel", number, "--why", "lost").returncode == 0
    assert heading(person.shows_the_card()) == "This smartcard is cancelled"
