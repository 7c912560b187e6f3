"""What two other validators say of the same certificates and lists: OpenSSL, and pyHanko's certvalidator."""

import asyncio
import ssl
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import x509 as asn1
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError, ValidationError
from pyhanko_certvalidator.policy_decl import PKIXValidationParams

from carekey.authenticators.smartcard.policies import ANY
from carekey.authenticators.smartcard.profiles import PkiProfile


@dataclass(frozen=True, kw_only=True)
class Question:
    """Everything DER. With `crls` None revocation is not asked about."""

    leaf: bytes
    anchors: Sequence[bytes]
    others: Sequence[bytes] = ()
    crls: Sequence[bytes] | None = None
    at: datetime
    policies: Sequence[str] = ()
    """Empty: any, or none."""
    for_clients: bool = True


def about(chain: Sequence[bytes], profile: PkiProfile, at: datetime, crls: Sequence[bytes] | None = None) -> Question:
    others = (*profile.intermediates, *chain[1:])
    return Question(
        leaf=chain[0], anchors=profile.anchors, others=others, crls=crls, at=at, policies=sorted(profile.policies)
    )


def openssl(asked: Question) -> bool:
    """`openssl verify`, with all of RFC 5280 that it can be told to hold."""
    rules = ["-extended_crl", "-use_deltas", "-attime", str(int(asked.at.timestamp())), "-policy_check"]
    rules += ["-no-CApath", "-no-CAstore", "-auth_level", "2"]
    rules += ["-purpose", "sslclient", "-x509_strict"] if asked.for_clients else []
    for policy in asked.policies or [ANY]:
        rules += ["-policy", policy]
    rules += ["-explicit_policy"] if asked.policies else []
    with tempfile.TemporaryDirectory() as folder:
        leaf = _pem(folder, "leaf", "CERTIFICATE", [asked.leaf])
        files = ["-CAfile", _pem(folder, "anchors", "CERTIFICATE", asked.anchors)]
        files += ["-untrusted", _pem(folder, "others", "CERTIFICATE", asked.others)] if asked.others else []
        if asked.crls is not None:
            files += ["-crl_check_all", "-CRLfile", _pem(folder, "lists", "X509 CRL", asked.crls)]
        done = subprocess.run(["openssl", "verify", *rules, *files, leaf], check=False, capture_output=True)
    return done.returncode == 0


def _pem(folder: str, name: str, kind: str, ders: Iterable[bytes]) -> str:
    text = "".join(ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", kind) for der in ders)
    file = Path(folder) / name
    file.write_text(text)
    return str(file)


def certvalidator(asked: Question) -> bool:
    """pyHanko's certvalidator."""
    context = ValidationContext(
        trust_roots=[asn1.Certificate.load(one) for one in asked.anchors],
        other_certs=[asn1.Certificate.load(one) for one in asked.others],
        moment=asked.at,
        best_signature_time=asked.at,
        crls=list(asked.crls or ()),
        revocation_mode="require" if asked.crls is not None else "soft-fail",
    )
    rules = (
        PKIXValidationParams(user_initial_policy_set=frozenset(asked.policies), initial_explicit_policy=True)
        if asked.policies
        else PKIXValidationParams()
    )
    validator = CertificateValidator(asn1.Certificate.load(asked.leaf), validation_context=context, pkix_params=rules)

    async def judge() -> bool:
        try:
            if asked.for_clients:
                await validator.async_validate_usage({"digital_signature"}, {"client_auth"}, extended_optional=True)
            else:
                await validator.async_validate_path()
        except (PathBuildingError, PathValidationError, ValidationError):
            return False
        return True

    return asyncio.run(judge())
