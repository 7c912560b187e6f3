"""How people are found by what somebody types."""

from collections.abc import Callable, Sequence
from itertools import chain

from carekey.directory.model import Person

KEYS: tuple[Callable[[Person], str], ...] = (
    lambda person: person.family_name.casefold(),
    lambda person: (person.email or "").casefold(),
    lambda person: person.id,
)
"""What the text may begin, in the order in which matches are shown."""


def exact_first(wanted: str, matches: Sequence[Sequence[Person]], *, limit: int) -> Sequence[Person]:
    """Join the matches by each key into one list, each person once."""
    each_once = {person.id: person for person in chain.from_iterable(matches)}.values()
    return sorted(each_once, key=lambda person: all(key(person) != wanted for key in KEYS))[:limit]
