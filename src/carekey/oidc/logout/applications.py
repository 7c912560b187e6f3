"""The applications of ended sessions, and how each has learned of the end. Pure, but for looking them up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from carekey.kernel.ids import IssuerName
from carekey.oidc.logout import frontchannel
from carekey.oidc.model import Client, Issuer
from carekey.oidc.ports import OidcTx
from carekey.sessions.model import DeliveryState, LogoutDelivery, Session


class News(StrEnum):
    TOLD = "told"
    BEING_TOLD = "being_told"
    UNREACHED = "unreached"
    """Tried at least once. It may be tried again; the person need not wait for that."""
    UNTOLD = "untold"
    """It has no address to be told at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    name: str
    news: News
    frame: str | None
    """What the browser loads to log out there too."""


def of(tx: OidcTx, sessions: Iterable[Session], issuers: Mapping[IssuerName, Issuer]) -> list[Application]:
    """By name."""
    found = []
    for session in sessions:
        deliveries = {delivery.client: delivery for delivery in tx.logout_deliveries.of_session(session.id)}
        for id in tx.sessions.clients_of(session.id):
            client = tx.clients.find(session.issuer, id)
            if client is None or session.issuer not in issuers:
                continue
            found.append(
                Application(
                    name=client.name,
                    news=_news(client, deliveries.get(id)),
                    frame=frontchannel.address(client, issuers[session.issuer], session.id),
                )
            )
    return sorted(found, key=lambda application: application.name)


def _news(client: Client, delivery: LogoutDelivery | None) -> News:
    if delivery is None:
        # In a frame nobody hears whether it worked: the browser was asked to, and that is all there is to know.
        return News.TOLD if client.frontchannel_logout_uri else News.UNTOLD
    if delivery.state is DeliveryState.DELIVERED:
        return News.TOLD
    return News.UNREACHED if delivery.outcome else News.BEING_TOLD
