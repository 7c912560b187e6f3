"""What is believed of a companion's statement, and what is not. Signatures are OpenSSL's, as in `carekey_agent.py`."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from carekey.jose import base64url
from carekey.workstations import statement
from carekey.workstations.enrolling import NEVER, NotEnrolled, key_of
from carekey.workstations.model import Workstation, id_of
from carekey.workstations.statement import LATE, READERS, Refused, Statement

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HERE = "https://login.example"
OWN, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC = OWN.public_key().public_bytes_raw()
STATION = Workstation(id=id_of(PUBLIC), name="Ward 7", key=PUBLIC, enrolled_at=NOW, heard_at=NEVER)


def signed(*, by: Ed25519PrivateKey = OWN, header: dict[str, Any] | None = None, **changed: Any) -> str:
    head = {"alg": "EdDSA", "typ": "carekey-cards+jwt", **(header or {})}
    claims = {"iss": STATION.id, "aud": HERE, "at": int(NOW.timestamp() * 1000), "cards": [], **changed}
    parts = [base64url.encode(json.dumps(one).encode()) for one in (head, claims)]
    data = b".".join(parts)
    return (data + b"." + base64url.encode(by.sign(data))).decode()


def judged(text: str, *, station: Workstation = STATION, now: datetime = NOW) -> Refused | None:
    said = statement.read(text)
    assert isinstance(said, Statement)
    return statement.fault(said, station, audiences=[HERE], now=now)


def test_a_true_statement_is_believed() -> None:
    said = statement.read(signed(cards=["AQI"]))
    assert isinstance(said, Statement)
    assert (said.workstation, said.at, said.cards) == (STATION.id, NOW, (b"\x01\x02",))
    assert judged(signed()) is None


def test_a_moment_is_read_to_the_millisecond() -> None:
    said = statement.read(signed(at=1700000000123))
    assert isinstance(said, Statement)
    assert said.at == datetime.fromtimestamp(1700000000, UTC) + timedelta(milliseconds=123)


def test_another_key_is_a_forgery() -> None:
    assert judged(signed(by=OTHER)) is Refused.FORGED


def test_every_changed_byte_is_a_forgery_or_unreadable() -> None:
    good = signed(cards=["AQI"])
    for at in range(0, len(good), 7):
        changed = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
        said = statement.read(changed)
        assert isinstance(said, Refused) or statement.fault(said, STATION, audiences=[HERE], now=NOW) is Refused.FORGED


@pytest.mark.parametrize("off", [LATE + timedelta(milliseconds=1), -LATE - timedelta(milliseconds=1)])
def test_a_moment_too_far_from_ours_is_refused(off: timedelta) -> None:
    assert judged(signed(), now=NOW + off) is Refused.LATE
    assert judged(signed(), now=NOW + off / 2) is None


def test_what_was_said_before_is_refused() -> None:
    from dataclasses import replace

    assert judged(signed(), station=replace(STATION, heard_at=NOW)) is Refused.REPLAYED
    assert judged(signed(), station=replace(STATION, heard_at=NOW - timedelta(milliseconds=1))) is None


def test_a_revoked_workstation_and_another_service_are_refused() -> None:
    from dataclasses import replace

    assert judged(signed(), station=replace(STATION, revoked_at=NOW)) is Refused.REVOKED
    assert judged(signed(aud="https://elsewhere.example")) is Refused.OTHER_SERVICE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "x" * (48 * 1024 + 1),
        signed(header={"alg": "none"}),
        signed(header={"alg": "HS256"}),
        signed(header={"typ": "JWT"}),
        signed(header={"crit": ["x"]}),
        signed(iss=7),
        signed(aud=None),
        signed(at=True),
        signed(at="1"),
        signed(at=1.5),
        signed(at=0),
        signed(at=-1),
        signed(at=10**30),
        signed(cards=None),
        signed(cards=[1]),
        signed(cards=["ä"]),
        signed(cards=["AQ=="]),
        signed(cards=["AQI"] * (READERS + 1)),
    ],
)
def test_what_is_no_statement_is_refused_as_such(text: str) -> None:
    assert statement.read(text) is Refused.MALFORMED


@pytest.mark.parametrize("text", ["", "short", "ä" * 43, "A" * 44, "A" * 42 + "="])
def test_what_is_no_key_is_not_enrolled(text: str) -> None:
    with pytest.raises(NotEnrolled, match="not a key"):
        key_of(text)
