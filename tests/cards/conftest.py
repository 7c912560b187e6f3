"""One PKI, and one CareKey with a card host, for all tests of smartcards."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from support import provider as carekey
from support.cards import CardPki, Curl, card_pki, wait_for_tls
from support.processes import free_port
from support.provider import Provider
from support.relying_party import RelyingParty, metadata

CALLBACK = "http://localhost:9/callback"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cards")


@pytest.fixture(scope="session")
def pki(folder: Path) -> Iterator[CardPki]:
    with card_pki(folder / "pki") as made:
        yield made


@pytest.fixture(scope="session")
def card_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def provider(folder: Path, pki: CardPki, card_port: int) -> Iterator[Provider]:
    settings = pki.settings(port=card_port, url=f"https://localhost:{card_port}")
    with carekey.carekey(folder, **settings) as running:
        wait_for_tls(card_port)
        yield running


@pytest.fixture(scope="module")
def party(provider: Provider) -> RelyingParty:
    key = RSAKey.generate_key(2048, auto_kid=True)
    client = provider.register(json.loads(metadata(CALLBACK, key)))
    return RelyingParty(issuer=provider.issuer, client_id=client["client_id"], redirect_uri=CALLBACK, key=key)


@pytest.fixture
def curl(pki: CardPki, tmp_path: Path) -> Curl:
    return Curl(folder=tmp_path, trust=pki.folder / "root.pem")
