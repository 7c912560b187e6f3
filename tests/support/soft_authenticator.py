"""An authenticator in software: registrations in every attestation format, and assertions, right or wrong as asked.

It answers options as a browser's `toJSON()` would. ES256 throughout, so that a load test spends its time elsewhere.
"""

import base64
import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID, ObjectIdentifier

from support.attestation_ca import Ca, aaguid_extension, der, name, new_key

Format = Literal["none", "packed", "packed-self", "fido-u2f", "tpm", "apple", "android-key", "android-safetynet"]
SOFT_KEY = "c3a5f1de-0d6e-4b52-9c49-6a8f6c2c5b11"
"""AAGUID of the model that this is."""

UP, UV, BE, BS, AT = 1, 4, 8, 16, 64


@dataclass(kw_only=True)
class Manner:
    """How an answer is to be wrong. The defaults are right."""

    origin: str = "http://localhost:8000"
    rp_id: str | None = None
    type: str | None = None
    challenge: bytes | None = None
    cross_origin: bool = False
    user_present: bool = True
    user_verified: bool = True
    backup_eligible: bool | None = None
    backed_up: bool = False
    spoil_signature: bool = False
    user_handle: bytes | Literal["stored"] | None = "stored"
    transports: tuple[str, ...] = ("usb",)
    attachment: str = "cross-platform"

    def flags(self, backup_eligible: bool, more: int = 0) -> int:
        eligible = self.backup_eligible if self.backup_eligible is not None else backup_eligible
        return UP * self.user_present | UV * self.user_verified | BE * eligible | BS * self.backed_up | more

    def client_data(self, type: str, options: Mapping[str, Any]) -> bytes:
        challenge = options["challenge"] if self.challenge is None else b64(self.challenge)
        return json.dumps(
            {
                "type": self.type or type,
                "challenge": challenge,
                "origin": self.origin,
                "crossOrigin": self.cross_origin,
            },
            separators=(",", ":"),
        ).encode()


@dataclass(kw_only=True)
class SoftCredential:
    """One key pair on the authenticator, bound to a relying party and a user."""

    key: ec.EllipticCurvePrivateKey
    id: bytes
    rp_id: str
    user_handle: bytes
    counter: int = 0
    backup_eligible: bool = False

    def assertion(
        self, options: Mapping[str, Any], manner: Manner | None = None, *, counter: int | None = None
    ) -> dict[str, Any]:
        """Answer the options of a log-in. Without `counter` the next one is used, or 0 for ever if it began at 0."""
        manner = manner or Manner()
        if counter is None:
            self.counter += 1 if self.counter else 0
            counter = self.counter
        client_data = manner.client_data("webauthn.get", options)
        data = (
            hashlib.sha256((manner.rp_id or self.rp_id).encode()).digest()
            + bytes([manner.flags(self.backup_eligible)])
            + counter.to_bytes(4, "big")
        )
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        handle = self.user_handle if manner.user_handle == "stored" else manner.user_handle
        return {
            "id": b64(self.id),
            "rawId": b64(self.id),
            "type": "public-key",
            "authenticatorAttachment": manner.attachment,
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(client_data),
                "authenticatorData": b64(data),
                "signature": b64(spoilt(signature) if manner.spoil_signature else signature),
                **({} if handle is None else {"userHandle": b64(handle)}),
            },
        }

    @property
    def cose_key(self) -> bytes:
        return cose(self.key)


@dataclass(kw_only=True)
class SoftAuthenticator:
    """A model of authenticators made by `ca`."""

    ca: Ca = field(default_factory=Ca.new)
    aaguid: str = SOFT_KEY
    format: Format = "packed"
    counter: int = 1
    """That of the first answer; 0 for an authenticator that does not count."""
    backup_eligible: bool = False
    certificate_aaguid: str | None = None
    """Model named in the attestation certificate, if it is to be another."""

    def register(
        self, options: Mapping[str, Any], manner: Manner | None = None
    ) -> tuple[dict[str, Any], SoftCredential]:
        """Answer the options of a registration."""
        manner = manner or Manner()
        credential = SoftCredential(
            key=new_key(),
            id=os.urandom(32),
            rp_id=options["rp"]["id"],
            user_handle=unb64(options["user"]["id"]),
            counter=self.counter,
            backup_eligible=self.backup_eligible,
        )
        client_data = manner.client_data("webauthn.create", options)
        aaguid = bytes(16) if self.format == "fido-u2f" else uuid.UUID(self.aaguid).bytes
        data = (
            hashlib.sha256((manner.rp_id or credential.rp_id).encode()).digest()
            + bytes([manner.flags(self.backup_eligible, AT)])
            + self.counter.to_bytes(4, "big")
            + aaguid
            + len(credential.id).to_bytes(2, "big")
            + credential.id
            + credential.cose_key
        )
        statement = self._statement(credential, data, hashlib.sha256(client_data).digest(), client_data)
        if manner.spoil_signature:
            part = next(part for part in ("sig", "response", "x5c") if part in statement)
            statement[part] = [spoilt(statement[part][0])] if part == "x5c" else spoilt(statement[part])
        format = "packed" if self.format == "packed-self" else self.format
        attested = cbor2.dumps({"fmt": format, "attStmt": statement, "authData": data})
        answer = {
            "id": b64(credential.id),
            "rawId": b64(credential.id),
            "type": "public-key",
            "authenticatorAttachment": manner.attachment,
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(client_data),
                "attestationObject": b64(attested),
                "transports": list(manner.transports),
            },
        }
        return answer, credential

    def _statement(self, credential: SoftCredential, data: bytes, hashed: bytes, client_data: bytes) -> dict[str, Any]:
        match self.format:
            case "none":
                return {}
            case "packed":
                key = new_key()
                leaf = self.ca.issue(key.public_key(), extensions=[(self._model_extension(), False)])
                return {"alg": -7, "sig": key.sign(data + hashed, ec.ECDSA(hashes.SHA256())), "x5c": [der(leaf)]}
            case "packed-self":
                return {"alg": -7, "sig": credential.key.sign(data + hashed, ec.ECDSA(hashes.SHA256()))}
            case "fido-u2f":
                return self._u2f(credential, data, hashed)
            case "tpm":
                return self._tpm(credential, data + hashed)
            case "apple":
                nonce = hashlib.sha256(data + hashed).digest()
                value = bytes.fromhex("3024a1220420") + nonce
                extension = x509.UnrecognizedExtension(ObjectIdentifier("1.2.840.113635.100.8.2"), value)
                return {"x5c": [der(self.ca.issue(credential.key.public_key(), extensions=[(extension, False)]))]}
            case "android-key":
                return self._android_key(credential, data, hashed)
            case "android-safetynet":
                return self._safetynet(data + hashed)

    def _model_extension(self) -> x509.UnrecognizedExtension:
        return aaguid_extension(uuid.UUID(self.certificate_aaguid or self.aaguid).bytes)

    def _u2f(self, credential: SoftCredential, data: bytes, hashed: bytes) -> dict[str, Any]:
        key = new_key()
        numbers = credential.key.public_key().public_numbers()
        point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        signed = b"\x00" + data[:32] + hashed + credential.id + point
        leaf = self.ca.issue(key.public_key())
        return {"sig": key.sign(signed, ec.ECDSA(hashes.SHA256())), "x5c": [der(leaf)]}

    def _tpm(self, credential: SoftCredential, attested: bytes) -> dict[str, Any]:
        numbers = credential.key.public_key().public_numbers()
        public_area = (
            bytes.fromhex("0023000b00060472")  # ECC, SHA-256, attributes
            + sized(b"")  # policy
            + bytes.fromhex("0010001000030010")  # no symmetric, no scheme, P-256, no KDF
            + sized(numbers.x.to_bytes(32, "big"))
            + sized(numbers.y.to_bytes(32, "big"))
        )
        info = (
            bytes.fromhex("ff5443478017")
            + sized(b"")
            + sized(hashlib.sha256(attested).digest())
            + bytes(17)
            + bytes(8)
            + sized(b"\x00\x0b" + hashlib.sha256(public_area).digest())
            + sized(b"")
        )
        key = new_key()
        tpm = x509.Name(
            [
                x509.NameAttribute(ObjectIdentifier("2.23.133.2.1"), "id:49465800"),
                x509.NameAttribute(ObjectIdentifier("2.23.133.2.2"), "SLB9670"),
                x509.NameAttribute(ObjectIdentifier("2.23.133.2.3"), "id:0007"),
            ]
        )
        identity_key = self.ca.issue(
            key.public_key(),
            subject=x509.Name([]),
            extensions=[
                (x509.SubjectAlternativeName([x509.DirectoryName(tpm)]), True),
                (x509.ExtendedKeyUsage([ObjectIdentifier("2.23.133.8.3")]), False),
            ],
        )
        return {
            "ver": "2.0",
            "alg": -7,
            "x5c": [der(identity_key)],
            "sig": key.sign(info, ec.ECDSA(hashes.SHA256())),
            "certInfo": info,
            "pubArea": public_area,
        }

    def _android_key(self, credential: SoftCredential, data: bytes, hashed: bytes) -> dict[str, Any]:
        tee = tlv(0x30, bytes.fromhex("a1053103020102") + bytes.fromhex("bf853e03020100"))  # purpose sign, generated
        description = tlv(
            0x30,
            bytes.fromhex("0201030a0101020104 0a0101".replace(" ", ""))
            + tlv(0x04, hashed)
            + tlv(0x04, b"")
            + tlv(0x30, b"")
            + tee,
        )
        extension = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.11129.2.1.17"), description)
        leaf = self.ca.issue(credential.key.public_key(), extensions=[(extension, False)])
        signature = credential.key.sign(data + hashed, ec.ECDSA(hashes.SHA256()))
        return {"alg": -7, "sig": signature, "x5c": [der(leaf), der(self.ca.root)]}

    def _safetynet(self, attested: bytes) -> dict[str, Any]:
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attest.android.com")])
        leaf = self.ca.issue(key.public_key(), subject=subject)
        header = {"alg": "RS256", "x5c": [base64.b64encode(der(leaf)).decode()]}
        payload = {
            "nonce": base64.b64encode(hashlib.sha256(attested).digest()).decode(),
            "timestampMs": int(time.time() * 1000) - 1000,
            "ctsProfileMatch": True,
            "basicIntegrity": True,
        }
        signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload).encode())}"
        signature = key.sign(signed.encode(), PKCS1v15(), hashes.SHA256())
        return {"ver": "1", "response": f"{signed}.{b64(signature)}".encode()}


def cose(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})


def spoilt(signed: bytes) -> bytes:
    """With one bit of it flipped, past any header."""
    at = len(signed) - 5
    return signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]


def sized(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def tlv(tag: int, value: bytes) -> bytes:
    length = len(value)
    head = bytes([length]) if length < 128 else bytes([0x81, length])
    return bytes([tag]) + head + value


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


__all__ = ["SOFT_KEY", "Ca", "Manner", "SoftAuthenticator", "SoftCredential", "b64", "name", "unb64"]
