"""The application's key pair, for private_key_jwt."""

import os
from pathlib import Path

from joserfc.jwk import RSAKey

ALGORITHM = "RS512"


def load_or_make(folder: Path) -> RSAKey:
    """The key in this folder, made if there is none. Of two processes that make one at once, one wins."""
    path = folder / "private-key.pem"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f".private-key.{os.getpid()}"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(RSAKey.generate_key(2048).as_pem(private=True))
        try:
            os.link(new, path)
        except FileExistsError:
            pass
        finally:
            new.unlink()
    key = RSAKey.import_key(path.read_bytes())
    return RSAKey.import_key({**key.as_dict(private=True), "kid": key.thumbprint()})


def public(key: RSAKey) -> dict[str, object]:
    """The JWK set to publish (RFC 7517 section 5)."""
    return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}]}
