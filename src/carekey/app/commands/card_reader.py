"""What `carekey card` does at a reader: by PKCS#11, or by PC/SC with PIV cards (module `piv`)."""

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from carekey.app.terminal import CommandError, Exit, say
from carekey.authenticators.smartcard.authority.registration import CardError
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
    certificates: Sequence[bytes]


class Reader(Protocol):
    """`which`: the card's serial number, if several are in readers. Every method raises CardError."""

    def shown(self, which: str | None) -> Shown: ...

    def opened(self, which: str | None) -> AbstractContextManager[Writable]:
        """Ready to be written; asks for what that needs."""
        ...

    def unlocking(self) -> tuple[Secret, Secret]:
        """Asks for what unlocks a card, and for its new PIN."""
        ...

    def unlock(self, serial: str, key: Secret, new_pin: Secret) -> None: ...


def reader(module: str) -> Reader:
    """Raises: CommandError."""
    if module == PIV:
        return PivReader(SystemEntropy())
    try:
        from carekey.authenticators.smartcard import tokens
    except ModuleNotFoundError:
        raise CommandError(
            "Card readers need the package python-pkcs11: install carekey[cards].", Exit.DEPENDENCY
        ) from None
    return TokenReader(module, tokens)


def secret(variable: str, what: str) -> Secret:
    """Never an argument: other people of the machine could read it there."""
    return Secret(os.environ.get(variable) or getpass.getpass(f"{what}: "))


@dataclass(frozen=True, slots=True)
class TokenReader:
    module: str
    tokens: ModuleType
    """`tokens.py`, which needs a package that only machines with a reader have."""

    def shown(self, which: str | None) -> Shown:
        facts = self.tokens.facts(self.module, which)
        return Shown(serial=facts.serial, certificates=facts.certificates)

    @contextmanager
    def opened(self, which: str | None) -> Iterator[Writable]:
        pin = secret(_PIN, "PIN")
        facts = self.tokens.facts(self.module, which)
        if not facts.makes_keys:
            piv = " Is it a PIV card? Then use --module piv." if facts.manufacturer == self.tokens.PIV else ""
            raise CardError(f"The card {facts.serial} ({facts.manufacturer}) makes no keys by PKCS#11.{piv}")
        with self.tokens.opened(self.module, pin, facts.serial) as card:
            yield card

    def unlocking(self) -> tuple[Secret, Secret]:
        return secret(_OFFICER_PIN, "Security officer's PIN"), secret(_NEW_PIN, "New PIN")

    def unlock(self, serial: str, key: Secret, new_pin: Secret) -> None:
        self.tokens.unlock(self.module, security_officer_pin=key, new_pin=new_pin, serial=serial)


@dataclass(frozen=True, slots=True)
class PivReader:
    entropy: Entropy

    def shown(self, which: str | None) -> Shown:
        with _piv_card(which) as card:
            return Shown(serial=card.serial, certificates=card.certificates())

    @contextmanager
    def opened(self, which: str | None) -> Iterator[Writable]:
        pin, key = secret(_PIN, "PIN"), secret(_MANAGEMENT_KEY, "Management key")
        with _piv_card(which) as card:
            card.open_with(pin, key, self.entropy.bytes(16))
            if card.number() is None:
                say("Giving the card a number")
                card.give_number(self.entropy.bytes(16))
            yield card

    def unlocking(self) -> tuple[Secret, Secret]:
        from carekey.authenticators.smartcard.piv_card import check_unlocking

        puk, new_pin = secret(_OFFICER_PIN, "PUK"), secret(_NEW_PIN, "New PIN")
        check_unlocking(puk, new_pin)
        return puk, new_pin

    def unlock(self, serial: str, key: Secret, new_pin: Secret) -> None:
        with _piv_card(serial or None) as card:
            card.unlock(key, new_pin)


@contextmanager
def _piv_card(which: str | None) -> "Iterator[PivCard]":
    """The one PIV card in the readers, or the one of this number. Raises: CardError."""
    from carekey.authenticators.smartcard import pcsc
    from carekey.authenticators.smartcard.piv_card import PivCard

    with pcsc.readers() as readers:
        found: dict[bytes, str | None] = {}
        for name in readers.names():
            with readers.card(name) as transmit:
                if transmit is not None and (card := PivCard(transmit)).is_piv():
                    found[name] = card.number()
        if which is not None:
            found = {name: number for name, number in found.items() if number == which}
        if not found:
            raise CardError(
                "There is no PIV card in a reader." if which is None else f"The card {which} is not in a reader."
            )
        if len(found) > 1:
            numbers = ", ".join(number or "a new one" for number in found.values())
            raise CardError(f"There are several cards ({numbers}): say which by --card, or take the others out.")
        ((name, number),) = found.items()
        with readers.card(name) as transmit:
            if transmit is None or not (card := PivCard(transmit)).is_piv() or card.number() != number:
                raise CardError("The card was taken out: put it in again and repeat.")
            yield card
