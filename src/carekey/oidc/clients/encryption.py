"""How what a client is told is encrypted to it: `*_encrypted_response_alg` and `*_enc` (OpenID Connect Registration section 2,
JARM section 3, RFC 9701 section 6)."""

from carekey.jose.encryption import ALGS, DEFAULT_ENC, ENCS, Recipients
from carekey.oidc.clients.reading import Reader
from carekey.oidc.model import Client, Encryption


def read_encryption(read: Reader, prefix: str) -> Encryption | None:
    """OpenID Connect Registration section 2, JARM section 3: `enc` has a default, and needs `alg`."""
    alg = read.choice_or_none(f"{prefix}_alg", ALGS)
    enc = read.choice_or_none(f"{prefix}_enc", ENCS)
    if alg is None:
        if enc is not None:
            read.refuse(f"{prefix}_enc", f"needs {prefix}_alg")
        return None
    return Encryption(alg=alg, enc=enc or DEFAULT_ENC)


def encryptions(client: Client) -> dict[str, Encryption]:
    """By the members of metadata that they come from, without the ending."""
    found = {
        "id_token_encrypted_response": client.id_token_encryption,
        "userinfo_encrypted_response": client.userinfo_encryption,
        "introspection_encrypted_response": client.introspection_encryption,
        "authorization_encrypted_response": client.response_encryption,
    }
    return {prefix: one for prefix, one in found.items() if one is not None}


def check_encryption_keys(read: Reader, client: Client) -> None:
    for prefix, wanted in encryptions(client).items():
        if client.jwks is None and client.jwks_uri is None:
            read.refuse(f"{prefix}_alg", "needs a key to encrypt to, in jwks or at jwks_uri")
        elif client.jwks is not None and Recipients(client.jwks).find(wanted.alg) is None:
            read.refuse(f"{prefix}_alg", f"needs a key for {wanted.alg} in jwks")
