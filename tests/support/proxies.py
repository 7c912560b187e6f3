"""HAProxy and nginx with the configurations of `deploy/`, on addresses of a test's own."""

import re
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.provider import ROOT

DEPLOY = ROOT / "deploy"

Proxy = Callable[[Path, "Front"], list[str]]
"""The command that starts one, with its files in a folder."""


@dataclass(frozen=True, kw_only=True)
class Front:
    """Where the proxy listens (`ports`), and where CareKey does behind it; each by the name of a listener."""

    ports: Mapping[str, int]
    behind: Mapping[str, int]
    certificate: Path
    """PEM of the proxy's own certificate and key."""
    authorities: Path
    host: str = "127.0.0.1"
    """The address that it listens on."""

    def placed(self, text: str, **more: str) -> str:
        """A configuration with these in it."""
        files = ("login.pem", "card-host.pem", "api-host.pem")
        where = {
            "192.0.2.10:443": f"{self.host}:{self.ports['log-in']}",
            "192.0.2.11:443": f"{self.host}:{self.ports['card-host']}",
            "192.0.2.12:443": f"{self.host}:{self.ports['api-host']}",
            "127.0.0.1:8000": f"127.0.0.1:{self.behind['log-in']}",
            "127.0.0.1:8443": f"127.0.0.1:{self.behind['card-host']}",
            "127.0.0.1:8444": f"127.0.0.1:{self.behind['api-host']}",
            "/etc/carekey/card-authorities.pem": str(self.authorities),
            **{f"/etc/carekey/{file}": str(self.certificate) for file in files},
            **more,
        }
        for name, value in where.items():
            assert name in text, f"{name} is not in the configuration any more"
            text = text.replace(name, value)
        return text


def haproxy(folder: Path, front: Front) -> list[str]:
    file = folder / "haproxy.cfg"
    authorities = {"/etc/carekey/client-authorities.pem": str(front.authorities)}
    file.write_text(front.placed((DEPLOY / "haproxy.cfg").read_text(), **authorities))
    return ["/usr/sbin/haproxy", "-db", "-f", str(file)]


def nginx(folder: Path, front: Front, *, behind_edge: bool = False) -> list[str]:
    """`behind_edge`: reached by the PROXY protocol alone, as the head of the configuration says."""
    file = folder / "nginx.conf"
    shutil.copy(DEPLOY / "client_cert.js", folder)
    keys = {f"/etc/carekey/{name}.key": str(front.certificate) for name in ("login", "card-host", "api-host")}
    text = front.placed((DEPLOY / "nginx.conf").read_text(), **{"js_path /etc/carekey;": f"js_path {folder};"}, **keys)
    # Where Debian's build keeps its temporary files nobody but the system's own nginx may write.
    more = "".join(f"{kind}_temp_path {folder}/tmp;" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
    if behind_edge:
        text, servers = re.subn(r"(?m)^( +listen .*);$", r"\1 proxy_protocol;", text)
        assert servers == 3
        more += "set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;"
    file.write_text(text.replace("http {", f"http {{ {more}"))
    options = f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
    return ["/usr/sbin/nginx", "-p", str(folder), "-c", str(file), "-g", options]


def edge(folder: Path, ports: Mapping[str, int], behind: Mapping[str, int], *, host: str = "127.0.0.1") -> list[str]:
    """HAProxy before nginx. `behind`: where nginx listens."""
    text = (DEPLOY / "haproxy-edge.cfg").read_text()
    listeners = {"log-in": ("10", "9440"), "card-host": ("11", "9443"), "api-host": ("12", "9444")}
    for name, (last, port) in listeners.items():
        places = ((f"192.0.2.{last}:443", f"{host}:{ports[name]}"), (f"127.0.0.1:{port}", f"127.0.0.1:{behind[name]}"))
        for known, place in places:
            assert text.count(known) == 1, f"{known} is not in the configuration any more"
            text = text.replace(known, place)
    file = folder / "haproxy-edge.cfg"
    file.write_text(text)
    return ["/usr/sbin/haproxy", "-db", "-f", str(file)]


def check(proxy: Proxy) -> None:
    """Raises: AssertionError, saying what to do."""
    assert Path(f"/usr/sbin/{proxy.__name__}").exists(), "apt-get install haproxy nginx-light libnginx-mod-http-js"


def wait_for(port: int, *, within: float = 30) -> None:
    """Until somebody listens there. Raises: AssertionError."""
    deadline = time.monotonic() + within
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens at {port}"
            time.sleep(0.05)
        else:
            return
