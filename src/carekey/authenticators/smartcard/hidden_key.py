"""A key that stays on its card or token, as the X.509 library sees it: only the signature comes out."""

from collections.abc import Callable
from typing import Any, NoReturn, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding


class HiddenKey(rsa.RSAPrivateKey):
    """`sign`: with PKCS #1 v1.5 and SHA-256. What would need the key itself raises NotImplementedError, as the library
    wants it of keys that cannot."""

    def __init__(self, sign: Callable[[bytes], bytes], public: rsa.RSAPublicKey) -> None:
        self._sign = sign
        self._public = public

    def sign(self, data: Any, padding: AsymmetricPadding, algorithm: Any) -> bytes:
        if not isinstance(padding, _PKCS1v15) or not isinstance(algorithm, hashes.SHA256):
            raise NotImplementedError("this key signs with PKCS #1 v1.5 and SHA-256")
        return self._sign(bytes(data))

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def decrypt(self, ciphertext: Any, padding: AsymmetricPadding) -> NoReturn:
        raise NotImplementedError

    def private_numbers(self) -> NoReturn:
        raise NotImplementedError

    def private_bytes(self, *_: Any) -> NoReturn:
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


_PKCS1v15 = padding.PKCS1v15
