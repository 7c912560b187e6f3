"""What becomes of a log-in when revocation is told by a responder, or by nobody: the list old, the responder down."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from carekey.authenticators.smartcard.tests import pki as made
from carekey.authenticators.smartcard.tests.pki import Authority
from support import provider as carekey
from support.card_steps import heading, proceed, to_the_card_page
from support.cards import DAY, CardPki, Curl, PemCard, wait_for_tls
from support.processes import free_port
from support.provider import GP, Provider
from support.relying_party import RelyingParty

CALLBACK = "http://localhost:9/callback"
UNKNOWN = "We cannot check your smartcard now"


@pytest.fixture(scope="module")
def online(pki: CardPki) -> Authority:
    """An authority whose cards name a responder and no list."""
    root_list = (f"http://127.0.0.1:{pki.lists.port}/root.crl",)
    return made.sub(
        pki.root, 11, common="SubCA11", points=root_list, starts=pki.now - 300 * DAY, ends=pki.now + 900 * DAY
    )


@pytest.fixture(scope="module")
def listed(pki: CardPki) -> Authority:
    """An authority whose list ran out yesterday."""
    root_list = (f"http://127.0.0.1:{pki.lists.port}/root.crl",)
    authority = made.sub(
        pki.root, 12, common="SubCA12", points=root_list, starts=pki.now - 300 * DAY, ends=pki.now + 900 * DAY
    )
    pki.lists.bodies["/old.crl"] = authority.crl(this=pki.now - 3 * DAY, next=pki.now - DAY)
    return authority


@pytest.fixture(scope="module")
def provider(
    pki: CardPki, online: Authority, listed: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    folder, port = tmp_path_factory.mktemp("revocation"), free_port()
    between = folder / "between.pem"
    between.write_bytes(b"".join(one.certificate.public_bytes(Encoding.PEM) for one in (pki.sub, online, listed)))
    settings = {
        **pki.settings(port=port, url=f"https://localhost:{port}"),
        "SMARTCARDS__PKIS__TEST__INTERMEDIATES": str(between),
        "SMARTCARDS__PKIS__TEST__METHODS": '["ocsp", "crl"]',
    }
    with carekey.carekey(folder, **settings) as running:
        wait_for_tls(port)
        yield running


def card(pki: CardPki, by: Authority, name: str, **how: Any) -> PemCard:
    return pki.card(GP, by=by, name=f"-{name}", **how)


def answering(pki: CardPki, authority: Authority, files: PemCard, status: ocsp.OCSPCertStatus) -> None:
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    now = pki.now
    pki.lists.responders["/ocsp"] = lambda question: made.ocsp_answer(
        question, certificate, authority, status=status, this=now - DAY / 24, next=now + DAY
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [(ocsp.OCSPCertStatus.GOOD, None), (ocsp.OCSPCertStatus.REVOKED, "This smartcard is cancelled"), (None, UNKNOWN)],
    ids=["good", "revoked", "the responder is down"],
)
def test_rfc6960_the_responder_decides(
    status: ocsp.OCSPCertStatus | None,
    said: str | None,
    curl: Curl,
    party: RelyingParty,
    pki: CardPki,
    online: Authority,
) -> None:
    where = f"http://127.0.0.1:{pki.lists.port}/ocsp"
    curl.card = card(pki, online, f"online-{said is None}", points=None, responder=where)
    pki.lists.responders.clear()
    if status is not None:
        answering(pki, online, curl.card, status)
    at = proceed(curl, to_the_card_page(curl, party))
    assert at.url.startswith(CALLBACK) if said is None else heading(at) == said


def test_a_responder_that_is_down_leaves_it_to_the_list(
    curl: Curl, party: RelyingParty, pki: CardPki, provider: Provider
) -> None:
    pki.lists.responders.clear()
    where = f"http://127.0.0.1:{pki.lists.port}/ocsp"
    curl.card = pki.card(GP, name="-both", responder=where)
    assert proceed(curl, to_the_card_page(curl, party)).url.startswith(CALLBACK)


@pytest.mark.parametrize("path", ["/old.crl", "/nowhere.crl"], ids=["the list ran out", "there is no list"])
def test_rfc5280_6_3_a_card_of_which_nothing_current_is_known_is_refused(
    path: str, curl: Curl, party: RelyingParty, pki: CardPki, listed: Authority
) -> None:
    points = made.web_points(f"http://127.0.0.1:{pki.lists.port}{path}")
    curl.card = card(pki, listed, path.strip("/"), points=points)
    assert heading(proceed(curl, to_the_card_page(curl, party))) == UNKNOWN
