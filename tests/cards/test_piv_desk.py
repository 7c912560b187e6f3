"""A PIV card at the desk: issued, renewed and unlocked, pulled out at every command that changes it, and gone on with.

The card is the virtual one, asked without a reader; `test_piv_commands.py` has it in one, and the commands as processes.
"""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

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
from carekey.authenticators.smartcard.hidden_key import Kind
from carekey.authenticators.smartcard.issuing import Desk, Step
from carekey.authenticators.smartcard.model import Card, CardState, Purpose
from carekey.authenticators.smartcard.path import CardIdentity, judge
from carekey.authenticators.smartcard.piv_card import SLOTS, PivCard
from carekey.directory.model import Person
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.ids import PersonId
from carekey.kernel.secret import Secret
from carekey.storage import open_store
from support import piv_card as virtual
from support.piv_card import AES_192, MAKERS_KEY, TRIPLE_DES, Command, PulledOut

pytestmark = pytest.mark.anyio

PIN, PUK, KEY = Secret("482915"), Secret("12345678"), Secret(MAKERS_KEY.hex())
ROOT, CARDS = authorities()
NUMBER = bytes(range(16))
NURSE = Person(id=PersonId("555000000102"), given_name="Nia", family_name="Nurse")
ENTROPY = SystemEntropy()
RENEWABLE = NOW + 2 * YEAR - timedelta(days=30)
CHANGES = {0x47: "generate", 0xDB: "put data"}


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store = open_store("memory:")
    await store.write(lambda tx: tx.people.put([ASHA, NURSE]))
    yield Desk(store=store, authority=CARDS, profiles=TWO_YEARS, clock=Clock(), entropy=ENTROPY, by=BY)
    store.close()


@pytest.fixture
def chip() -> virtual.PivCard:
    return virtual.PivCard(pin=PIN.reveal())


def in_reader(chip: virtual.PivCard, kind: Kind = Kind.RSA_2048) -> PivCard:
    """Power on. A chip that is pulled out answers nothing, as PC/SC would."""
    chip.reset()

    def transmit(command: bytes) -> bytes:
        try:
            return chip.answer(command)
        except PulledOut:
            return b""

    card = PivCard(transmit, kind)
    assert card.is_piv()
    return card


def opened(chip: virtual.PivCard, *, pin: Secret = PIN, key: Secret = KEY, kind: Kind = Kind.RSA_2048) -> PivCard:
    card = in_reader(chip, kind)
    card.open_with(pin, key, ENTROPY.bytes(16))
    if card.number() is None:
        card.give_number(NUMBER)
    return card


def silent(_step: Step, _what: str) -> None:
    pass


async def issued(desk: Desk, chip: virtual.PivCard, person: Person = ASHA) -> Card:
    card = opened(chip)
    return await desk.issue(card, serial=card.serial, person=person.id, locked=False, progress=silent)


async def renewed(desk: Desk, chip: virtual.PivCard, *, late: bool = False, progress=silent) -> Card:
    card = opened(chip)
    return await desk.renew(card, serial=card.serial, late=late, progress=progress)


@pytest.mark.parametrize("kind", [Kind.P_256, Kind.P_384])
async def test_sp800_78_keys_on_a_curve_are_issued_used_and_take_the_place_of_others(desk, chip, kind) -> None:
    made = await issued(desk, chip)
    desk.clock.moment = RENEWABLE
    card = opened(chip, kind=kind)
    await desk.renew(card, serial=card.serial, late=False, progress=silent)
    await assert_whole(desk, chip, made, signed=4)
    size = {Kind.P_256: 256, Kind.P_384: 384}[kind]
    assert [key.key_size for key in chip.keys.values()] == [size] * 2
    wanted = {256: "sha256", 384: "sha384"}[size]
    algorithm = card.request(card.key(b"\x9a"), ASHA.id).signature_hash_algorithm
    assert algorithm is not None
    assert algorithm.name == wanted
    desk.clock.moment = RENEWABLE + 2 * YEAR - timedelta(days=31)
    await renewed(desk, chip)  # and back
    await assert_whole(desk, chip, made, signed=6)


async def test_keys_that_were_on_a_blank_card_are_never_certified(desk, chip) -> None:
    """Whoever has the management key can put in a key of which they have a copy, and mark it as we do."""
    card = opened(chip)
    card.make_key(b"\x9a", "")
    planted = chip.keys[0x9A]
    with pytest.raises(CardError, match="has keys that were not made here"):
        await issued(desk, chip)
    card.remove(b"\x9a")
    made = await issued(desk, chip)
    assert chip.keys[0x9A] != planted
    await assert_whole(desk, chip, made, signed=2)


async def events(desk: Desk) -> list[str]:
    found = await desk.store.read(lambda tx: tx.audit.search())
    return [one.tag for one in found if one.tag.startswith("smartcard:")]


def pulled_out_at(nth: int, when: str) -> Callable[[str, Command], None]:
    """At the nth command that changes the card: `before` it is done, or `after`, with the answer lost."""
    seen = 0

    def watch(now: str, command: Command) -> None:
        nonlocal seen
        if now == when and command.ins in CHANGES:
            seen += 1
            if seen == nth:
                raise PulledOut

    return watch


def never(_when: str, _command: Command) -> None:
    pass


def assert_nothing_contradicts(chip: virtual.PivCard) -> None:
    """No certificate is beside a key that is not its own."""
    card = in_reader(chip)
    for places in SLOTS.values():
        for id in places:
            if (der := card.certificate(id)) is not None:
                key = chip.keys[id[0]]
                assert isinstance(key, rsa.RSAPrivateKey)
                assert x509.load_der_x509_certificate(der).public_key() == key.public_key()


async def assert_whole(desk: Desk, chip: virtual.PivCard, made: Card, *, signed: int) -> None:
    """What is on the card is what the directory has, and it works."""
    card = opened(chip)
    found = await desk.store.read(lambda tx: tx.cards.certificates(made.id))
    held = {one.purpose: one.der for one in found if not one.superseded_at}
    assert len(found) == signed, "no certificate is signed twice"
    assert held == {purpose: card.certificate(places[0]) for purpose, places in SLOTS.items()}
    for places in SLOTS.values():
        card.check(places[0])
    identity = judge([held[Purpose.AUTHENTICATION]], profile=profile(ROOT, CARDS), now=desk.clock.now())
    assert isinstance(identity, CardIdentity), identity
    assert identity.person == ASHA.id


async def test_an_issued_card_logs_its_holder_in(desk, chip) -> None:
    made = await issued(desk, chip)
    assert (made.state, made.person, made.serial) == (CardState.ACTIVE, ASHA.id, NUMBER.hex())
    await assert_whole(desk, chip, made, signed=2)
    assert await events(desk) == [
        "smartcard:card:added",
        "smartcard:certificate:signed",
        "smartcard:certificate:signed",
        "smartcard:card:changed",
    ]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 8))
async def test_an_issue_goes_on_wherever_the_card_was_pulled_out(desk, chip, nth, when) -> None:
    """Seven changes: the number; then for each purpose the key, its mark, and its certificate."""
    chip.watch = pulled_out_at(nth, when)
    with pytest.raises(CardError, match="taken out, or does not answer"):
        await issued(desk, chip)
    chip.watch = never
    assert_nothing_contradicts(chip)
    assert "smartcard:card:changed" not in await events(desk), "the record does not say that it is issued"
    made = await issued(desk, chip)
    await assert_whole(desk, chip, made, signed=2)
    assert len(await events(desk)) == 4


async def test_an_issue_changes_the_card_seven_times(desk, chip) -> None:
    """So that the test above leaves none out."""
    done = []
    chip.watch = lambda when, command: done.append(command.ins) if when == "after" and command.ins in CHANGES else None
    await issued(desk, chip)
    assert len(done) == 7
    desk.clock.moment = RENEWABLE
    await renewed(desk, chip)
    assert len(done) == 7 + 8


async def test_renewal_leaves_only_new_keys_and_certificates(desk, chip) -> None:
    made = await issued(desk, chip)
    before = dict(chip.keys)
    with pytest.raises(CardError, match="90 days"):
        await renewed(desk, chip)
    assert chip.keys == before
    desk.clock.moment = RENEWABLE
    await renewed(desk, chip)
    await assert_whole(desk, chip, made, signed=4)
    assert not set(before.values()) & set(chip.keys.values())
    with pytest.raises(CardError, match="90 days"):
        await renewed(desk, chip)


async def test_that_a_card_was_renewed_out_of_time_is_on_record(desk, chip) -> None:
    """Whoever did it said that they had checked the person's identity."""
    await issued(desk, chip)
    desk.clock.moment = NOW + YEAR
    await renewed(desk, chip, late=True)
    signed = await desk.store.read(lambda tx: tx.audit.search(tag="smartcard:certificate:signed"))
    assert [one.data["seen"] for one in signed] == [False, False, True, True]


async def test_a_suspended_and_a_cancelled_card_are_not_renewed(desk, chip) -> None:
    from carekey.authenticators.smartcard.authority import registration
    from carekey.authenticators.smartcard.model import WhyCancelled

    made = await issued(desk, chip)
    desk.clock.moment = RENEWABLE
    before = (dict(chip.keys), dict(chip.objects))
    made = await desk.store.write(
        lambda tx: registration.move(tx, made, to=CardState.SUSPENDED, why="mislaid", by=BY, now=RENEWABLE)
    )
    for late in (False, True):
        with pytest.raises(CardError, match="not one that can be renewed"):
            await renewed(desk, chip, late=late)
    await desk.store.write(
        lambda tx: registration.cancel(tx, made, WhyCancelled.LOST, end_sessions=lambda *_: 0, by=BY, now=RENEWABLE)
    )
    with pytest.raises(CardError, match="not one that can be renewed"):
        await renewed(desk, chip)
    assert before == (chip.keys, chip.objects)


async def test_a_request_that_its_key_did_not_sign_gets_no_certificate(desk, chip) -> None:
    """Proof of possession (RFC 2986 section 3): whoever asks has the key, and not only its public half."""
    made = await issued(desk, chip)
    desk.clock.moment = RENEWABLE
    right = opened(chip).request(opened(chip).key(b"\x9a"), ASHA.id).public_bytes(Encoding.DER)
    forged = x509.load_der_x509_csr(right[:-1] + bytes([right[-1] ^ 1]))
    with pytest.raises(CardError, match="cannot prove that it has the key"):
        await desk.counter(made.id, late=False).sign(Purpose.AUTHENTICATION, forged)


async def test_a_certificate_is_not_called_replaced_before_it_is(desk, chip) -> None:
    """Whoever says so too early would have a card that logs nobody in."""
    made = await issued(desk, chip)
    desk.clock.moment = RENEWABLE
    for one in await desk.store.read(lambda tx: tx.cards.certificates(made.id)):
        with pytest.raises(CardError, match="has not been replaced"):
            await desk.counter(made.id, late=False).replaced(one)
    desk.clock.moment = NOW + timedelta(days=1)
    request = opened(chip).request(opened(chip).key(b"\x9a"), ASHA.id)
    with pytest.raises(CardError, match="in the 90 days before it ends"):
        await desk.counter(made.id, late=False).sign(Purpose.AUTHENTICATION, request)
    await assert_whole(desk, chip, made, signed=2)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 9))
async def test_a_renewal_goes_on_wherever_the_card_was_pulled_out(desk, chip, nth, when) -> None:
    """Eight changes, for each purpose: the old certificate goes, then the key, its mark, and its certificate."""
    made = await issued(desk, chip)
    desk.clock.moment = RENEWABLE
    chip.watch = pulled_out_at(nth, when)
    with pytest.raises(CardError, match="taken out, or does not answer"):
        await renewed(desk, chip)
    chip.watch = never
    assert_nothing_contradicts(chip)
    await renewed(desk, chip)
    await assert_whole(desk, chip, made, signed=4)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("step", [Step.MAKING_KEYS, Step.ASKING, Step.WRITING, Step.CHECKING, Step.CLEARING])
async def test_a_renewal_goes_on_when_the_desk_stopped(desk, chip, step, purpose, late) -> None:
    class Killed(Exception):
        pass

    def progress(now: Step, what: str) -> None:
        if (now, what) == (step, purpose.value):
            raise Killed

    made = await issued(desk, chip)
    desk.clock.moment = NOW + YEAR if late else RENEWABLE
    with pytest.raises(Killed):
        await renewed(desk, chip, late=late, progress=progress)
    await renewed(desk, chip, late=late)
    await assert_whole(desk, chip, made, signed=4)


@pytest.mark.parametrize("algorithm", [AES_192, TRIPLE_DES])
async def test_a_wrong_management_key_changes_nothing(desk, chip, algorithm) -> None:
    chip.management_algorithm = algorithm
    await issued(desk, chip)
    other = virtual.PivCard(pin=PIN.reveal(), management_algorithm=algorithm)
    for wrong in ("09" * 24, "09" * 16, "09" * 32):
        with pytest.raises(CardError, match="The management key is not this card's"):
            opened(other, key=Secret(wrong))
    with pytest.raises(CardError, match="32, 48 or 64 hexadecimal digits") as refused:
        opened(other, key=Secret("no key"))
    assert "no key" not in str(refused.value)
    assert (other.objects, other.keys, other.left) == ({}, {}, 3), "nor was a try of the PIN spent"


def test_a_card_that_cannot_prove_the_management_key_is_no_card(chip) -> None:
    """Whoever puts something else into the reader gets no PIN from it."""
    card = in_reader(chip)
    sent = []

    def transmit(command: bytes) -> bytes:
        sent.append(command)
        if command[1] == 0x87 and len(command) > 20:
            return bytes.fromhex("7c128210") + bytes(16) + b"\x90\x00"
        return chip.answer(command)

    card = PivCard(transmit)
    with pytest.raises(CardError, match="not this card's"):
        card.open_with(PIN, KEY, ENTROPY.bytes(16))
    assert not [one for one in sent if one[1] == 0x20]


def test_an_answer_without_end_is_given_up() -> None:
    card = PivCard(lambda _: b"\x61\x00")
    with pytest.raises(CardError, match="as no PIV card does"):
        card.is_piv()


def test_a_wrong_pin_is_counted_and_then_locks(chip) -> None:
    for said in ("2 tries are left", "one try is left", "is locked", "is locked"):
        with pytest.raises(CardError, match=said):
            opened(chip, pin=Secret("000000"))
    with pytest.raises(CardError, match="is locked"):
        opened(chip)
    assert not chip.objects


def test_a_pin_that_cannot_be_one_spends_no_try(chip) -> None:
    with pytest.raises(CardError, match="six to eight digits"):
        opened(chip, pin=Secret("1"))
    assert chip.left == 3


def test_the_puk_unlocks_and_is_counted(chip) -> None:
    chip.left = 0
    with pytest.raises(CardError, match="PUK is wrong: 2 tries are left"):
        in_reader(chip).unlock(Secret("99999999"), Secret("731902"))
    with pytest.raises(CardError, match="PIN of a PIV card has six to eight digits"):
        in_reader(chip).unlock(PUK, Secret("12"))
    assert (chip.puk_left, chip.locked) == (2, True)
    in_reader(chip).unlock(PUK, Secret("731902"))
    assert (chip.pin, chip.left, chip.puk_left) == ("731902", 3, 3)
    for said in ("2 tries", "one try", "blocked", "blocked"):
        with pytest.raises(CardError, match=said):
            in_reader(chip).unlock(Secret("99999999"), Secret("111111"))
    with pytest.raises(CardError, match="PUK is blocked"):
        in_reader(chip).unlock(PUK, Secret("111111"))
    assert chip.pin == "731902"


async def test_another_persons_card_is_not_written_over(desk, chip) -> None:
    await issued(desk, chip)
    before = (dict(chip.keys), dict(chip.objects), await events(desk))
    with pytest.raises(CardError, match="somebody else's"):
        await issued(desk, chip, NURSE)
    assert before == (chip.keys, chip.objects, await events(desk))


async def test_a_card_of_another_pki_is_not_written_over(desk, chip) -> None:
    elsewhere = open_store("memory:")
    await elsewhere.write(lambda tx: tx.people.put([ASHA]))
    other = Desk(store=elsewhere, authority=CARDS, profiles=TWO_YEARS, clock=Clock(), entropy=ENTROPY, by=BY)
    await issued(other, chip)
    elsewhere.close()
    before = (dict(chip.keys), dict(chip.objects))
    with pytest.raises(CardError, match="not made here"):
        await issued(desk, chip)
    assert before == (chip.keys, chip.objects)
    assert not await events(desk)


async def test_a_copy_of_a_card_is_not_renewed_in_its_place(desk, chip) -> None:
    """Number and certificates can be read by anybody, and written on another card; the keys cannot."""
    await issued(desk, chip)
    desk.clock.moment = RENEWABLE
    copy = virtual.PivCard(pin=PIN.reveal(), objects=dict(chip.objects))
    opened(copy).give_number(NUMBER)
    opened(copy)._done([bytes.fromhex("0047009a05ac0380010700")])  # keys of its own
    before = await events(desk)
    with pytest.raises(CardError, match="do not belong together"):
        await renewed(desk, copy)
    copy.objects = {name: held for name, held in copy.objects.items() if name == 0x5FC102}
    with pytest.raises(CardError, match="not the card"):
        await renewed(desk, copy)
    assert await events(desk) == before


async def test_a_cancelled_card_is_not_issued_again(desk, chip) -> None:
    from carekey.authenticators.smartcard.authority import registration
    from carekey.authenticators.smartcard.model import WhyCancelled

    made = await issued(desk, chip)
    await desk.store.write(
        lambda tx: registration.cancel(
            tx, made, WhyCancelled.LOST, end_sessions=lambda *_: 0, by=BY, now=desk.clock.now()
        )
    )
    with pytest.raises(CardError, match="is cancelled already"):
        await issued(desk, chip)


def test_the_private_keys_signature_needs_the_pin_each_time(chip) -> None:
    """SP 800-73-4 part 1 section 3.2.1: for the key for signatures, once for each."""
    card = opened(chip)
    card.make_key(b"\x9c", "")
    pins = []
    chip.watch = lambda when, command: pins.append(command.ins) if when == "after" else None
    key = card.key(b"\x9c")
    assert key is not None
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    for _ in range(2):
        signed = key.sign(b"text", padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signed, b"text", padding.PKCS1v15(), hashes.SHA256())
    assert [ins for ins in pins if ins in {0x20, 0x87}] == [0x20, 0x87] * 2
