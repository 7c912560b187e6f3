"""Measures a token request by mutual TLS at the API host: over a connection that is kept, and with a handshake each.

`python bench/mutual_tls.py [requests]`. The difference is what a handshake costs. `self_signed_tls_client_auth`,
client credentials, tokens bound to the certificate; P-256 on both sides, TLS 1.3, no resumption.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import httpx2

from driver import cpu_seconds
from support.mtls import Pki, Place, place

MODULE = "carekey.app.api_host"


def api_host_of(main: int) -> int:
    """The process that the provider has started for it."""
    for task in Path("/proc").glob("[0-9]*"):
        try:
            parent = task.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == main and MODULE in task.joinpath("cmdline").read_text().split("\0"):
                return int(task.name)
        except OSError:
            continue
    sys.exit("the API host is not running")


def ask(place: Place, requests: int, *, keep: bool) -> float:
    """Milliseconds of the API host's CPU for each request."""
    limits = httpx2.Limits(max_keepalive_connections=1 if keep else 0)
    transport = httpx2.HTTPTransport(verify=place.pki.context("self-signed"), limits=limits)
    fields = {"grant_type": "client_credentials", "client_id": place.clients["self"], "scope": "read"}
    pid = api_host_of(place.provider.process)
    with httpx2.Client(transport=transport, timeout=60) as http:

        def one() -> None:
            http.post(f"{place.address}/access_token", data=fields).raise_for_status()

        for _ in range(max(requests // 10, 1)):
            one()
        before = cpu_seconds(pid)
        for _ in range(requests):
            one()
        return (cpu_seconds(pid) - before) / requests * 1000


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with place(Pki(folder=folder), folder, None) as here:
            kept = ask(here, requests, keep=True)
            each = ask(here, requests, keep=False)
    print(f"{requests} token requests by mutual TLS, milliseconds of the API host's CPU for each:")
    print(f"  over a connection that is kept   {kept:.2f}")
    print(f"  with a handshake each            {each:.2f}")


if __name__ == "__main__":
    main()
