"""Apache with mod_auth_openidc, as Debian packages them."""

from pathlib import Path

MODULES = Path("/usr/lib/apache2/modules")
PROGRAM = Path("/usr/sbin/apache2")


def check() -> None:
    """Raises: AssertionError, saying what to install."""
    there = PROGRAM.exists() and (MODULES / "mod_auth_openidc.so").exists()
    assert there, "Apache is missing: apt-get install apache2 libapache2-mod-auth-openidc (make test does)"
