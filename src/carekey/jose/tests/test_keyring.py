from datetime import datetime, timedelta

import pytest

from carekey.jose.keyring import Change, Make, Move, Remove, Rotation, due, replace_now, replace_soon
from carekey.jose.model import KeyState, StoredKey
from carekey.jose.tests.conftest import NOW
from carekey.kernel.ids import IssuerName, KeyId

DAY = timedelta(days=1)
ROTATION = Rotation(use_for=90 * DAY, publish_ahead=7 * DAY, keep_for=2 * DAY)
NEXT, ACTIVE, RETIRING = KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING


def key(id: str, state: KeyState, since: datetime, alg: str = "RS256") -> StoredKey:
    return StoredKey(
        id=KeyId(id),
        issuer=IssuerName("healthcare"),
        alg=alg,
        state=state,
        sealed=b"",
        created_at=since,
        changed_at=since,
    )


CASES: list[tuple[str, list[StoredKey], list[Change]]] = [
    ("nothing yet", [], [Make("RS256", ACTIVE)]),
    ("young", [key("a", ACTIVE, NOW - 10 * DAY)], []),
    ("a successor is published ahead", [key("a", ACTIVE, NOW - 83 * DAY)], [Make("RS256", NEXT)]),
    ("not earlier", [key("a", ACTIVE, NOW - 83 * DAY + timedelta(seconds=1))], []),
    ("published for too short a time", [key("a", ACTIVE, NOW - 120 * DAY), key("n", NEXT, NOW - 6 * DAY)], []),
    (
        "published long enough",
        [key("a", ACTIVE, NOW - 90 * DAY), key("n", NEXT, NOW - 7 * DAY)],
        [Move(KeyId("a"), ACTIVE, RETIRING), Move(KeyId("n"), NEXT, ACTIVE)],
    ),
    ("the active key was removed", [key("n", NEXT, NOW)], [Move(KeyId("n"), NEXT, ACTIVE)]),
    ("kept after use", [key("a", ACTIVE, NOW), key("r", RETIRING, NOW - 2 * DAY + timedelta(seconds=1))], []),
    ("until no token is left", [key("a", ACTIVE, NOW), key("r", RETIRING, NOW - 2 * DAY)], [Remove(KeyId("r"))]),
    (
        "another algorithm in store",
        [key("a", ACTIVE, NOW), key("e", NEXT, NOW, "ES256")],
        [Move(KeyId("e"), NEXT, ACTIVE)],
    ),
]


@pytest.mark.parametrize(("keys", "changes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_due(keys: list[StoredKey], changes: list[Change]) -> None:
    assert due(keys, ["RS256"], ROTATION, now=NOW) == changes


def test_an_algorithm_gets_its_first_key_when_it_is_wanted() -> None:
    keys = [key("a", ACTIVE, NOW)]
    assert due(keys, ["RS256", "ES256"], ROTATION, now=NOW) == [Make("ES256", ACTIVE)]


def test_replacing_soon_publishes_first() -> None:
    keys = [key("a", ACTIVE, NOW)]
    assert replace_soon(keys, "RS256") == [Make("RS256", NEXT)]
    assert replace_soon([*keys, key("n", NEXT, NOW)], "RS256") == []


def test_replacing_now_uses_the_published_successor_if_there_is_one() -> None:
    keys = [key("a", ACTIVE, NOW)]
    retire = Move(KeyId("a"), ACTIVE, RETIRING)
    assert replace_now(keys, "RS256") == [retire, Make("RS256", ACTIVE)]
    assert replace_now([*keys, key("n", NEXT, NOW)], "RS256") == [retire, Move(KeyId("n"), NEXT, ACTIVE)]
