"""The authority's keys on a PKCS#11 token, such as an HSM: only signatures come out. Needs the package `python-pkcs11`."""

import threading
from functools import partial
from typing import Any

import pkcs11
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error, UserAlreadyLoggedIn

from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.authority.signing import PublicKey
from carekey.authenticators.smartcard.choosing import Wanted
from carekey.authenticators.smartcard.hidden_key import HiddenKey
from carekey.authenticators.smartcard.tokens import find_token, in_use, looks, public_key_of
from carekey.kernel.secret import Secret

KEY_BITS = 3072
_LABEL = "carekey card authority: "

log = structlog.get_logger()


class TokenAwayError(OSError):
    """The token is not there now. It may be again."""


class TokenKeys:
    """A `keys.KeyStore`. One session, one signature at a time: PKCS#11 sessions are not for several threads."""

    def __init__(self, module: str, pin: Secret, serial: str | None) -> None:
        self._module = module
        self._pin = pin
        self._serial = serial
        self._lock = threading.Lock()
        self._session: pkcs11.Session | None = None
        self._looks = 0
        """`tokens.looks` when the session began."""

    def make(self, name: str) -> HiddenKey:
        """Raises: FileExistsError, OSError."""
        with self._lock:
            session = self._opened()
            if self._find(session, ObjectClass.PRIVATE_KEY, name) is not None:
                raise FileExistsError(0, "there is such a key already", _LABEL + name)
            try:
                session.generate_keypair(
                    KeyType.RSA,
                    KEY_BITS,
                    label=_LABEL + name,
                    store=True,
                    private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
                )
            except PKCS11Error as error:
                raise OSError(0, f"the token did not do it ({type(error).__name__})", self._module) from None
            return self._public(name)

    def load(self, name: str, certified: PublicKey) -> HiddenKey:
        """While the token is away, people log in and cards are cancelled: the key is there as far as it is known, and
        what it should sign waits. Raises: OSError; ValueError."""
        with self._lock:
            try:
                key = self._public(name)
            except TokenAwayError as error:
                if isinstance(certified, rsa.RSAPublicKey):
                    log.warning("card-authority:token-away", said=error.strerror)
                    return HiddenKey(partial(self.sign, name), certified)
                raise ValueError(name) from None
        if key.public_key() != certified:
            raise ValueError(name)
        return key

    def sign(self, name: str, data: bytes) -> bytes:
        """PKCS #1 v1.5 with SHA-256. A token that was away for a while is opened anew. Raises: OSError."""
        with self._lock:
            try:
                return self._sign(name, data)
            except (PKCS11Error, FileNotFoundError):
                self._session = None  # not after a wrong PIN: each costs a try
            try:
                return self._sign(name, data)
            except PKCS11Error as error:
                self._session = None
                raise OSError(0, f"the token did not sign ({type(error).__name__})", self._module) from None
            except FileNotFoundError:
                self._session = None
                raise

    def _sign(self, name: str, data: bytes) -> bytes:
        key = self._find(self._opened(), ObjectClass.PRIVATE_KEY, name)
        if key is None:
            raise FileNotFoundError(0, "the token has no such key", _LABEL + name)
        signed: bytes = key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS)
        return signed

    def _public(self, name: str) -> HiddenKey:
        found = self._find(self._opened(), ObjectClass.PUBLIC_KEY, name)
        if found is None:
            raise FileNotFoundError(0, "the token has no such key", _LABEL + name)
        return HiddenKey(partial(self.sign, name), public_key_of(found))

    def _opened(self) -> pkcs11.Session:
        """Raises: OSError."""
        if self._session is None or self._looks != looks(self._module):
            self._session = None
            wanted = Wanted(card=self._serial)
            try:
                token = self._token(wanted)
                self._looks = looks(self._module)
                try:
                    self._session = token.open(rw=True, user_pin=self._pin.reveal())
                except UserAlreadyLoggedIn:  # by another session of this process
                    self._session = token.open(rw=True)
            except PKCS11Error as error:
                said = str(error) or type(error).__name__
                raise OSError(0, f"the token cannot be opened ({said})", self._module) from None
        return self._session

    def _token(self, wanted: Wanted) -> pkcs11.Token:
        """Looks again only if no card is being written by the same module: its session would end."""
        try:
            return find_token(self._module, wanted, fresh=False)
        except CardError as error:
            if in_use(self._module):
                raise TokenAwayError(0, str(error), self._module) from None
        try:
            return find_token(self._module, wanted)
        except CardError as error:
            raise TokenAwayError(0, str(error), self._module) from None

    @staticmethod
    def _find(session: pkcs11.Session, kind: ObjectClass, name: str) -> Any:
        wanted = {Attribute.CLASS: kind, Attribute.LABEL: _LABEL + name}
        return next(iter(list(session.get_objects(wanted))), None)
