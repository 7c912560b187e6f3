"""The companion as it is installed: one file, a real PC/SC daemon, a card that is put in and pulled out."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

import carekey_agent
from support.card_steps import proceed, to_the_card_page
from support.cards import CardPki, Curl, PemCard
from support.processes import running
from support.provider import GP, ROOT, Provider
from support.reader import Card, Reader, possible, reader
from support.relying_party import RelyingParty

AGENT = ROOT / "companion" / "carekey_agent.py"


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    if not possible():
        pytest.skip("this machine has no virtual reader, or lets us make no namespace (pcscd, vsmartcard-vpcd, root)")
    with reader(tmp_path_factory.mktemp("reader")) as made:
        yield made


def der(card: PemCard, folder: Path) -> Path:
    file = folder / f"{card.certificate.stem}.der"
    file.write_bytes(x509.load_pem_x509_certificate(card.certificate.read_bytes()).public_bytes(Encoding.DER))
    return file


def key_of(folder: Path) -> str:
    command = [sys.executable, AGENT, "--folder", folder, "key"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def companion(provider: Provider, slot: Reader, folder: Path) -> Iterator[Path]:
    """Runs as it would at a workstation. What it says of itself is in the file."""
    log = folder / "agent.log"
    command = [sys.executable, AGENT, "--folder", folder, "run", "--service", provider.issuer]
    with running(command, answers=lambda: True, log=log, environment={"PCSCLITE_CSOCK_NAME": str(slot.socket)}):
        yield log


def until(holds: Callable[[], bool], *, within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


@pytest.mark.namespaces
def test_pulling_the_card_out_ends_the_session_and_putting_it_back_logs_nobody_in(
    slot: Reader, provider: Provider, party: RelyingParty, pki: CardPki, curl: Curl, tmp_path: Path
) -> None:
    enrolled = provider.run("workstation", "enrol", "Ward 7, bay 2", key_of(tmp_path))
    assert enrolled.returncode == 0, enrolled.stderr

    def cards() -> list[str]:
        listed = provider.json("workstation", "list")
        return next(one["cards"] for one in listed if one["id"] == enrolled.stdout.strip())

    curl.card = pki.card(GP)
    silent = party.authorize(acr_values="AAL3_SMARTCARD", nonce="n", prompt="none")
    with companion(provider, slot, tmp_path):
        slot.put_in(der(curl.card, tmp_path))
        until(lambda: len(cards()) == 1)
        proceed(curl, to_the_card_page(curl, party))
        assert "code=" in curl.run(silent, follow=False).onward
        slot.take_out()
        until(lambda: "login_required" in curl.run(silent, follow=False).onward)
        assert cards() == []
        slot.put_in(der(curl.card, tmp_path))
        until(lambda: len(cards()) == 1)
        assert "login_required" in curl.run(silent, follow=False).onward
        slot.take_out()
        until(lambda: cards() == [])


@pytest.mark.namespaces
def test_at_a_workstation_that_is_not_enrolled_everybody_logs_in_as_ever(
    slot: Reader, provider: Provider, party: RelyingParty, pki: CardPki, curl: Curl, tmp_path: Path
) -> None:
    curl.card = pki.card(GP)
    with companion(provider, slot, tmp_path) as log:
        slot.put_in(der(curl.card, tmp_path))
        until(lambda: "not believed: unknown_workstation" in log.read_text())
        assert "code=" in proceed(curl, to_the_card_page(curl, party), follow=True).url
        slot.take_out()


def test_its_key_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    first = key_of(tmp_path / "config")
    assert key_of(tmp_path / "config") == first
    assert (tmp_path / "config" / "key").stat().st_mode & 0o777 == 0o600


def test_rfc8032_it_signs_as_ed25519_does() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    ours, theirs = carekey_agent.Ed25519(seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert ours.public().hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert ours.sign(b"") == theirs.sign(b"")
    assert ours.sign(b"x" * 5000) == theirs.sign(b"x" * 5000)


@pytest.mark.parametrize("service", ["http://login.example.org", "ftp://localhost", "login.example.org"])
def test_it_tells_nothing_over_a_line_that_anybody_can_hear(service: str, tmp_path: Path) -> None:
    command = [sys.executable, AGENT, "--folder", tmp_path, "run", "--service", service]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert "has to be an https address" in done.stderr


def test_without_a_reader_it_says_so_and_goes_on_trying(tmp_path: Path, provider: Provider) -> None:
    log = tmp_path / "agent.log"
    command = [sys.executable, AGENT, "--folder", tmp_path, "run", "--service", provider.issuer]
    nowhere = {"PCSCLITE_CSOCK_NAME": str(tmp_path / "none")}
    with running(command, answers=lambda: True, log=log, environment=nowhere) as process:
        until(lambda: "PC/SC does not answer" in log.read_text())
        time.sleep(1.5)
        assert process.poll() is None
        assert log.read_text().count("PC/SC does not answer") == 1, "once, not each second"


def test_sp800_73_a_certificate_is_read_whole_compressed_or_not() -> None:
    import gzip

    certificate = os.urandom(1500)
    assert carekey_agent.piv_certificate(Card(certificate).answer) == certificate
    packed = Card(gzip.compress(certificate))
    packed._object = packed._object.replace(b"\x71\x01\x00", b"\x71\x01\x01")
    assert carekey_agent.piv_certificate(packed.answer) == certificate


@pytest.mark.parametrize(
    "answer",
    [
        b"\x6a\x82",
        b"\x90\x00",
        b"",
        b"\x90",
        b"\x53\x82\x90\x00",
        b"\x53\x04\x70\x82\xff\xff\x90\x00",
        b"\x53\x06\x70\x01x\x71\x01\x01\x90\x00",
    ],
)
def test_a_card_that_answers_nonsense_has_no_certificate(answer: bytes) -> None:
    assert carekey_agent.piv_certificate(lambda _: answer) in {None, b""}


def test_a_selected_application_is_not_selected_again() -> None:
    """Which would take away the passcode that somebody has just typed."""
    card, asked = Card(b"certificate"), []
    card.answer(carekey_agent.SELECT)

    def transmit(apdu: bytes) -> bytes:
        asked.append(apdu)
        return card.answer(apdu)

    assert carekey_agent.piv_certificate(transmit) == b"certificate"
    assert carekey_agent.SELECT not in asked


class Told:
    """A service that takes down what it is told, or does not answer."""

    def __init__(self) -> None:
        self.heard: list[list[bytes]] = []
        self.why = ""

    def tell(self, cards: list[bytes]) -> str:
        if not self.why:
            self.heard.append(list(cards))
        return self.why


def watch() -> tuple[carekey_agent.Watch, Told]:
    told = Told()
    return carekey_agent.Watch(told), told  # type: ignore[arg-type]


def test_a_card_that_left_and_is_back_has_left() -> None:
    it, told = watch()
    it.notice([b"a", b"b"], lost=set(), now=0)
    it.notice([b"a", b"b"], lost={b"a"}, now=1)
    assert told.heard == [[b"a", b"b"], [b"b"], [b"a", b"b"]], "and the card in the other reader has not"


def test_what_pc_sc_counts_tells_of_a_card_that_was_out_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader's event has in its upper half how often a card came or went."""
    readers, name = object.__new__(carekey_agent.Readers), b"Virtual PCD 00 00"
    readers._held, certificates = {}, iter([b"first", b"second", b"second"])
    monkeypatch.setattr(readers, "_look", lambda: None)
    monkeypatch.setattr(readers, "_certificate", lambda _: next(certificates))
    looks = []
    for count, present in ((1, True), (1, True), (3, True), (4, False), (7, True)):
        readers._states = {carekey_agent.PNP: 0, name: count << 16 | (carekey_agent.PRESENT if present else 0)}
        looks.append(readers.cards())
    assert looks == [
        ([b"first"], set()),
        ([b"first"], set()),
        ([b"second"], {b"first"}),
        ([], {b"second"}),
        ([b"second"], set()),
    ]


def test_where_the_reader_is_unplugged_its_card_is_told_to_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be seen is not there: else pulling the reader's plug would keep a session open."""

    class Unplugged:
        def __init__(self) -> None:
            self.looked = 0

        def cards(self) -> tuple[list[bytes], set[bytes]]:
            self.looked += 1
            if self.looked > 1:
                raise carekey_agent.NoReader("PC/SC does not answer")
            return [b"a"], set()

        def wait(self, seconds: float) -> None: ...

        def close(self) -> None: ...

    def enough(seconds: float) -> None:
        raise KeyboardInterrupt

    told = Told()
    monkeypatch.setattr(carekey_agent, "Readers", Unplugged)
    monkeypatch.setattr(carekey_agent.time, "sleep", enough)
    with pytest.raises(KeyboardInterrupt):
        carekey_agent.run(told)  # type: ignore[arg-type]  # it hears what the service would
    assert told.heard == [[b"a"], []]


def test_a_removal_that_could_not_be_told_is_told_later_even_if_the_card_is_back() -> None:
    it, told = watch()
    it.notice([b"a"], lost=set(), now=0)
    told.why = "the service cannot be reached"
    it.notice([], lost={b"a"}, now=1)
    it.notice([b"a"], lost=set(), now=2)
    assert it.patience([b"a"]) == carekey_agent.RETRY
    told.why = ""
    it.notice([b"a"], lost=set(), now=3)
    assert told.heard == [[b"a"], [], [b"a"]]
    assert it.patience([b"a"]) == carekey_agent.REPEAT


def test_it_repeats_itself_now_and_then_and_else_is_quiet() -> None:
    it, told = watch()
    it.notice([], lost=set(), now=0)
    it.notice([], lost=set(), now=carekey_agent.REPEAT - 1)
    assert told.heard == [[]]
    it.notice([], lost=set(), now=carekey_agent.REPEAT)
    assert told.heard == [[], []]


def test_the_moments_it_names_always_rise(monkeypatch: pytest.MonkeyPatch) -> None:
    import base64

    service = carekey_agent.Service(origin="https://x.example", key=carekey_agent.Ed25519(bytes(32)))
    clock = iter([1000, 1000, 999, 500_000])
    monkeypatch.setattr(carekey_agent.time, "time_ns", lambda: next(clock) * 1_000_000)
    said = [json.loads(base64.urlsafe_b64decode(service.statement([]).split(b".")[1] + b"=="))["at"] for _ in range(4)]
    assert said == [1000, 1001, 1002, 500_000]


def test_it_needs_nothing_but_the_standard_library() -> None:
    import ast

    tree = ast.parse(AGENT.read_text())
    imported = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= sys.stdlib_module_names
