"""The reader's side of a self-service renewal: asks the service, with a code that the person got by logging in."""

from base64 import b64decode, b64encode
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.model import CardCertificate, CardId, Purpose
from carekey.authenticators.smartcard.renewing import Held
from carekey.authenticators.smartcard.self_service import signed_text
from carekey.authenticators.smartcard.writable import Writable
from carekey.kernel.ids import PersonId
from carekey.kernel.secret import Secret


class RemoteCounter:
    """A `renewing.Counter`. The service decides; the old key on the card signs every request."""

    def __init__(self, service: str, code: Secret, card: Writable, client: httpx2.AsyncClient) -> None:
        self._address = f"{service.rstrip('/')}/smartcard/renewal"
        self._code = code
        self._card = card
        self._client = client

    async def held(self) -> Held:
        found = await self._ask("held")
        return Held(
            serial=found["serial"],
            person=PersonId(found["person"]),
            certificates=tuple(_certificate(**one) for one in found["certificates"]),
            due=tuple(Purpose(one) for one in found["due"]),
        )

    async def sign(self, purpose: Purpose, request: x509.CertificateSigningRequest) -> CardCertificate:
        der = request.public_bytes(Encoding.DER)
        proof = self._signed(signed_text(self._code.reveal(), der))
        found = await self._ask("sign", purpose=purpose.value, request=_text(der), proof=_text(proof))
        return _certificate(found["der"], purpose.value, superseded=False)

    async def replaced(self, old: CardCertificate) -> None:
        await self._ask("replaced", old=_text(old.der))

    def _signed(self, text: bytes) -> bytes:
        """By the key that logs in: the old one while it is there."""
        for id in self._card.slots[Purpose.AUTHENTICATION]:
            der = self._card.certificate(id)
            key = self._card.key(id) if der is not None else None
            if isinstance(key, rsa.RSAPrivateKey):
                return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
            if isinstance(key, ec.EllipticCurvePrivateKey):
                return key.sign(text, ec.ECDSA(hashes.SHA256()))
        raise CardError("The card has no key that it could log in with.")

    async def _ask(self, what: str, **more: str) -> Any:
        """Raises: CardError."""
        try:
            answer = await self._client.post(f"{self._address}/{what}", json={"code": self._code.reveal(), **more})
            body = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise CardError(f"The service cannot be reached ({type(error).__name__}): run it again later.") from None
        if answer.status_code != 200:
            raise CardError(str(body.get("error", f"The service answered {answer.status_code}.")))
        return body


def _certificate(der: str, purpose: str, superseded: bool) -> CardCertificate:  # noqa: FBT001 (a field of the answer)
    found = x509.load_der_x509_certificate(b64decode(der))
    starts, ends = found.not_valid_before_utc, found.not_valid_after_utc
    return CardCertificate(
        issuer=b"",
        serial=found.serial_number,
        card=CardId(""),
        purpose=Purpose(purpose),
        der=b64decode(der),
        starts_at=starts,
        ends_at=ends,
        superseded_at=ends if superseded else None,
    )


def _text(data: bytes) -> str:
    return b64encode(data).decode()
