"""A UAF client and authenticator in software, for tests.

It knows the protocol by itself: nothing here is the server's code, so that both cannot be wrong in the same way.
It is as strict as a good client, and misbehaves only where a test tells it to.
"""

import base64
import datetime as dt
import hashlib
import itertools
import json
import struct
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

AAID_OID = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.1")
DAY = dt.timedelta(days=1)
EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

CURVES = {1: ec.SECP256R1, 2: ec.SECP256R1, 5: ec.SECP256K1, 6: ec.SECP256K1, 16: ec.SECP384R1, 17: ec.SECP521R1}
HASHES = {
    10: "sha384",
    11: "sha512",
    13: "sha384",
    14: "sha512",
    16: "sha384",
    17: "sha512",
    18: "sha512",
    19: "sha512",
}
PSS = {3, 4, 10, 11}
WRAPPED = {2, 4, 6, 9}
NAMES = {
    1: "secp256r1_ecdsa_sha256_raw",
    2: "secp256r1_ecdsa_sha256_der",
    3: "rsassa_pss_sha256_raw",
    4: "rsassa_pss_sha256_der",
    5: "secp256k1_ecdsa_sha256_raw",
    6: "secp256k1_ecdsa_sha256_der",
    8: "rsa_emsa_pkcs1_sha256_raw",
    9: "rsa_emsa_pkcs1_sha256_der",
    10: "rsassa_pss_sha384_raw",
    11: "rsassa_pss_sha512_raw",
    12: "rsassa_pkcsv15_sha256_raw",
    13: "rsassa_pkcsv15_sha384_raw",
    14: "rsassa_pkcsv15_sha512_raw",
    16: "secp384r1_ecdsa_sha384_raw",
    17: "secp521r1_ecdsa_sha512_raw",
    18: "ed25519_eddsa_sha512_raw",
    19: "ed448_eddsa_sha512_raw",
}
FORMAT_NAMES = {0x100: "ecc_x962_raw", 0x101: "ecc_x962_der", 0x102: "rsa_2048_raw", 0x103: "rsa_2048_der"}


NUMBERS = itertools.count()


class Refusal(Exception):
    """The client's error code, as the app would see it."""


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def tlv(tag: int, *values: bytes) -> bytes:
    body = b"".join(values)
    return struct.pack("<HH", tag, len(body)) + body


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Slow to make, so shared by tests that want one of so many different keys."""
    return rsa.generate_private_key(65537, bits)


def new_key(algorithm: int, number: int = 0) -> Any:
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    if algorithm == 18:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == 19:
        return ed448.Ed448PrivateKey.generate()
    return rsa_key(number)


def hash_name(algorithm: int) -> str:
    return HASHES.get(algorithm, "sha256")


def sign(algorithm: int, key: Any, message: bytes, *, deterministic: bool = False) -> bytes:
    if algorithm in {18, 19}:
        return key.sign(message)
    digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[hash_name(algorithm)]
    if algorithm in CURVES:
        signature = key.sign(message, ec.ECDSA(digest, deterministic_signing=deterministic))
        if algorithm in WRAPPED:
            return signature
        size = (key.key_size + 7) // 8
        return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))
    pad = padding.PSS(padding.MGF1(digest), digest.digest_size) if algorithm in PSS else padding.PKCS1v15()
    signature = key.sign(message, pad, digest)
    return b"\x04\x82\x01\x00" + signature if algorithm in WRAPPED else signature


def public_bytes(key: Any, key_format: int) -> bytes:
    public = key.public_key()
    if key_format == 0x100:
        return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    if key_format == 0x102:
        numbers = public.public_numbers()
        return numbers.n.to_bytes(256, "big") + numbers.e.to_bytes(3, "big")
    kind = serialization.PublicFormat.PKCS1 if key_format == 0x103 else serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.DER, kind)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def certificate(
    subject: str,
    key: Any,
    issuer: str,
    issuer_key: Any,
    *,
    ca: bool | None = None,
    path_length: int | None = None,
    aaid: str | None = None,
    not_after: dt.datetime = EPOCH + 3650 * DAY,
    not_before: dt.datetime = EPOCH - DAY,
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=path_length if ca else None), True)
    if aaid is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(AAID_OID, b"\x04\x09" + aaid.encode()), False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    plain = isinstance(issuer_key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(issuer_key, None if plain else hashes.SHA256())


@dataclass
class Authority:
    """A root, an intermediate, and leaves under it for models; made anew in each test run."""

    root_key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    name: str = "Test maker"

    def __post_init__(self) -> None:
        self.root = certificate(f"{self.name} root", self.root_key, f"{self.name} root", self.root_key, ca=True)
        self.intermediate = certificate(self.name, self.key, f"{self.name} root", self.root_key, ca=True, path_length=0)

    def leaf(self, key: Any, aaid: str | None, **options: Any) -> x509.Certificate:
        return certificate("attestation", key, self.name, self.key, aaid=aaid, **{"ca": None, **options})


@dataclass
class Model:
    """A model and its metadata statement, from one description, so that they cannot drift apart."""

    aaid: str = "1A2B#0001"
    version: int = 1
    algorithm: int = 1
    key_format: int = 0x100
    authority: Authority | None = None
    """None means surrogate attestation."""
    verification: tuple[tuple[str, ...], ...] = (("fingerprint_internal",),)
    key_protection: tuple[str, ...] = ("hardware", "tee")
    matcher_protection: tuple[str, ...] = ("tee",)
    tc_display: tuple[str, ...] = ("any", "privileged_software")
    tc_content_type: str = "text/plain"
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attestation_key = new_key(self.algorithm, 1) if self.authority else None
        self.chain = (
            [self.authority.leaf(self.attestation_key, self.aaid), self.authority.intermediate]
            if self.authority
            else []
        )

    def statement(self) -> dict[str, Any]:
        roots = [base64.b64encode(der(self.authority.root)).decode()] if self.authority else []
        return {
            "legalHeader": "test",
            "aaid": self.aaid,
            "description": "A test model",
            "authenticatorVersion": self.version,
            "protocolFamily": "uaf",
            "schema": 3,
            "upv": [{"major": 1, "minor": 1}],
            "authenticationAlgorithms": [NAMES[self.algorithm]],
            "publicKeyAlgAndEncodings": [FORMAT_NAMES[self.key_format]],
            "attestationTypes": ["basic_full" if self.authority else "basic_surrogate"],
            "userVerificationDetails": [
                [{"userVerificationMethod": method} for method in methods] for methods in self.verification
            ],
            "keyProtection": list(self.key_protection),
            "matcherProtection": list(self.matcher_protection),
            "cryptoStrength": 128,
            "attachmentHint": ["internal"],
            "tcDisplay": list(self.tc_display),
            "tcDisplayContentType": self.tc_content_type,
            "attestationRootCertificates": roots,
        } | self.more


@dataclass
class Key:
    app_id: str
    key_id: bytes
    private: Any
    counter: int
    username: str


def same(value: Any) -> Any:
    return value


@dataclass
class Faults:
    """What a test has the device do otherwise. Each callable gets what would be sent and gives what is sent."""

    final_challenge: Any = same
    fc_params: Any = same
    signed: Any = same
    """The children of KRD or SignedData, as (tag, value) pairs."""
    outer: Any = same
    """The children of the assertion, as bytes."""
    assertion: Any = same
    entry: Any = same
    message: Any = same
    signing_key: Any = None
    algorithm: int | None = None
    """The number that is written; the signature stays what it is."""
    extensions: tuple[tuple[int, bytes], ...] = ()
    """Further children of the signed structure."""
    hash: bytes | None = None
    counter: int | None = None
    mode: int | None = None
    version: int | None = None
    key_id: bytes | None = None
    attestation_type: int | None = None


@dataclass
class Phone:
    """`answer` is the client, the rest its authenticator."""

    model: Model
    facet: str = "https://id.example"
    trusted: tuple[str, ...] = ("https://id.example",)
    binding: dict[str, str] = field(default_factory=dict)
    deterministic: bool = False
    counts: bool = True
    private: Any = None
    """The key to register, where a test wants a certain one."""

    def __post_init__(self) -> None:
        self.keys: list[Key] = []
        self.registrations = 0
        self.shown: list[str] = []
        self.nonces = 0

    def answer(self, request: str, faults: Faults | None = None) -> str:
        faults = faults or Faults()
        message = self._read(request)
        header = message["header"]
        fcp = {
            "appID": header["appID"],
            "challenge": message["challenge"],
            "facetID": self.facet,
            "channelBinding": self.binding,
        }
        text = faults.fc_params(b64(json.dumps(faults.final_challenge(fcp), separators=(",", ":")).encode()))
        digest = faults.hash or hashlib.new(hash_name(self.model.algorithm), text.encode()).digest()
        assertion = (
            self._register(message, digest, faults) if header["op"] == "Reg" else self._sign(message, digest, faults)
        )
        entry = {"assertionScheme": "UAFV1TLV", "assertion": b64(faults.assertion(assertion))}
        return json.dumps(faults.message([{"header": header, "fcParams": text, "assertions": [faults.entry(entry)]}]))

    def deregister(self, request: str) -> None:
        (message,) = json.loads(request)
        assert message["header"]["op"] == "Dereg"
        assert "serverData" not in message["header"]
        for wanted in message["authenticators"]:
            if wanted["aaid"].upper() in {"", self.model.aaid.upper()}:
                key_ids = [unb64(wanted["keyID"])] if wanted["keyID"] else [key.key_id for key in self.keys]
                self.keys = [
                    key for key in self.keys if key.app_id != message["header"]["appID"] or key.key_id not in key_ids
                ]

    def _read(self, request: str) -> dict[str, Any]:
        messages = json.loads(request)
        if len(messages) != 1 or messages[0]["header"]["upv"] not in (
            {"major": 1, "minor": minor} for minor in range(3)
        ):
            raise Refusal("UNSUPPORTED_VERSION")
        message = messages[0]
        header = message["header"]
        good = (
            8 <= len(unb64(message["challenge"])) <= 64
            and 1 <= len(header["serverData"]) <= 1536
            and 1 <= len(header["appID"]) <= 512
            and (header["op"] == "Auth" or 1 <= len(message["username"]) <= 128)
            and message["policy"]["accepted"]
            and not any(ext["fail_if_unknown"] and ext["id"] != "fido.uaf.uvm" for ext in header.get("exts", []))
        )
        if not good:
            raise Refusal("PROTOCOL_ERROR")
        if self.facet not in self.trusted:
            raise Refusal("UNTRUSTED_FACET_ID")
        self._choose(message["policy"], header["op"])
        return message

    def _choose(self, policy: dict[str, Any], op: str) -> None:
        held = {b64(key.key_id) for key in self.keys}

        def fits(criteria: dict[str, Any], *, disallowed: bool = False) -> bool:
            if "aaid" in criteria:
                assert set(criteria) <= {"aaid", "keyIDs", "attachmentHint", "authenticatorVersion", "exts"}
                wanted = self.model.aaid.upper() in [aaid.upper() for aaid in criteria["aaid"]]
                ask_keys = "keyIDs" in criteria and (disallowed or op == "Auth")
                return wanted and (not ask_keys or bool(held & set(criteria["keyIDs"])))
            assert {"authenticationAlgorithms", "assertionSchemes"} <= set(criteria)
            return self.model.algorithm in criteria["authenticationAlgorithms"]

        if any(fits(criteria, disallowed=True) for criteria in policy.get("disallowed", [])):
            raise Refusal("NO_SUITABLE_AUTHENTICATOR")
        if not any(all(map(fits, together)) for together in policy["accepted"]):
            raise Refusal("NO_SUITABLE_AUTHENTICATOR")

    def _register(self, message: dict[str, Any], digest: bytes, faults: Faults) -> bytes:
        model = self.model
        self.registrations += 1
        key_id = faults.key_id or hashlib.sha256(f"key {next(NUMBERS)}".encode()).digest()
        private = self.private or new_key(model.algorithm)
        key = Key(message["header"]["appID"], key_id, private, 0, message["username"])
        self.keys.append(key)
        return self.registration_assertion(key, digest, faults)

    def registration_assertion(self, key: Key, digest: bytes, faults: Faults) -> bytes:
        model = self.model
        info = struct.pack(
            "<HBHH",
            model.version if faults.version is None else faults.version,
            1 if faults.mode is None else faults.mode,
            faults.algorithm or model.algorithm,
            model.key_format,
        )
        counter = key.counter if faults.counter is None else faults.counter
        krd = self._signed(
            0x3E03,
            [
                (0x2E0B, model.aaid.encode()),
                (0x2E0E, info),
                (0x2E0A, digest),
                (0x2E09, key.key_id),
                (0x2E0D, struct.pack("<II", counter, self.registrations)),
                (0x2E0C, public_bytes(key.private, model.key_format)),
            ],
            faults,
        )
        signer = faults.signing_key or model.attestation_key or key.private
        signature = tlv(0x2E06, sign(model.algorithm, signer, krd, deterministic=self.deterministic))
        certificates = [tlv(0x2E05, der(each)) for each in model.chain]
        kind = faults.attestation_type or (0x3E07 if model.authority else 0x3E08)
        return tlv(0x3E01, *faults.outer([krd, tlv(kind, signature, *certificates)]))

    def _sign(self, message: dict[str, Any], digest: bytes, faults: Faults) -> bytes:
        keys = [key for key in self.keys if key.app_id == message["header"]["appID"]]
        named = {
            key_id
            for together in message["policy"]["accepted"]
            for criteria in together
            for key_id in criteria.get("keyIDs", [])
        }
        key = next(key for key in keys if not named or b64(key.key_id) in named)
        content = None
        for transaction in message.get("transaction", []):
            if transaction["contentType"] == self.model.tc_content_type:
                content = unb64(transaction["content"])
                self.shown.append(content.decode("latin-1"))
        return self.authentication_assertion(key, digest, content, faults)

    def authentication_assertion(self, key: Key, digest: bytes, content: bytes | None, faults: Faults) -> bytes:
        model = self.model
        key.counter += self.counts
        self.nonces += 1
        info = struct.pack(
            "<HBH",
            model.version if faults.version is None else faults.version,
            (1 if content is None else 2) if faults.mode is None else faults.mode,
            faults.algorithm or model.algorithm,
        )
        hashed = b"" if content is None else hashlib.new(hash_name(model.algorithm), content).digest()
        signed = self._signed(
            0x3E04,
            [
                (0x2E0B, model.aaid.encode()),
                (0x2E0E, info),
                (0x2E0F, hashlib.sha256(f"uaf example: nonce {self.nonces}".encode()).digest()[:8]),
                (0x2E0A, digest),
                (0x2E10, hashed),
                (0x2E09, faults.key_id or key.key_id),
                (0x2E0D, struct.pack("<I", key.counter if faults.counter is None else faults.counter)),
            ],
            faults,
        )
        signature = sign(model.algorithm, faults.signing_key or key.private, signed, deterministic=self.deterministic)
        return tlv(0x3E02, *faults.outer([signed, tlv(0x2E06, signature)]))

    def _signed(self, tag: int, children: list[tuple[int, bytes]], faults: Faults) -> bytes:
        return tlv(tag, *(tlv(each, value) for each, value in faults.signed([*children, *faults.extensions])))
