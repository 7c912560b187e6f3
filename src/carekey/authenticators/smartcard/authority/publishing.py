"""The authority's lists and answers for everybody to read (RFC 5280 section 4.2.1.13, RFC 6960 appendix A)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from carekey.authenticators.smartcard.authority.signing import Authority
from carekey.authenticators.smartcard.events import RevocationListSigned
from carekey.authenticators.smartcard.evidence import crl_key
from carekey.authenticators.smartcard.path import UNREADABLE
from carekey.authenticators.smartcard.ports import CardTx, StoredEvidence
from carekey.kernel.actor import system
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Handler, Request, Response, Route, get, post

log = structlog.get_logger()

TxT = TypeVar("TxT", bound=CardTx)

KEPT_AFTER_END = timedelta(days=7)
LARGEST_QUESTION = 4096
BY = system("card-authority")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An authority and the name it is published under: /pki/{name}.crl and /pki/{name}.cer."""

    name: str
    authority: Authority

    @property
    def key(self) -> str:
        """Under which our own log-ins look the list up: they never fetch it from ourselves."""
        return crl_key(self.authority.certificate, self.authority.addresses.crl)


def publish(tx: CardTx, one: Published, *, lifetime: timedelta, now: datetime) -> bool:
    """Sign a new list if the one that is out names other cards than it should, or half its life is over.

    True if there is a new one. What is listed is compared, not when it was revoked: a cancellation may become
    visible after a list that was signed later.
    """
    revoked = tx.cards.revoked(one.authority.id, after=now)
    known = tx.revocation.find(one.key)
    if known is not None and now < known.fetched_at + lifetime / 2:
        listed = {entry.serial_number for entry in x509.load_der_x509_crl(known.der)}
        if {card.serial for card in revoked} <= listed:
            return False
    der = one.authority.sign_list(revoked, now=now, lifetime=lifetime)
    until = now + lifetime
    made = StoredEvidence(key=one.key, der=der, fetched_at=now, until=until, expires_at=until + KEPT_AFTER_END)
    if not tx.revocation.put(made):
        return False
    tx.audit.record(
        RevocationListSigned(at=now, actor=BY, authority=one.name, number=int(now.timestamp()), entries=len(revoked))
    )
    return True


class CardAuthorityHttp(Generic[TxT]):
    def __init__(self, store: Store[TxT], published: Sequence[Published]) -> None:
        self._store = store
        self._published = published

    def routes(self) -> list[Route]:
        return [
            *(get(f"/pki/{one.name}.crl", self._list(one)) for one in self._published),
            *(get(f"/pki/{one.name}.cer", self._certificate(one)) for one in self._published),
            post("/pki/ocsp", self.answer),
        ]

    def _list(self, one: Published) -> Handler:
        async def handler(_: Request) -> Response:
            found = await self._store.read(lambda tx: tx.revocation.find(one.key))
            if found is None:
                return Response(status_code=503, headers={"retry-after": "60"})
            return _binary(found.der, "application/pkix-crl", "public, max-age=60")

        return handler

    def _certificate(self, one: Published) -> Handler:
        async def handler(_: Request) -> Response:
            return _binary(one.authority.der, "application/pkix-cert", "public, max-age=86400")

        return handler

    async def answer(self, request: Request) -> Response:
        """A question that cannot be read, or that is about another authority, is refused unsigned (section 2.3)."""
        now = request.site.clock.now()
        try:
            question = ocsp.load_der_ocsp_request(await request.limited_body(LARGEST_QUESTION))
            _ = question.extensions  # read only now, and perhaps unreadable
        except UNREADABLE:
            return _unsigned(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        one = next((one for one in self._published if one.authority.answers_for(question)), None)
        if one is None:
            return _unsigned(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        authority, serial = one.authority, question.serial_number

        def look(tx: TxT) -> tuple[bool, datetime | None]:
            card = tx.cards.find_certificate(authority.id, serial)
            for certificate in tx.cards.certificates(card.id) if card else ():
                if (certificate.issuer, certificate.serial) == (authority.id, serial):
                    return True, certificate.revoked_at
            return False, None

        known, revoked_at = await self._store.read(look)
        try:
            der = authority.sign_answer(question, known=known, revoked_at=revoked_at, now=now)
        except OSError as error:  # its key is on a token that is away
            log.warning("card-authority:not-signed", said=error.strerror)
            return _unsigned(ocsp.OCSPResponseStatus.TRY_LATER)
        return _binary(der, "application/ocsp-response", "no-store")


def _unsigned(status: ocsp.OCSPResponseStatus) -> Response:
    der = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
    return _binary(der, "application/ocsp-response", "no-store")


def _binary(body: bytes, kind: str, cache: str) -> Response:
    return Response(body, media_type=kind, headers={"cache-control": cache})
