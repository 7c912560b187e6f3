"""Signs for one issuer, with keys that rotate by themselves.

Signing is the dearest thing that a token costs, so nothing else may come near it: headers are encoded once per
key, claims go through msgspec, and the signature is the cryptographic library's own call.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization as der
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, OKPKey, RSAKey

from carekey.jose import base64url, encryption, jwt
from carekey.jose.algorithms import SIGNING, PrivateKey, PublicKey, Sign
from carekey.jose.events import KeyMade, KeyMoved, KeyRemoved
from carekey.jose.keyring import Change, Make, Move, Remove, Rotation, due, replace_now, replace_soon
from carekey.jose.model import KeyState, StoredKey
from carekey.jose.ports import KeysTx
from carekey.jose.sealing import SealBroken, Sealing
from carekey.kernel.actor import Actor, system
from carekey.kernel.ids import IssuerName, KeyId
from carekey.kernel.unit_of_work import Store

DEFAULT_ALG = "RS256"
"""What every client of CIS2 expects (cis2-profile section 2.11)."""
KEYRING = system("keyring")


class KeyUnusable(Exception):
    """A stored key cannot be opened, or does not verify what it signs. `str()` says which, and what to do."""


@dataclass(slots=True)
class _Loaded:
    """A key taken out of the store, ready to sign."""

    id: KeyId
    alg: str
    sign: Sign
    jwk: Mapping[str, Any]
    headers: dict[str, bytes] = field(default_factory=dict)

    def header(self, typ: str) -> bytes:
        encoded = self.headers.get(typ)
        if encoded is None:
            json = msgspec.json.encode({"typ": typ, "kid": self.id, "alg": self.alg})
            encoded = self.headers[typ] = base64url.encode(json) + b"."
        return encoded

    def jws(self, claims: Mapping[str, Any], typ: str) -> str:
        signing_input = self.header(typ) + base64url.encode(msgspec.json.encode(claims))
        return (signing_input + b"." + base64url.encode(self.sign(signing_input))).decode("ascii")


@dataclass(frozen=True, slots=True)
class _Ring:
    read_at: datetime
    loaded: Mapping[KeyId, _Loaded]
    active: Mapping[str, _Loaded]
    jwks: bytes
    verifying: jwt.KeySet
    opening: Sequence[tuple[str, encryption.EncryptionKey]] = ()


class Signer:
    """Keys of one issuer. Any number of nodes may hold one over the same store."""

    def __init__(
        self,
        *,
        issuer: IssuerName,
        store: Store[KeysTx],
        sealing: Sealing,
        rotation: Rotation | None = None,
        reload_after: timedelta = timedelta(minutes=1),
        encryption_keys: bool = False,
    ) -> None:
        """`encryption_keys`: publish keys that others can encrypt to.

        `reload_after`: how long another node's rotation may go unnoticed. What this node signs meanwhile is
        good, because a retiring key stays published for longer than that."""
        self._issuer = issuer
        self._store = store
        self._sealing = sealing
        self._rotation = rotation or Rotation()
        self._reload_after = reload_after
        self._always = {DEFAULT_ALG, *(encryption.OWN_KEYS if encryption_keys else ())}
        self._ring: _Ring | None = None
        self._lock = asyncio.Lock()

    async def refresh(self, now: datetime, *, alg: str = DEFAULT_ALG) -> None:
        """Have an active key of this algorithm at hand, and know of what other nodes did a moment ago.

        Returns at once nearly always. At start-up it is the self-test: every key signs and verifies.
        Raises: KeyUnusable, KeyError (an algorithm that we do not know).
        """
        ring = self._ring
        if ring is not None and now - ring.read_at < self._reload_after and alg in ring.active:
            return
        _ = SIGNING[alg]
        async with self._lock:
            ring = self._ring
            if ring is None or now - ring.read_at >= self._reload_after or alg not in ring.active:
                await self._reload(now, {*self._always, alg})

    async def rotate(self, now: datetime, *, alg: str = DEFAULT_ALG, at_once: bool = False, by: Actor) -> None:
        """Begin the change to a new key, or with `at_once` complete it: for a key that may have been seen."""
        async with self._lock:
            keys = await self._stored()
            changes = replace_now(keys, alg) if at_once else replace_soon(keys, alg)
            await self._carry_out(changes, keys, now, by)
            await self._reload(now, self._always)

    def sign(self, claims: Mapping[str, Any], *, alg: str = DEFAULT_ALG, typ: str = "JWT") -> str:
        """A compact JWS. `refresh` with this algorithm comes first. Raises: KeyError."""
        return self._require_ring().active[alg].jws(claims, typ)

    def jwks(self) -> bytes:
        """The key set, as JSON: everything that a relying party may need now or soon (RFC 7517 section 5)."""
        return self._require_ring().jwks

    def verify(self, token: str, *, typ: str = "JWT") -> Mapping[str, Any]:
        """The claims of a token of this type that we signed ourselves, expired or not. Raises: InvalidJwt."""
        parsed = jwt.parse(token)
        if parsed.header.typ != typ:  # or one kind of token could be taken for another (RFC 8725 section 3.11)
            raise jwt.InvalidJwt(jwt.Flaw.MALFORMED)
        return jwt.verify(parsed, self._require_ring().verifying, allowed=SIGNING)

    def decrypt(self, token: str) -> str:
        """What was encrypted to one of our keys, of late or now. Raises: InvalidJwt."""
        return encryption.decrypt(token, self._require_ring().opening)

    def _require_ring(self) -> _Ring:
        if self._ring is None:
            raise RuntimeError("refresh the signer before use")
        return self._ring

    async def _stored(self) -> Sequence[StoredKey]:
        return await self._store.read(lambda tx: tx.keys.list(self._issuer))

    async def _reload(self, now: datetime, algs: Iterable[str]) -> None:
        keys = await self._stored()
        while changes := due(keys, algs, self._rotation, now=now):
            await self._carry_out(changes, keys, now, KEYRING)
            keys = await self._stored()
        known = self._ring.loaded if self._ring else {}
        signing = [key for key in keys if key.alg in SIGNING]
        loaded = {key.id: known.get(key.id) or self._load(key) for key in signing}
        in_use = {key.alg: loaded[key.id] for key in signing if key.state is KeyState.ACTIVE}
        opening = {key.id: self._opener(key) for key in keys if key.alg in encryption.OWN_KEYS}
        # One that is retiring is not told to anybody new, and still opens what was on its way.
        open_to = [opening[key.id] for key in keys if key.id in opening and key.state is KeyState.ACTIVE]
        self._ring = _Ring(now, loaded, in_use, *_published(signing, loaded, open_to), list(opening.items()))

    async def _carry_out(self, changes: Sequence[Change], seen: Sequence[StoredKey], now: datetime, by: Actor) -> None:
        """`seen`: what the changes were decided upon. If another node has changed it since, nothing is done."""
        # Made before the transaction and in a thread: an RSA key takes a tenth of a second. One that loses against
        # another node's is thrown away.
        made: dict[Change, StoredKey] = {
            change: await asyncio.to_thread(self._make, change, now) for change in changes if isinstance(change, Make)
        }

        def work(tx: KeysTx) -> None:
            if list(tx.keys.list(self._issuer)) != list(seen):
                return
            for change in changes:
                done = self._apply(tx, change, made.get(change), now, by)
                if not done and isinstance(change, Move):
                    return  # another node is rotating, and will have done what follows

        await self._store.write(work)

    def _apply(self, tx: KeysTx, change: Change, made: StoredKey | None, now: datetime, by: Actor) -> bool:
        """False if another node was first."""
        match change:
            case Make():
                assert made is not None
                done = tx.keys.add(made)
                event: KeyMade | KeyMoved | KeyRemoved = KeyMade(
                    at=now, actor=by, issuer=self._issuer, key=made.id, alg=made.alg, state=made.state.value
                )
            case Move(id, was, to):
                done = tx.keys.move(id, was=was, to=to, at=now)
                event = KeyMoved(at=now, actor=by, issuer=self._issuer, key=id, was=was.value, to=to.value)
            case Remove(id):
                done = tx.keys.remove(id)
                event = KeyRemoved(at=now, actor=by, issuer=self._issuer, key=id)
        if done:
            tx.audit.record(event)
        return done

    def _make(self, change: Make, now: datetime) -> StoredKey:
        private = SIGNING[change.alg].generate() if change.alg in SIGNING else encryption.OWN_KEYS[change.alg]()
        id = KeyId(_joserfc(private).thumbprint())
        plain = private.private_bytes(der.Encoding.DER, der.PrivateFormat.PKCS8, der.NoEncryption())
        return StoredKey(
            id=id,
            issuer=self._issuer,
            alg=change.alg,
            state=change.state,
            sealed=self._sealing.seal(plain, purpose=id),
            created_at=now,
            changed_at=now,
        )

    def _load(self, key: StoredKey) -> _Loaded:
        """Raises: KeyUnusable."""
        private = self._opened(key)
        jwk = {**_joserfc(private.public_key()).as_dict(), "use": "sig", "alg": key.alg, "kid": key.id}
        loaded = _Loaded(key.id, key.alg, SIGNING[key.alg].signing(private), jwk)
        _self_test(loaded)
        return loaded

    def _opener(self, key: StoredKey) -> encryption.EncryptionKey:
        """Raises: KeyUnusable."""
        return _joserfc(self._opened(key))

    def _opened(self, key: StoredKey) -> Any:
        """Raises: KeyUnusable."""
        try:
            plain = self._sealing.open(key.sealed, purpose=key.id)
        except SealBroken:
            raise KeyUnusable(
                f"Signing key {key.id} of {self._issuer} does not open: is this the master key that it was sealed with?"
            ) from None
        # Sealed by ourselves, and tested below: the slow check of RSA's primes would add nothing.
        return der.load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)


def _joserfc(key: PrivateKey | PublicKey) -> RSAKey | ECKey | OKPKey:
    match key:
        case rsa.RSAPrivateKey() | rsa.RSAPublicKey():
            return RSAKey.import_key(key)
        case ec.EllipticCurvePrivateKey() | ec.EllipticCurvePublicKey():
            return ECKey.import_key(key)
        case _:
            return OKPKey.import_key(key)


def _published(
    keys: Sequence[StoredKey], loaded: Mapping[KeyId, _Loaded], open_to: Sequence[encryption.EncryptionKey]
) -> tuple[bytes, jwt.KeySet]:
    # Keys in use first: there are clients that take the first that they understand.
    order = [KeyState.ACTIVE, KeyState.RETIRING, KeyState.NEXT]
    jwks: dict[str, list[Any]] = {
        "keys": [loaded[key.id].jwk for key in sorted(keys, key=lambda key: order.index(key.state))]
    }
    # Without `alg`: one key serves every algorithm of its family.
    jwks["keys"] += [{**key.as_dict(private=False), "use": "enc", "kid": key.thumbprint()} for key in open_to]
    return msgspec.json.encode(jwks), jwt.KeySet.of_jwks(jwks)


def _self_test(key: _Loaded) -> None:
    """Sign and verify on the paths that tokens take. Raises: KeyUnusable."""
    try:
        token = jwt.parse(key.jws({"sub": "self-test"}, "JWT"))
        jwt.verify(token, jwt.KeySet.of_jwks({"keys": [key.jwk]}), allowed=(key.alg,))
    except (jwt.InvalidJwt, ValueError, TypeError, AttributeError):
        raise KeyUnusable(f"Signing key {key.id} does not verify what it signs: restore it, or rotate.") from None
