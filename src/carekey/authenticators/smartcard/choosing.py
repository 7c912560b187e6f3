"""Which card is meant, where several are in readers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from carekey.authenticators.smartcard.authority.registration import CardError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was said of it; of several, nothing is chosen for whoever said nothing."""

    card: str | None = None
    """Its serial number."""
    reader: str | None = None
    """The name of its reader, or a part of it that only one has."""

    def may_be_in(self, reader: str) -> bool:
        return self.reader is None or self.reader.casefold() in reader.casefold()


ANY = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class InReader:
    serial: str
    """Empty for a card that has no number yet."""
    reader: str

    def __str__(self) -> str:
        return f'{self.serial or "a new one"} in "{self.reader}"'


def choose(found: Mapping[InReader, T], wanted: Wanted) -> tuple[InReader, T]:
    """The one that is wanted. Raises: CardError, in one line, if it is none of them or might be several."""
    named = {at: card for at, card in found.items() if at.reader == wanted.reader}
    left = [
        (at, card)
        for at, card in (named or found).items()
        if wanted.may_be_in(at.reader) and wanted.card in {None, at.serial}
    ]
    if len(left) == 1:
        return left[0]
    if left:
        cards = ", ".join(str(at) for at, _ in left)
        raise CardError(f"There are several cards ({cards}): say which by --card or --reader, or take the others out.")
    if wanted.reader is not None:
        card = "card" if wanted.card is None else f"card {wanted.card}"
        raise CardError(f'There is no {card} in a reader that is called "{wanted.reader}".')
    if wanted.card is not None:
        raise CardError(f"The card {wanted.card} is not in a reader.")
    raise CardError("There is no card in the reader.")
