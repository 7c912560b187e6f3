"""What `carekey card` does at a reader: by PKCS#11, or by PC/SC with PIV cards (module `piv`)."""

import getpass
import os
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from carekey.app.terminal import CommandError, Exit, say
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.choosing import InReader, Wanted, choose
from carekey.authenticators.smartcard.hidden_key import Kind
from carekey.authenticators.smartcard.writable import Writable
from carekey.kernel.entropy import Entropy, SystemEntropy
from carekey.kernel.secret import Secret

if TYPE_CHECKING:
    from carekey.authenticators.smartcard.piv_card import PivCard

PIV = "piv"
_PIN, _OFFICER_PIN, _NEW_PIN = "CAREKEY_CARD_PIN", "CAREKEY_CARD_OFFICER_PIN", "CAREKEY_CARD_NEW_PIN"
_MANAGEMENT_KEY = "CAREKEY_CARD_MANAGEMENT_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a card shows without a PIN."""

    serial: str
    """Empty for a PIV card that has no number."""
    reader: str
    certificates: Sequence[bytes]

    @property
    def wanted(self) -> Wanted:
        """This one, whatever comes into other readers meanwhile."""
        return Wanted(card=self.serial, reader=self.reader)


class Reader(Protocol):
    """Every method raises CardError."""

    def shown(self, wanted: Wanted) -> Shown:
        """Nothing is asked for before it is clear which card is meant."""
        ...

    def opened(self, shown: Shown, *, issue: bool = False) -> AbstractContextManager[Writable]:
        """Ready to be written; asks for what that needs. `issue`: it may be blank."""
        ...

    def unlocking(self) -> tuple[Secret, Secret]:
        """Asks for what unlocks a card, and for its new PIN."""
        ...

    def unlock(self, shown: Shown, key: Secret, new_pin: Secret) -> None: ...


def reader(module: str, kind: Kind, *, besides: str | None = None) -> Reader:
    """`kind`: of the keys that cards make. `besides`: the serial number of a token of that module that is no card.

    Raises: CommandError."""
    if module == PIV:
        return PivReader(kind, SystemEntropy())
    try:
        from carekey.authenticators.smartcard import tokens
    except ModuleNotFoundError:
        raise CommandError(
            "Card readers need the package python-pkcs11: install carekey[cards].", Exit.DEPENDENCY
        ) from None
    return TokenReader(module, kind, besides, tokens)


def secret(variable: str, what: str, *, new: bool = False) -> Secret:
    """Never an argument: other people of the machine could read it there. `new`: it is typed twice, since whoever
    mistypes it once has a card that nobody can use. Raises: CommandError."""
    if found := os.environ.get(variable):
        return Secret(found)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would be seen on the screen
            typed = getpass.getpass(f"{what}: ")
            again = getpass.getpass(f"{what} again: ") if new else typed
    except (EOFError, OSError, getpass.GetPassWarning):
        raise CommandError(f"There is no terminal to ask for the {what} at: set {variable}.", Exit.USAGE) from None
    if again != typed:
        raise CommandError(f"That was not the same {what} twice. Nothing was changed.", Exit.USAGE)
    return Secret(typed)


@dataclass(frozen=True, slots=True)
class TokenReader:
    module: str
    kind: Kind
    besides: str | None
    tokens: ModuleType
    """`tokens.py`, which needs a package that only machines with a reader have."""

    def shown(self, wanted: Wanted) -> Shown:
        facts = self.tokens.facts(self.module, wanted, besides=self.besides)
        return Shown(serial=facts.serial, reader=facts.reader, certificates=facts.certificates)

    @contextmanager
    def opened(self, shown: Shown, *, issue: bool = False) -> Iterator[Writable]:
        del issue
        facts = self.tokens.facts(self.module, shown.wanted, besides=self.besides)
        if not facts.makes_keys:
            piv = " Is it a PIV card? Then use --module piv." if facts.manufacturer == self.tokens.PIV else ""
            raise CardError(f"The card {facts.serial} ({facts.manufacturer}) makes no keys by PKCS#11.{piv}")
        pin = secret(_PIN, "PIN")
        with self.tokens.opened(self.module, pin, shown.wanted, kind=self.kind) as card:
            yield card

    def unlocking(self) -> tuple[Secret, Secret]:
        return secret(_OFFICER_PIN, "Security officer's PIN"), secret(_NEW_PIN, "New PIN", new=True)

    def unlock(self, shown: Shown, key: Secret, new_pin: Secret) -> None:
        self.tokens.unlock(self.module, security_officer_pin=key, new_pin=new_pin, wanted=shown.wanted)


@dataclass(frozen=True, slots=True)
class PivReader:
    kind: Kind
    entropy: Entropy

    def shown(self, wanted: Wanted) -> Shown:
        with _piv_card(wanted) as (at, card):
            return Shown(serial=at.serial, reader=at.reader, certificates=card.certificates())

    @contextmanager
    def opened(self, shown: Shown, *, issue: bool = False) -> Iterator[Writable]:
        if not shown.serial and (shown.certificates or not issue):
            # Its number would take the place of what names the card now.
            raise CardError("The card has no number: it was not issued here. Take a blank one, or empty it first.")
        pin, key = secret(_PIN, "PIN"), secret(_MANAGEMENT_KEY, "Management key")
        with _piv_card(shown.wanted, self.kind) as (_, card):
            card.open_with(pin, key, self.entropy.bytes(16))
            if card.number() is None:
                say("Giving the card a number")
                card.give_number(uuid.UUID(bytes=self.entropy.bytes(16), version=4).bytes)
            yield card

    def unlocking(self) -> tuple[Secret, Secret]:
        from carekey.authenticators.smartcard.piv_card import check_unlocking

        puk, new_pin = secret(_OFFICER_PIN, "PUK"), secret(_NEW_PIN, "New PIN", new=True)
        check_unlocking(puk, new_pin)
        return puk, new_pin

    def unlock(self, shown: Shown, key: Secret, new_pin: Secret) -> None:
        with _piv_card(shown.wanted) as (_, card):
            card.unlock(key, new_pin)


@contextmanager
def _piv_card(wanted: Wanted, kind: Kind = Kind.RSA_2048) -> "Iterator[tuple[InReader, PivCard]]":
    """The PIV card that is wanted, of those in the readers. Raises: CardError."""
    from carekey.authenticators.smartcard import pcsc
    from carekey.authenticators.smartcard.piv_card import PivCard

    with pcsc.readers() as readers:
        found: dict[InReader, bytes] = {}
        fault: CardError | None = None
        for name in readers.names():
            said = name.decode(errors="replace")
            if not wanted.may_be_in(said):
                continue  # another desk may be at that one
            try:
                with readers.card(name) as transmit:
                    if transmit is not None and (card := PivCard(transmit)).is_piv():
                        found[InReader(serial=card.serial, reader=said)] = name
            except CardError as error:
                fault = error
        if fault is not None and wanted.card is None:
            raise fault  # that one may be meant
        if not found and wanted == Wanted():
            raise CardError("There is no PIV card in a reader.")
        try:
            at, name = choose(found, wanted)
        except CardError:
            if fault is not None:
                raise fault from None
            raise
        with readers.card(name) as transmit:
            if transmit is None or not (card := PivCard(transmit, kind)).is_piv() or card.serial != at.serial:
                raise CardError("The card was taken out: put it in again and repeat.")
            yield at, card
