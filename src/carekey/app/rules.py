"""The rules of log-ins and sessions, from the settings."""

from datetime import timedelta
from functools import partial

from carekey.app.settings import Settings, duration
from carekey.authenticators.smartcard import terms as smartcard
from carekey.kernel.ids import IssuerName
from carekey.login.model import Chooser, Rules
from carekey.sessions.model import Lifetimes


def rules(found: Settings) -> dict[IssuerName, Rules]:
    lifetimes = Lifetimes(
        absolute=duration("sessions.absolute", found.sessions.absolute),
        idle=duration("sessions.idle", found.sessions.idle),
        idle_aal3=duration("sessions.idle_aal3", found.sessions.idle_aal3),
    )
    return {
        IssuerName(name): Rules(
            issuer=IssuerName(name),
            ways={way: found.zones_of(way) for way in issuer.ways},
            yields={smartcard.WAY.name: partial(smartcard.kind, n3_zones=frozenset(found.smartcards.n3_zones))},
            remember_way=issuer.remember_way,
            chooser=Chooser(issuer.account_chooser),
            consent_lifetime=duration("consent_lifetime", issuer.consent_lifetime) if issuer.consent_lifetime else None,
            sessions=lifetimes,
        )
        for name, issuer in found.issuers.items()
    }


def sessions_kept(found: Settings) -> timedelta:
    """A day longer than any session, or access that ends with one, can last."""
    lasting = [duration("sessions.absolute", found.sessions.absolute)]
    lasting += [duration("refresh_lifetime", issuer.refresh_lifetime) for issuer in found.issuers.values()]
    return max(lasting) + timedelta(days=1)
