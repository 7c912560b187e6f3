"""Three networks on one machine: a service, the health network (HSCN) and the internet, as network namespaces.

The service has one address; the two others reach it each by its own link, so only the source differs.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVICE = "198.51.100.10"
HSCN = "10.20.0.2"
INTERNET = "203.0.113.2"


@dataclass(frozen=True)
class Networks:
    service: str
    hscn: str
    internet: str

    def inside(self, name: str, command: Sequence[str | Path]) -> list[str]:
        """The command as it runs in one of them."""
        return ["ip", "netns", "exec", name, *(str(part) for part in command)]


def possible() -> bool:
    """Whether this machine lets us make namespaces, and enter them: in some containers the one works without the other.

    Raises: AssertionError, if what makes them is not installed.
    """
    assert shutil.which("ip"), "iproute2 is missing: apt-get install iproute2 (make test does, as root)"
    name = f"ck{os.getpid()}p"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode != 0:
        return False
    entered = subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], capture_output=True, check=False)
    _ip("netns", "del", name)
    return entered.returncode == 0


@contextmanager
def networks() -> Iterator[Networks]:
    mark = f"ck{os.getpid()}"
    made = Networks(service=f"{mark}s", hscn=f"{mark}h", internet=f"{mark}i")
    try:
        for name in (made.service, made.hscn, made.internet):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", made.service, "addr", "add", f"{SERVICE}/32", "dev", "lo")
        _link(made.service, made.hscn, f"{mark}v", "10.20.0.1", HSCN)
        _link(made.service, made.internet, f"{mark}w", "203.0.113.1", INTERNET)
        yield made
    finally:
        for name in (made.service, made.hscn, made.internet):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _link(service: str, client: str, name: str, near: str, far: str) -> None:
    _ip("link", "add", name, "netns", service, "type", "veth", "peer", "name", "eth0", "netns", client)
    _ip("-n", service, "addr", "add", f"{near}/24", "dev", name)
    _ip("-n", service, "link", "set", name, "up")
    _ip("-n", client, "addr", "add", f"{far}/24", "dev", "eth0")
    _ip("-n", client, "link", "set", "eth0", "up")
    _ip("-n", client, "route", "add", "default", "via", near)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
