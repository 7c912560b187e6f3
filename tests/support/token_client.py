"""Python's own TLS with a key that stays on a card: OpenSSL's `pkcs11` engine, put into an `ssl.SSLContext`.

Python has no call for that. It works where Python is linked to the system's OpenSSL, as it is on Debian.
"""

import ctypes
import http.client
import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit


class NoKey(Exception):
    """The card did not give the use of its key: the PIN is wrong, or there is no such key."""


def context(*, trust: Path, certificate: Path, uri: str, module: str, pin: str) -> ssl.SSLContext:
    """`uri`: the key's, by RFC 7512. Raises: NoKey."""
    made = ssl.create_default_context(cafile=str(trust))
    crypto, tls = ctypes.CDLL("libcrypto.so.3"), ctypes.CDLL("libssl.so.3")
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    crypto.ENGINE_by_id.restype = crypto.ENGINE_load_private_key.restype = pointer
    crypto.ENGINE_by_id.argtypes = [text]
    crypto.ENGINE_ctrl_cmd_string.argtypes = [pointer, text, text, ctypes.c_int]
    crypto.ENGINE_init.argtypes = [pointer]
    crypto.ENGINE_load_private_key.argtypes = [pointer, text, pointer, pointer]
    tls.SSL_CTX_use_PrivateKey.argtypes = [pointer, pointer]
    tls.SSL_CTX_use_certificate_chain_file.argtypes = [pointer, text]
    engine = crypto.ENGINE_by_id(b"pkcs11")
    assert engine, "apt-get install libengine-pkcs11-openssl"
    for name, value in (("MODULE_PATH", module), ("PIN", pin)):
        assert crypto.ENGINE_ctrl_cmd_string(engine, name.encode(), value.encode(), 0)
    assert crypto.ENGINE_init(engine)
    key = crypto.ENGINE_load_private_key(engine, uri.encode(), None, None)
    if not key:
        raise NoKey
    handle = pointer.from_address(id(made) + object.__basicsize__)  # the first field of Python's SSLContext
    assert tls.SSL_CTX_use_certificate_chain_file(handle, str(certificate).encode()) == 1
    assert tls.SSL_CTX_use_PrivateKey(handle, key) == 1
    return made


def onward(address: str, secured: ssl.SSLContext) -> str:
    """Where the address sends whoever comes with this key; every host is on this machine."""
    parts = urlsplit(address)
    assert parts.hostname
    with (
        socket.create_connection(("127.0.0.1", parts.port or 443), timeout=10) as raw,
        secured.wrap_socket(raw, server_hostname=parts.hostname) as connection,
    ):
        target = f"{parts.path}?{parts.query}"
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.headers["location"] or f"no redirect but {answer.status}"


if __name__ == "__main__":
    trust, certificate, uri, module, pin, address = sys.argv[1:]
    own = context(trust=Path(trust), certificate=Path(certificate), uri=uri, module=module, pin=pin)
    print(onward(address, own))
