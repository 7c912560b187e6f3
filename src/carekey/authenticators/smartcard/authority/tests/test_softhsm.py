"""Real tokens: keys made on them, certificates written to them, interrupted at every step and gone on with."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from cryptography import x509

from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.authority.tests.world import (
    ASHA,
    BY,
    NOW,
    TWO_YEARS,
    YEAR,
    Clock,
    authorities,
    profile,
)
from carekey.authenticators.smartcard.choosing import Wanted
from carekey.authenticators.smartcard.hidden_key import Kind
from carekey.authenticators.smartcard.model import CardState, Purpose
from carekey.authenticators.smartcard.path import CardIdentity, judge
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.ids import PersonId
from carekey.kernel.secret import Secret
from carekey.storage import open_store

pkcs11 = pytest.importorskip("pkcs11", reason="the extra `cards` is not installed: pip install python-pkcs11")
from carekey.authenticators.smartcard import tokens  # noqa: E402
from carekey.authenticators.smartcard.issuing import Desk, Step  # noqa: E402
from carekey.authenticators.smartcard.writable import SLOTS  # noqa: E402

pytestmark = [pytest.mark.anyio, pytest.mark.softhsm]

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN, OFFICER = Secret("482915"), Secret("87654321")
ROOT, CARDS = authorities()
DAY = timedelta(days=1)


class PulledOut(Exception):
    """What a person does in the middle of it."""


@pytest.fixture(scope="module", autouse=True)
def softhsm(tmp_path_factory):
    """SoftHSM reads its configuration once for a process."""
    if not Path(MODULE).exists():
        pytest.skip("SoftHSM is not installed: apt-get install softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    yield
    del os.environ["SOFTHSM2_CONF"]


@pytest.fixture
def card(request) -> str:
    """A blank card; its serial number."""
    label = f"card {abs(hash(request.node.name)) % 10**8}"
    pins = ["--so-pin", OFFICER.reveal(), "--pin", PIN.reveal()]
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, *pins], check=True, capture_output=True
    )
    library = pkcs11.lib(MODULE)
    library.reinitialize()
    return library.get_token(token_label=label).serial.decode().strip()


@pytest.fixture
async def desk():
    store = open_store("memory:")
    await store.write(lambda tx: tx.people.put([ASHA]))
    yield Desk(store=store, authority=CARDS, profiles=TWO_YEARS, clock=Clock(), entropy=SystemEntropy(), by=BY)
    store.close()


def stopping_at(step: Step, purpose: str):
    def progress(now: Step, what: str) -> None:
        if (now, what) == (step, purpose):
            raise PulledOut

    return progress


def silent(step: Step, what: str) -> None:
    pass


async def issued(desk, card, *, progress=silent, locked=False):
    with tokens.opened(MODULE, PIN, Wanted(card=card)) as reader:
        return await desk.issue(reader, serial=card, person=ASHA.id, locked=locked, progress=progress)


async def renewed(desk, card, *, progress=silent, late=False):
    with tokens.opened(MODULE, PIN, Wanted(card=card)) as reader:
        return await desk.renew(reader, serial=card, late=late, progress=progress)


def certificates(card) -> dict[bytes, bytes]:
    with tokens.opened(MODULE, PIN, Wanted(card=card)) as reader:
        pairs = [slot for pair in SLOTS.values() for slot in pair]
        return {slot: der for slot in pairs if (der := reader.certificate(slot)) is not None}


async def test_an_issued_card_logs_its_holder_in(desk, card) -> None:
    made = await issued(desk, card)
    assert (made.state, made.person, made.serial) == (CardState.ACTIVE, ASHA.id, card)
    on_card = certificates(card)
    assert set(on_card) == {b"\x01", b"\x02"}
    found = judge([on_card[b"\x01"]], profile=profile(ROOT, CARDS), now=NOW)
    assert isinstance(found, CardIdentity), found
    assert found.person == ASHA.id


async def test_the_keys_never_leave_the_card(desk, card) -> None:
    await issued(desk, card)
    library = pkcs11.lib(MODULE)
    with library.get_token(token_serial=card.encode()).open(user_pin=PIN.reveal()) as session:
        private = list(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}))
        assert len(private) == 2
        for key in private:
            assert not key[pkcs11.Attribute.EXTRACTABLE]
            with pytest.raises(pkcs11.exceptions.AttributeSensitive):
                _ = key[pkcs11.Attribute.PRIVATE_EXPONENT]


FIRST, SECOND = (purpose.value for purpose in Purpose)
STEPS = [
    (Step.MAKING_KEYS, FIRST),
    (Step.ASKING, FIRST),
    (Step.WRITING, FIRST),
    (Step.CHECKING, FIRST),
    (Step.MAKING_KEYS, SECOND),
    (Step.CHECKING, SECOND),
]


@pytest.mark.parametrize(("step", "purpose"), STEPS)
async def test_an_interrupted_issue_goes_on(desk, card, step, purpose) -> None:
    with pytest.raises(PulledOut):
        await issued(desk, card, progress=stopping_at(step, purpose))
    made = await issued(desk, card)
    assert made.state is CardState.ACTIVE
    assert len(await desk.store.read(lambda tx: tx.cards.certificates(made.id))) == 2
    assert set(certificates(card)) == {b"\x01", b"\x02"}


async def test_a_card_is_not_issued_twice_nor_for_two(desk, card) -> None:
    await issued(desk, card)
    with pytest.raises(CardError):
        await issued(desk, card)


async def test_renewal_leaves_only_new_keys_and_certificates(desk, card) -> None:
    await issued(desk, card)
    before = certificates(card)
    with pytest.raises(CardError, match="90 days"):
        await renewed(desk, card)
    desk.clock.moment = NOW + 2 * YEAR - 30 * DAY
    await renewed(desk, card)
    after = certificates(card)
    assert set(after) == {b"\x11", b"\x12"}
    assert not set(before.values()) & set(after.values())
    found = judge([after[b"\x11"]], profile=profile(ROOT, CARDS), now=desk.clock.moment)
    assert isinstance(found, CardIdentity)
    with pytest.raises(CardError, match="90 days"):
        await renewed(desk, card)
    desk.clock.moment += 2 * YEAR - 30 * DAY
    await renewed(desk, card)
    assert set(certificates(card)) == {b"\x01", b"\x02"}


@pytest.mark.parametrize(
    ("step", "purpose", "late"),
    [
        *((*step, False) for step in STEPS),
        (Step.CLEARING, FIRST, False),
        (Step.CLEARING, SECOND, False),
        (Step.CHECKING, FIRST, True),
        (Step.MAKING_KEYS, SECOND, True),
    ],
)
async def test_an_interrupted_renewal_goes_on(desk, card, step, purpose, late) -> None:
    made = await issued(desk, card)
    desk.clock.moment = NOW + (YEAR if late else 2 * YEAR - 30 * DAY)
    with pytest.raises(PulledOut):
        await renewed(desk, card, progress=stopping_at(step, purpose), late=late)
    works = [one for one in certificates(card).values() if _for_log_in(one)]
    assert works, "the card can be used all the time"
    await renewed(desk, card, late=late)
    assert set(certificates(card)) == {b"\x11", b"\x12"}
    kept = await desk.store.read(lambda tx: tx.cards.certificates(made.id))
    assert sorted(one.superseded_at is None for one in kept) == [False, False, True, True]


def _for_log_in(der: bytes) -> bool:
    usage = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.KeyUsage)
    return usage.value.digital_signature


async def test_a_wrong_pin_and_a_missing_card_are_said(desk, card) -> None:
    with pytest.raises(CardError, match="PIN is wrong"), tokens.opened(MODULE, Secret("000000"), Wanted(card=card)):
        pass
    with pytest.raises(CardError, match="not in a reader"):
        tokens.facts(MODULE, Wanted(card="no such card"))
    with pytest.raises(CardError, match="cannot be loaded"):
        tokens.facts("/nowhere.so")


async def test_unlocking_gives_a_new_pin(desk, card) -> None:
    await issued(desk, card, locked=True)
    new = Secret("731902")
    tokens.unlock(MODULE, security_officer_pin=OFFICER, new_pin=new, wanted=Wanted(card=card))
    with tokens.opened(MODULE, new, Wanted(card=card)) as reader:
        assert reader.key(b"\x01") is not None
    with pytest.raises(CardError, match="PIN is wrong"), tokens.opened(MODULE, PIN, Wanted(card=card)):
        pass
    with pytest.raises(CardError, match="PIN is wrong"):
        tokens.unlock(MODULE, security_officer_pin=Secret("11111111"), new_pin=new, wanted=Wanted(card=card))


async def test_a_card_for_nobody_is_not_begun(desk, card) -> None:
    with tokens.opened(MODULE, PIN, Wanted(card=card)) as reader, pytest.raises(CardError):
        await desk.issue(reader, serial=card, person=PersonId("1"), locked=False, progress=silent)
    assert not certificates(card)


@pytest.mark.parametrize("kind", [Kind.P_256, Kind.P_384])
async def test_keys_on_a_curve_are_issued_and_renewed(desk, card, kind) -> None:
    curve = {Kind.P_256: "secp256r1", Kind.P_384: "secp384r1"}[kind]
    await issued(desk, card)
    desk.clock.moment = NOW + 2 * YEAR - 30 * DAY
    with tokens.opened(MODULE, PIN, Wanted(card=card), kind=kind) as reader:
        await desk.renew(reader, serial=card, late=False, progress=silent)
    after = certificates(card)
    assert [x509.load_der_x509_certificate(one).public_key().curve.name for one in after.values()] == [curve] * 2
    found = judge([after[b"\x11"]], profile=profile(ROOT, CARDS), now=desk.clock.moment)
    assert isinstance(found, CardIdentity), found


SECOND = """
from carekey.authenticators.smartcard import tokens
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.choosing import Wanted
from carekey.kernel.secret import Secret
MODULE, PIN, CARD = "{module}", Secret("482915"), Wanted(card="{card}")
try:
    {second}
except CardError as error:
    print(error)
"""


async def test_two_at_one_card_do_not_both_make_keys_on_it(desk, card) -> None:
    """PKCS#11 would let them: two keys in one place, of which a browser picks any."""
    await issued(desk, card)
    said = []
    with tokens.opened(MODULE, PIN, Wanted(card=card)) as reader:
        for second in (
            "with tokens.opened(MODULE, PIN, CARD): pass",
            "tokens.unlock(MODULE, security_officer_pin=PIN, new_pin=PIN, wanted=CARD)",
        ):
            program = SECOND.format(module=MODULE, card=card, second=second)
            done = await anyio.run_process([sys.executable, "-c", program])
            said.append(done.stdout.decode().strip())
        assert reader.key(b"\x01") is not None
    assert said == [f"Somebody else is at the card {card} just now: repeat it when they are done."] * 2
    with tokens.opened(MODULE, PIN, Wanted(card=card)):
        pass


async def test_a_key_that_was_on_the_card_before_is_never_certified(desk, card) -> None:
    """Whoever put it there may have a copy."""
    with tokens.opened(MODULE, PIN, Wanted(card=card)) as reader:
        planted = reader.make_key(b"\x01", "").public_key()
        with pytest.raises(CardError, match="has keys that were not made here"):
            await desk.issue(reader, serial=card, person=ASHA.id, locked=False, progress=silent)
        assert reader.key(b"\x01").public_key() == planted, "nothing was destroyed"
        reader.remove(b"\x01")
        await desk.issue(reader, serial=card, person=ASHA.id, locked=False, progress=silent)
        planted = reader.make_key(b"\x11", "").public_key()
        desk.clock.moment = NOW + 2 * YEAR - 30 * DAY
        await desk.renew(reader, serial=card, late=False, progress=silent)
        renewed_key = reader.key(b"\x11").public_key()
    assert renewed_key != planted


def half_removed(self, slot: bytes) -> None:
    self._one(pkcs11.ObjectClass.CERTIFICATE, slot).destroy()


async def test_a_key_that_was_replaced_is_not_taken_up_again(desk, card, monkeypatch) -> None:
    """It stayed on the card, since clearing was interrupted between its certificate and the key itself."""
    await issued(desk, card)
    with tokens.opened(MODULE, PIN, Wanted(card=card)) as reader:
        first = reader.key(b"\x01").public_key()
        monkeypatch.setattr(tokens.Token, "remove", half_removed)
        desk.clock.moment = NOW + 2 * YEAR - 30 * DAY
        await desk.renew(reader, serial=card, late=False, progress=silent)
        monkeypatch.undo()
        assert reader.key(b"\x01").public_key() == first
        desk.clock.moment += 2 * YEAR - 30 * DAY
        await desk.renew(reader, serial=card, late=False, progress=silent)
        assert reader.certificate(b"\x01") is not None
        assert reader.key(b"\x01").public_key() != first
