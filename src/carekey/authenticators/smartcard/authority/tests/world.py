"""An authority, a desk and a person, with real stores; a clock that stands until it is moved."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from carekey.authenticators.smartcard.authority import keys
from carekey.authenticators.smartcard.authority.certificate_profiles import card_profiles
from carekey.authenticators.smartcard.authority.signing import (
    Addresses,
    Authority,
    authority_name,
    root_certificate,
    serial_number,
)
from carekey.authenticators.smartcard.profiles import PkiProfile, own_card
from carekey.directory.model import Person
from carekey.kernel.actor import operator
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.ids import PersonId

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
ASHA = Person(id=PersonId("555000000101"), given_name="Asha", family_name="Patel")
BY = operator("ra")
ENTROPY = SystemEntropy()
TWO_YEARS = card_profiles(2 * YEAR)


@dataclass
class Clock:
    moment: datetime = field(default=NOW)

    def now(self) -> datetime:
        return self.moment


def addresses(name: str) -> Addresses:
    base = "http://localhost:8000/pki"
    return Addresses(crl=f"{base}/{name}.crl", ocsp=f"{base}/ocsp", certificate=f"{base}/{name}.cer")


def serial() -> int:
    return serial_number(ENTROPY.bytes(16))


def authorities() -> tuple[Authority, Authority]:
    """A root and the authority for cards below it."""
    top, below = keys.new_key(), keys.new_key()
    name = authority_name("Test Trust", "Test Root")
    root = Authority(
        certificate=root_certificate(name, top, serial=serial(), ends=NOW + 20 * YEAR, now=NOW),
        key=top,
        addresses=addresses("root"),
    )
    made = root.sign_authority(
        authority_name("Test Trust", "Test Cards"), below.public_key(), serial=serial(), ends=NOW + 10 * YEAR, now=NOW
    )
    return root, Authority(certificate=made, key=below, addresses=addresses("cards"))


def profile(root: Authority, cards: Authority) -> PkiProfile:
    return own_card(anchors=(root.der,), intermediates=(cards.der,))
