"""Several cards in several readers: the one that was said, or a refusal that says what can be said."""

import pytest

from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.choosing import ANY, InReader, Wanted, choose

LEFT, RIGHT, BESIDE = "Acme Reader 00 00", "Acme Reader 00 01", "Other Reader 1"


def found(*cards: tuple[str, str]) -> dict[InReader, str]:
    return {InReader(serial=serial, reader=reader): f"{serial} {reader}" for serial, reader in cards}


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (Wanted(card="0a"), ("0a", LEFT)),
        (Wanted(reader="00 01"), ("0b", RIGHT)),
        (Wanted(reader="other"), ("", BESIDE)),
        (Wanted(card="0b", reader="acme"), ("0b", RIGHT)),
        (Wanted(card="", reader=BESIDE), ("", BESIDE)),
    ],
)
def test_the_one_that_was_said_is_chosen(wanted: Wanted, chosen: tuple[str, str]) -> None:
    at, card = choose(found(("0a", LEFT), ("0b", RIGHT), ("", BESIDE)), wanted)
    assert ((at.serial, at.reader), card) == (chosen, " ".join(chosen))


def test_one_alone_needs_no_saying() -> None:
    at, _ = choose(found(("0a", LEFT)), ANY)
    assert at.serial == "0a"


@pytest.mark.parametrize("wanted", [ANY, Wanted(reader="Acme")])
def test_of_several_none_is_chosen_and_they_are_named_in_one_line(wanted: Wanted) -> None:
    with pytest.raises(CardError) as refused:
        choose(found(("0a", LEFT), ("", RIGHT)), wanted)
    said = str(refused.value)
    assert "\n" not in said
    assert f'0a in "{LEFT}"' in said
    assert f'a new one in "{RIGHT}"' in said
    assert "--card or --reader" in said


def test_copies_of_a_card_are_told_apart_by_their_readers() -> None:
    both = found(("0a", LEFT), ("0a", RIGHT))
    with pytest.raises(CardError, match="several cards"):
        choose(both, Wanted(card="0a"))
    at, _ = choose(both, Wanted(card="0a", reader=RIGHT))
    assert at.reader == RIGHT


def test_a_readers_whole_name_is_that_reader_and_none_whose_name_begins_so() -> None:
    at, _ = choose(found(("0a", "Reader 1"), ("0b", "Reader 10")), Wanted(reader="Reader 1"))
    assert at.serial == "0a"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (ANY, "There is no card in the reader."),
        (Wanted(card="0c"), "The card 0c is not in a reader."),
        (Wanted(reader="third"), 'There is no card in a reader that is called "third".'),
        (Wanted(card="0c", reader="third"), 'There is no card 0c in a reader that is called "third".'),
    ],
)
def test_none_is_said(wanted: Wanted, said: str) -> None:
    with pytest.raises(CardError) as refused:
        choose({} if wanted == ANY else found(("0a", LEFT), ("0b", RIGHT)), wanted)
    assert str(refused.value) == said
