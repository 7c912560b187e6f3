"""What every page of an installation shares, from its settings."""

from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from carekey.app import master_key, registry
from carekey.app.settings import Settings
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy
from carekey.kernel.event import AuditEvent
from carekey.storage.store import Store
from carekey.web.cookies import Cookies
from carekey.web.kit import Site
from carekey.web.templating import Pages
from carekey.web.zones import Zones

_SRC = Path(__file__).parent.parent
_BANNERS = {
    "production": None,
    "sandbox": "Sandbox: no real people or records",
    "demo": "Demonstration: no real people or records",
}


def site_of(found: Settings, master: bytes, clock: Clock, entropy: Entropy, store: Store) -> Site:
    async def record(event: AuditEvent) -> None:
        await store.write(lambda tx: tx.audit.record(event))

    folders = {
        "login": _SRC / "login" / "templates",
        "authorize": _SRC / "oidc" / "authorize" / "templates",
        "device": _SRC / "oidc" / "device" / "templates",
        "ciba": _SRC / "oidc" / "ciba" / "templates",
        "logout": _SRC / "oidc" / "logout" / "templates",
        "clients": _SRC / "oidc" / "clients" / "templates",
        "enrolment": _SRC / "authenticators" / "enrolment" / "templates",
        "account": _SRC / "account" / "templates",
        "public": _SRC / "public" / "templates",
        "developer": _SRC / "developer" / "templates",
        **{name: folder for kind in registry.AUTHENTICATORS for name, folder in kind.templates.items()},
    }
    port = urlsplit(next(iter(found.issuers.values())).url).port
    return Site(
        origins=found.origins(),
        secure=found.secure(),
        csrf_key=master_key.derived(master, "cross-site request forgery"),
        cookies=Cookies(secure=found.secure(), port=port or found.server.port),
        zones=Zones(
            {name: [ip_network(one) for one in ranges] for name, ranges in found.zones.items()},
            proxies=[ip_network(one) for one in found.server.proxies],
        ),
        pages=Pages(folders, service=found.service, banner=_BANNERS[found.environment]),
        clock=clock,
        entropy=entropy,
        record=record,
    )
