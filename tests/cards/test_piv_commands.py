"""`carekey card` at a reader with a PIV card: real PC/SC, each command a process of its own, and the card then logs in."""

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import card_reader, commands
from support.card_reader import Reader
from support.card_steps import heading, proceed, to_the_card_page
from support.cards import CardPki, Curl
from support.own_cards import SOON, card_events, card_state, own_authority, refusals
from support.piv_card import MAKERS_KEY, Command, PivCard, PulledOut
from support.provider import CAREKEY, GP, NURSE, Provider
from support.relying_party import RelyingParty

pytestmark = pytest.mark.reader

CALLBACK = "http://localhost:9/callback"
PIN, NEW_PIN, PUK, KEY = "482915", "731902", "12345678", MAKERS_KEY.hex()
DESK = {
    "CAREKEY_CARD_PIN": PIN,
    "CAREKEY_CARD_OFFICER_PIN": PUK,
    "CAREKEY_CARD_NEW_PIN": NEW_PIN,
    "CAREKEY_CARD_MANAGEMENT_KEY": KEY,
}
SECRETS = (PIN, NEW_PIN, PUK, KEY)
CHANGES = frozenset({0x47, 0xDB})
"""GENERATE ASYMMETRIC KEY PAIR and PUT DATA."""

if why := card_reader.why_not():
    pytestmark = [pytestmark, pytest.mark.skip(reason=why)]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with card_reader.card_reader() as running:
        yield running


@pytest.fixture(scope="module")
def provider(pki: CardPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with own_authority(tmp_path_factory.mktemp("piv"), pki, module="piv") as running:
        yield running


@dataclass(frozen=True)
class Desk:
    provider: Provider
    reader: Reader

    def environment(self, more: Mapping[str, str]) -> Mapping[str, str]:
        return {**os.environ, **self.provider.environment, **self.reader.environment, **DESK, **more}

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        done = commands.run(
            ["card", *words], environment=self.environment(more), folder=self.provider.folder, within=60
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        assert not [secret for secret in SECRETS if secret in said]
        return done

    def did(self, *words: str, **more: str) -> str:
        done = self.run(*words, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, *words: str, **more: str) -> str:
        """What it says, in one sentence or two, when it ends with "not allowed"."""
        done = self.run(*words, **more)
        assert done.returncode == 4, (done.returncode, done.stderr)
        return done.stderr

    def begin(self, *words: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*CAREKEY, "card", *words],
            env=self.environment(more),
            cwd=self.provider.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def state(self, serial: str) -> tuple[str, int, int] | None:
        return card_state(self.provider, serial)


@pytest.fixture
def desk(provider: Provider, reader: Reader) -> Iterator[Desk]:
    yield Desk(provider, reader)
    reader.remove()


@pytest.fixture
def blank(reader: Reader) -> PivCard:
    card = PivCard(pin=PIN)
    reader.insert(card)
    return card


def numbered(card: PivCard) -> str:
    """The number that was given to it; empty if none was."""
    whole = card.objects.get(0x5FC102, b"")
    at = whole.find(b"\x34\x10")
    return whole[at + 2 : at + 18].hex() if at >= 0 else ""


def at_change(nth: int, do: Callable[[], None]) -> Callable[[str, Command], None]:
    """Before the nth command that changes the card."""
    seen = 0

    def watch(when: str, command: Command) -> None:
        nonlocal seen
        if when == "before" and command.ins in CHANGES:
            seen += 1
            if seen == nth:
                do()

    return watch


def pull_out() -> None:
    raise PulledOut


def quietly(_when: str, _command: Command) -> None:
    pass


class Holder:
    """Logs in with the card that is in the reader, by a browser's steps and OpenSC's PKCS#11."""

    def __init__(self, curl: Curl, party: RelyingParty, pin: str) -> None:
        uri = "pkcs11:manufacturer=piv_II;id=%01"
        curl.more = ("--key", f"{uri};type=private;pin-value={pin}", "--cert", f"{uri};type=cert")
        self._curl = curl
        self._party = party

    def logs_in(self) -> str:
        done = proceed(self._curl, to_the_card_page(self._curl, self._party, prompt="login"))
        assert done.url.startswith(CALLBACK), (heading(done), done.errors)
        token = self._party.token(self._party.answered(done.url)["code"]).json()["id_token"]
        subject: str = self._party.id_token(token, nonce="n")["sub"]
        return subject

    def is_told(self) -> str:
        return heading(proceed(self._curl, to_the_card_page(self._curl, self._party, prompt="login")))


@pytest.fixture
def holder(curl: Curl, party: RelyingParty, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Holder]:
    for name, value in {**reader.environment, "PKCS11_MODULE_PATH": card_reader.MODULE}.items():
        monkeypatch.setenv(name, value)
    return lambda pin: Holder(curl, party, pin)


def test_a_piv_card_from_blank_to_cancelled(desk: Desk, blank: PivCard, holder: Callable[[str], Holder]) -> None:
    issued = desk.run("issue", GP, "--locked", **SOON)
    assert issued.returncode == 0, issued.stderr
    serial = issued.stdout.strip()
    steps = ["Giving the card a number", "Entering the card in the directory"]
    for purpose in ("authentication", "content_commitment"):
        steps += [f"{step}: {purpose}" for step in ("Making keys on the card", "Asking for certificates", "Writing")]
        steps += [f"Checking: {purpose}"]
    told = [line for line in issued.stderr.splitlines() if any(line.startswith(step) for step in steps)]
    assert [line.replace(f": {serial}", "") for line in told] == steps
    assert serial == numbered(blank)
    assert not blank.opened, "other programs find it as it was"
    assert desk.state(serial) == ("locked", 2, 0)
    assert holder(PIN).is_told() == "This smartcard is locked"

    desk.did("unlock")
    assert blank.pin == NEW_PIN
    shown = json.loads(desk.did("status", serial, "--json"))
    assert (shown["state"], shown["person"], len(shown["certificates"])) == ("active", GP, 2)
    # It runs out in 60 days: the person is told, and goes on.
    assert holder(NEW_PIN).is_told().startswith("Your smartcard runs out on")
    assert holder(NEW_PIN).logs_in() == GP

    keys = dict(blank.keys)
    assert "The PIN is wrong: 2 tries are left." in desk.refused("renew")
    assert blank.keys == keys
    renewed = desk.run("renew", CAREKEY_CARD_PIN=NEW_PIN)
    assert renewed.returncode == 0, renewed.stderr
    assert f"The card {serial} is renewed. It is {GP}'s." in renewed.stderr
    assert desk.state(serial) == ("active", 2, 2)
    assert set(keys.values()).isdisjoint(blank.keys.values())
    assert holder(NEW_PIN).logs_in() == GP
    assert "in the 90 days before it ends" in desk.refused("renew", CAREKEY_CARD_PIN=NEW_PIN)

    desk.did("cancel", serial, "--why", "lost")
    assert desk.state(serial) == ("cancelled", 2, 2)
    assert holder(NEW_PIN).is_told() == "This smartcard is cancelled"
    assert "is cancelled already" in desk.refused("issue", GP, CAREKEY_CARD_PIN=NEW_PIN)
    assert card_events(desk.provider)[-9:] == [
        "smartcard:card:added",
        *["smartcard:certificate:signed"] * 2,
        "smartcard:card:changed",
        "smartcard:card:unlocking",
        "smartcard:card:changed",
        *["smartcard:certificate:signed"] * 2,
        "smartcard:card:cancelled",
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"CAREKEY_CARD_MANAGEMENT_KEY": "09" * 24}, "The management key is not this card's."),
        ({"CAREKEY_CARD_MANAGEMENT_KEY": "0102"}, "The management key has 32, 48 or 64 hexadecimal digits."),
        ({"CAREKEY_CARD_PIN": "000000"}, "The PIN is wrong: 2 tries are left."),
        ({"CAREKEY_CARD_PIN": "12"}, "The PIN of a PIV card has six to eight digits."),
    ],
)
def test_what_does_not_open_the_card_changes_nothing(
    desk: Desk, blank: PivCard, wrong: Mapping[str, str], said: str
) -> None:
    before = card_events(desk.provider)
    assert said in desk.refused("issue", GP, **wrong)
    assert (blank.keys, blank.objects) == ({}, {})
    assert card_events(desk.provider) == before


def test_a_locked_card_says_so(desk: Desk, blank: PivCard) -> None:
    blank.left = 0
    assert "The card is locked: unlock it first." in desk.refused("issue", GP)


@pytest.mark.parametrize("nth", [1, 3, 7])  # all of them: test_piv_desk.py
def test_an_issue_goes_on_after_the_card_was_pulled_out(
    desk: Desk, blank: PivCard, holder: Callable[[str], Holder], nth: int
) -> None:
    before = card_events(desk.provider)
    blank.watch = at_change(nth, pull_out)
    assert "taken out, or does not answer" in desk.refused("issue", GP)
    assert "smartcard:card:changed" not in card_events(desk.provider)[len(before) :]
    known = desk.state(numbered(blank))
    assert known is None or known[0] == "prepared"
    blank.watch = quietly
    desk.reader.inserted(blank)
    serial = desk.did("issue", GP)
    assert desk.state(serial) == ("active", 2, 0)
    assert len(card_events(desk.provider)) == len(before) + 4, "each thing is said once"
    assert holder(PIN).logs_in() == GP


@pytest.mark.parametrize("nth", [2, 3, 8])
def test_a_renewal_goes_on_after_its_process_was_killed(
    desk: Desk, blank: PivCard, holder: Callable[[str], Holder], nth: int
) -> None:
    serial = desk.did("issue", GP, **SOON)
    at: list[subprocess.Popen[str]] = []

    def kill() -> None:
        os.kill(at[0].pid, signal.SIGKILL)
        at[0].wait(20)

    blank.watch = at_change(nth, kill)
    at.append(desk.begin("renew"))
    said, _ = at[0].communicate(timeout=60)
    assert at[0].returncode == -signal.SIGKILL, said
    blank.watch = quietly
    deadline = time.monotonic() + 20
    while blank.opened:  # pcscd notices that its client is gone, and resets the card
        assert time.monotonic() < deadline, "whoever comes next finds the card open"
        time.sleep(0.05)
    desk.did("renew")
    assert desk.state(serial) == ("active", 2, 2)
    assert holder(PIN).logs_in() == GP


def test_an_unlocking_that_was_pulled_out_is_done_again(desk: Desk, blank: PivCard) -> None:
    serial = desk.did("issue", GP, "--locked")

    def watch(when: str, command: Command) -> None:
        if (when, command.ins) == ("after", 0x2C):
            raise PulledOut

    blank.watch = watch
    assert "taken out, or does not answer" in desk.refused("unlock")
    assert desk.state(serial) == ("locked", 2, 0), "nobody said that it is not"
    blank.watch = quietly
    desk.reader.inserted(blank)
    desk.did("unlock")
    assert (desk.state(serial), blank.pin) == (("active", 2, 0), NEW_PIN)


def test_a_wrong_puk_is_said_and_on_record(desk: Desk, blank: PivCard) -> None:
    serial = desk.did("issue", GP)
    before = card_events(desk.provider)
    assert "The PUK is wrong: 2 tries are left." in desk.refused("unlock", CAREKEY_CARD_OFFICER_PIN="99999999")
    assert "six to eight digits" in desk.refused("unlock", CAREKEY_CARD_NEW_PIN="letters")
    assert card_events(desk.provider) == [*before, "smartcard:card:unlocking"], "whoever guesses is on record"
    assert (blank.pin, desk.state(serial)) == (PIN, ("active", 2, 0))


def test_another_persons_card_is_not_written_over(desk: Desk, blank: PivCard) -> None:
    desk.did("issue", GP)
    before = (dict(blank.keys), dict(blank.objects), card_events(desk.provider))
    assert "is somebody else's: cancel it, and take another." in desk.refused("issue", NURSE)
    assert before == (blank.keys, blank.objects, card_events(desk.provider))


def test_no_card_no_reader_and_another_card_are_said(desk: Desk, blank: PivCard, tmp_path: Path) -> None:
    unlocked = desk.run("unlock")
    assert (unlocked.returncode, "(no number) is not in the directory" in unlocked.stderr) == (3, True)
    assert "The card 00ff is not in a reader." in desk.refused("issue", GP, "--card", "00ff")
    desk.reader.remove()
    assert "There is no PIV card in a reader." in desk.refused("issue", GP)
    assert "start pcscd" in desk.refused("issue", GP, PCSCLITE_CSOCK_NAME=str(tmp_path / "nobody"))
    assert not blank.objects


FIRST, SECOND = "00 00", "00 01"
"""How pcscd ends the names of the reader's two slots."""


def test_of_two_cards_in_readers_none_is_chosen_by_chance(
    desk: Desk, blank: PivCard, holder: Callable[[str], Holder]
) -> None:
    """Neither while both are blank, and have no number to be told by, nor afterwards."""
    beside = PivCard(pin=PIN, puk="87654321")
    desk.reader.insert_beside(beside)
    for words in (("issue", GP), ("unlock",)):
        # No PIN is set: whoever is to choose first is not asked for one before.
        said = desk.refused(*words, CAREKEY_CARD_PIN="", CAREKEY_CARD_OFFICER_PIN="")
        assert said.count("\n") == 1
        assert said.startswith("There are several cards (a new one in ")
        assert "say which by --card or --reader" in said
    assert not blank.objects
    assert not beside.objects
    second = desk.did("issue", NURSE, "--reader", SECOND)
    first = desk.did("issue", GP, "--reader", FIRST, CAREKEY_CARD_AUTHORITY__CARD_KEYS="p-256")
    assert (numbered(blank), numbered(beside)) == (first, second)
    assert desk.state(first) == desk.state(second) == ("active", 2, 0)

    assert f'{first} in "' in desk.refused("unlock")
    desk.did("unlock", "--card", second, CAREKEY_CARD_OFFICER_PIN="87654321")
    assert (blank.pin, beside.pin) == (PIN, NEW_PIN)
    desk.reader.remove()
    desk.reader.insert(blank)
    assert holder(PIN).logs_in() == GP


def test_each_refusal_at_the_desk_is_on_record(desk: Desk, blank: PivCard) -> None:
    serial = desk.did("issue", GP)
    before = len(refusals(desk.provider))
    desk.refused("issue", "555000000999")
    desk.refused("issue", NURSE)
    desk.refused("renew", CAREKEY_CARD_PIN="000000")
    desk.refused("unlock", CAREKEY_CARD_OFFICER_PIN="99999999")
    desk.did("cancel", serial, "--why", "lost")
    desk.refused("suspend", serial, "--why", "left at home")
    assert refusals(desk.provider)[before:] == [
        ("issue", "", "555000000999", "Nobody who may log in has the user ID 555000000999."),
        ("issue", serial, NURSE, f"The card {serial} is somebody else's: cancel it, and take another."),
        ("renew", serial, "", "The PIN is wrong: 2 tries are left."),
        ("unlock", serial, GP, "The PUK is wrong: 2 tries are left."),
        ("suspend", serial, GP, f"The card {serial} is cancelled, and cannot become suspended."),
    ]


def test_a_card_of_others_that_has_no_number_is_not_given_one(desk: Desk, blank: PivCard) -> None:
    """What names it elsewhere would be gone."""
    blank.objects[0x5FC102] = b"\x53\x04\x30\x02\x01\x02"
    blank.objects[0x5FC105] = b"\x53\x09\x70\x02\x30\x00\x71\x01\x00\xfe\x00"
    before = dict(blank.objects)
    assert "was not issued here" in desk.refused("issue", GP)
    del blank.objects[0x5FC105]
    assert "was not issued here" in desk.refused("renew")
    assert "Nobody who may log in" in desk.refused("issue", "555000000999")
    assert blank.objects == {0x5FC102: before[0x5FC102]}


def test_sp800_73_4_part1_3_4_1_a_number_that_is_given_is_a_uuid(desk: Desk, blank: PivCard) -> None:
    done = desk.run("issue", GP, CAREKEY_CARD_PIN="")
    assert (done.returncode, done.stderr) == (
        2,
        "There is no terminal to ask for the PIN at: set CAREKEY_CARD_PIN.\n",
    )
    assert not blank.objects, "no secret is read from where there is no terminal"
    found = uuid.UUID(desk.did("issue", GP))
    assert (found.version, found.variant) == (4, uuid.RFC_4122)


def test_a_piv_card_is_not_renewed_by_its_holder_alone(desk: Desk) -> None:
    done = desk.refused("renew", "--service", desk.provider.issuer)
    assert "A PIV card is renewed where it was issued" in done


def test_the_card_is_as_opensc_expects_one_to_be(desk: Desk, reader: Reader, tmp_path: Path) -> None:
    """OpenSC's own tool proves the management key to it and writes a certificate: the card that these tests prove
    things by is not of our own understanding alone."""
    card = PivCard(pin=PIN)
    reader.insert(card)
    certificate = tmp_path / "any.pem"
    subject = ["-subj", "/CN=any", "-days", "2", "-keyout", os.devnull, "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", *subject], check=True, capture_output=True
    )
    key = tmp_path / "key"
    for algorithm in (0x0A, 0x03):
        card.management_algorithm = algorithm
        for value, written in ((b"\x09" * 24, 0), (MAKERS_KEY, 1)):
            key.write_text(value.hex(":"))
            subprocess.run(
                ["piv-tool", "-A", f"M:9B:{algorithm:02X}", "-C", "9A", "-i", str(certificate)],
                env={**os.environ, **reader.environment, "PIV_EXT_AUTH_KEY": str(key)},
                capture_output=True,
                check=False,  # 0.23 ends with 253 when it has written
                timeout=30,
            )
            assert len(card.objects) == written
        card.objects.clear()
