"""A running CareKey that has an authority for cards of its own, at a desk with one kind of reader."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import anyio

from carekey.app import settings
from carekey.storage.open import open_store
from carekey.storage.store import Tx
from support import provider as carekey
from support.cards import CardPki, wait_for_tls
from support.processes import free_port
from support.provider import PYTHONPATH, Provider

T = TypeVar("T")

SOON = {"CAREKEY_CARD_AUTHORITY__CARD_LIFETIME": "60d"}
"""For a command that issues a card: it can be renewed at once."""


@contextmanager
def own_authority(folder: Path, pki: CardPki, *, module: str) -> Iterator[Provider]:
    port, card_port = free_port(), free_port()
    given = {
        "SMARTCARDS__URL": f"https://localhost:{card_port}",
        "SMARTCARDS__PORT": str(card_port),
        "SMARTCARDS__CERTIFICATE": str(pki.server.certificate),
        "SMARTCARDS__PRIVATE_KEY": str(pki.server.key),
        "ZONES__HSCN": '["127.0.0.0/8"]',
        "CARD_AUTHORITY__MODULE": module,
    }
    before = {
        "PYTHONPATH": PYTHONPATH,
        "CAREKEY_ENVIRONMENT": "demo",
        "CAREKEY_DATA": str(folder / "data"),
        "CAREKEY_SERVER__PORT": str(port),
        **{f"CAREKEY_{name}": value for name, value in given.items()},
    }
    made = Provider(folder=folder, port=port, environment=before).run("card", "new-authority", "--organisation", "Test")
    assert made.returncode == 0, made.stderr
    with carekey.carekey(folder, port=port, **given) as running:
        wait_for_tls(card_port)
        yield running


def card_events(provider: Provider) -> list[str]:
    """What the audit record says of cards and their certificates, the first first. Read from the database: a command for
    each question would take most of the time of these tests."""
    found = _read(provider, lambda tx: tx.audit.search(limit=100_000))
    return [one.tag for one in found if re.match("smartcard:(card|certificate):", one.tag)]


def refusals(provider: Provider) -> list[tuple[str, str, str, str]]:
    """What was refused at the desk, the first first: what, the card, the person, and why."""
    found = _read(provider, lambda tx: tx.audit.search(tag="smartcard:desk:refused", limit=100_000))
    return [(one.data["action"], one.data["serial"], one.data["person"], one.data["why"]) for one in found]


def card_state(provider: Provider, serial: str) -> tuple[str, int, int] | None:
    """The card's; and how many of its certificates are on it, and how many were replaced. None if nobody knows it."""

    def look(tx: Tx) -> tuple[str, int, int] | None:
        card = tx.cards.find_serial(serial)
        ever = tx.cards.certificates(card.id) if card else ()
        replaced = sum(one.superseded_at is not None for one in ever)
        return (card.state.value, len(ever) - replaced, replaced) if card else None

    return _read(provider, look)


def _read(provider: Provider, look: Callable[[Tx], T]) -> T:
    async def work() -> T:
        mine = {name: value for name, value in provider.environment.items() if name.startswith("CAREKEY_")}
        store = open_store(settings.load(None, mine).database_url())
        try:
            return await store.read(look)
        finally:
            store.close()

    return anyio.run(work)
