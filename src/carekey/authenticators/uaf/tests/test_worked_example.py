"""The worked example of section 28: the core accepts it, and the software device makes it again byte for byte."""

import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from carekey.authenticators.uaf import registration, transaction
from carekey.authenticators.uaf.base64url import decode
from carekey.authenticators.uaf.facets import trusted_facets
from carekey.authenticators.uaf.metadata import Metadata, read_statements
from carekey.authenticators.uaf.model import Authenticated, Registered
from carekey.authenticators.uaf.status import Reason, Refused
from carekey.authenticators.uaf.tests import shared
from carekey.authenticators.uaf.tests.phone import Faults, Model, Phone
from carekey.authenticators.uaf.tests.server import APP_ID, Server

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
TEXT = "Prescribe amoxicillin 500mg to A. Example"


def seed(name: str) -> bytes:
    return hashlib.sha256(f"uaf example: {name}".encode()).digest()


class Example:
    """A server whose random numbers are those of the example."""

    def __init__(self) -> None:
        model = Model(aaid="FFFF#0001")
        models, _ = read_statements([("example", model.statement())])
        self.server = Server.trusting(
            metadata=Metadata.of(models, test_models=True), facets=trusted_facets(APP_ID, ["https://id.example"])
        )
        self.server.random = self.random
        self.challenges = 0
        self.draws = 0
        private = ec.derive_private_key(int.from_bytes(seed("user key")) % ORDER, ec.SECP256R1())
        self.phone = Phone(model, deterministic=True, private=private)
        self.sent: list[str] = []

    def random(self, count: int) -> bytes:
        self.draws += 1
        if self.draws % 2 == 0:
            return hashlib.sha256(f"handle {self.draws}".encode()).digest()
        self.challenges += 1
        return seed(f"challenge {self.challenges}")

    def noting(self) -> Faults:
        def note(entry: dict[str, str]) -> dict[str, str]:
            self.sent.append(entry["assertion"])
            return entry

        return Faults(entry=note, key_id=seed("key id"))


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return shared.example_blocks()


def test_28_the_three_ceremonies_pass_and_come_out_byte_for_byte(blocks):
    example = Example()
    texts: list[str] = []

    def text(value: str) -> str:
        texts.append(value)
        return value

    enrolled = example.server.enrol(example.phone, replace(example.noting(), fc_params=text))
    signed_in = example.server.log_in(example.phone, example.noting())
    confirmed = example.server.log_in(example.phone, example.noting(), transactions=[transaction.plain_text(TEXT)])

    assert isinstance(enrolled, Registered), enrolled
    assert isinstance(signed_in, Authenticated), signed_in
    assert isinstance(confirmed, Authenticated), confirmed
    assert confirmed.confirmed is not None
    assert confirmed.confirmed.hash.hex() == hashlib.sha256(TEXT.encode()).hexdigest()
    assert [texts[0], *example.sent] == blocks


def test_28_the_sign_in_again_meets_the_session_rule_and_without_it_the_counter(blocks):
    example = Example()
    example.server.enrol(example.phone, example.noting())
    request = example.server.login_request()
    handle, issued = next(iter(example.server.issued.items()))
    response = example.phone.answer(request, example.noting())

    assert isinstance(example.server.logged_in(response), Authenticated)
    assert example.server.logged_in(response) == Refused(reason=Reason.SESSION_UNKNOWN)
    example.server.issued[handle] = issued
    again = example.server.logged_in(response)
    assert isinstance(again, Refused)
    assert (again.reason, again.aaid, again.key_id) == (Reason.CLONE_SUSPECTED, "FFFF#0001", seed("key id"))


def test_28_the_registration_is_253_bytes_under_its_head(blocks):
    assert decode(blocks[1])[:8].hex() == "013efd00033eb100"
    assert registration.LIFETIME.total_seconds() == 300
