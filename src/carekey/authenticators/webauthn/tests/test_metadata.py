"""The FIDO metadata BLOB (FIDO Metadata Service v3.1)."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from carekey.authenticators.webauthn import metadata
from carekey.authenticators.webauthn.metadata import Certification, Fault, MetadataError
from carekey.authenticators.webauthn.tests.examples import MAKER, NOW, PUBLISHER, read_blob, soft_key_entry
from support import attestation_ca
from support.attestation_ca import Ca, der
from support.soft_authenticator import SOFT_KEY, spoilt


def read(blob: bytes, **how: Any) -> metadata.Metadata:
    return metadata.read(blob, **{"roots": [der(PUBLISHER.root)], "signer": attestation_ca.SIGNER, "now": NOW, **how})


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_mds_3_2_a_signed_blob_is_read(alg: str) -> None:
    found = read_blob(soft_key_entry(), alg=alg)
    model = found.find(SOFT_KEY)
    assert model is not None
    assert (model.description, model.certification, model.hardware) == ("Soft Key 1", Certification.L2, True)
    assert model.roots == (der(MAKER.root),)
    assert (found.number, found.skipped) == (7, 0)
    assert not found.out_of_date(NOW)
    assert found.out_of_date(NOW + timedelta(days=90))


def blob(**how: Any) -> bytes:
    return attestation_ca.blob([soft_key_entry()], PUBLISHER, **how)


def swapped(data: bytes) -> bytes:
    header, _, signature = data.split(b".")
    return b".".join(
        [header, attestation_ca.encoded(b'{"no": 9, "nextUpdate": "2030-01-01", "entries": []}'), signature]
    )


def unsigned(data: bytes) -> bytes:
    _, payload, _ = data.split(b".")
    return attestation_ca.encoded(b'{"alg": "none"}') + b"." + payload + b"."


REFUSALS: list[tuple[str, bytes, dict[str, Any], Fault]] = [
    ("another root", blob(), {"roots": [der(Ca.new().root)]}, Fault.UNTRUSTED),
    ("no root", blob(), {"roots": []}, Fault.UNTRUSTED),
    ("another name under the same root", blob(signer="www.example"), {}, Fault.UNTRUSTED),
    ("certificate run out", blob(ends=NOW - timedelta(days=1)), {}, Fault.UNTRUSTED),
    ("root run out", blob(), {"now": NOW.replace(year=2060)}, Fault.UNTRUSTED),
    ("payload swapped", swapped(blob()), {}, Fault.FORGED),
    ("signature spoilt", blob()[:-8] + b"AAAAAAAA", {}, Fault.FORGED),
    ("no signature", unsigned(blob()), {}, Fault.UNTRUSTED),
    ("older than before", blob(number=3), {"previous": 7}, Fault.ROLLED_BACK),
    ("no JWS", b"hello", {}, Fault.UNREADABLE),
    ("empty", b"", {}, Fault.UNREADABLE),
    ("payload is no object", blob(payload=b"[1]"), {}, Fault.UNREADABLE),
    ("no number", blob(payload=b'{"entries": []}'), {}, Fault.UNREADABLE),
]


@pytest.mark.parametrize(("data", "how", "reason"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_mds_3_2_a_blob_that_is_not_right_is_refused(data: bytes, how: dict[str, Any], reason: Fault) -> None:
    with pytest.raises(MetadataError) as caught:
        read(data, **how)
    assert caught.value.reason is reason


def test_the_same_number_may_come_again() -> None:
    assert read(blob(), previous=7).number == 7


ODD: list[Any] = [
    {"aaguid": 5},
    "text",
    None,
    {"aaguid": "odd", "metadataStatement": {}, "statusReports": [{"effectiveDate": "2020-01-01"}]},
]


def test_one_odd_entry_takes_no_other_with_it() -> None:
    found = read_blob(*ODD, soft_key_entry())
    assert found.find(SOFT_KEY) is not None
    assert found.skipped == len(ODD)


def test_an_odd_part_hides_nothing_else_that_is_said_of_the_model() -> None:
    found = read_blob(
        soft_key_entry(statement={"attestationRootCertificates": ["not base64!", LEAF]}),
        {"aaguid": "1", "metadataStatement": {}, "statusReports": [report("REVOKED", "soon")]},
        {"aaguid": "2", "metadataStatement": {}, "statusReports": [report("REVOKED", certificate="???")]},
    )
    assert found.skipped == 0
    assert found.models[SOFT_KEY].roots == (der(MAKER.root),)
    assert [found.models[odd].compromised for odd in ("1", "2")] == [True, True]


def test_entries_of_other_protocols_and_bare_ones_are_passed_over() -> None:
    found = read_blob({"aaid": "4e4e#4005", "statusReports": []}, {"aaguid": "bare"}, soft_key_entry())
    assert set(found.models) == {SOFT_KEY}
    assert found.skipped == 0


def test_members_that_metadata_3_1_dropped_are_not_missed() -> None:
    found = read_blob({"aaguid": "thin", "metadataStatement": {"description": "Thin"}})
    model = found.find("thin")
    assert model is not None
    assert (model.certification, model.hardware) == (Certification.NONE, False)


@pytest.mark.parametrize(
    "written", [lambda text: text + "\n", lambda text: "\n".join(text[at : at + 64] for at in range(0, len(text), 64))]
)
def test_certificates_may_be_broken_into_lines(written: Any) -> None:
    root = written(base64.b64encode(der(MAKER.root)).decode())
    found = read_blob(soft_key_entry(statement={"attestationRootCertificates": [root]}))
    assert found.models[SOFT_KEY].roots == (der(MAKER.root),)


def report(status: str, day: str | None = "2025-01-01", **more: str) -> dict[str, str]:
    return {"status": status, **({"effectiveDate": day} if day else {}), **more}


LEAF = base64.b64encode(der(MAKER.root)).decode()
STATUS: list[tuple[str, list[dict[str, str]], Certification, bool]] = [
    ("certified", [report("FIDO_CERTIFIED_L2")], Certification.L2, False),
    ("highest counts", [report("FIDO_CERTIFIED_L1"), report("FIDO_CERTIFIED_L2plus")], Certification.L2_PLUS, False),
    ("not yet certified", [report("FIDO_CERTIFIED_L2", "2027-01-01")], Certification.NONE, False),
    ("withdrawn", [report("FIDO_CERTIFIED_L2"), report("NOT_FIDO_CERTIFIED", "2026-01-01")], Certification.NONE, False),
    ("self-asserted", [report("SELF_ASSERTION_SUBMITTED")], Certification.NONE, False),
    ("a status nobody knows", [report("FUTURE_STATUS")], Certification.NONE, False),
    ("revoked", [report("REVOKED")], Certification.NONE, True),
    ("revoked for good", [report("REVOKED"), report("FIDO_CERTIFIED_L2", "2026-01-01")], Certification.L2, True),
    ("bypassed", [report("USER_VERIFICATION_BYPASS", None)], Certification.NONE, True),
    (
        "mended",
        [
            report("FIDO_CERTIFIED_L2"),
            report("USER_KEY_PHYSICAL_COMPROMISE", "2025-06-01"),
            report("UPDATE_AVAILABLE", "2025-07-01"),
        ],
        Certification.L2,
        False,
    ),
    (
        "out of order",
        [report("UPDATE_AVAILABLE", "2025-07-01"), report("USER_KEY_REMOTE_COMPROMISE", "2025-06-01")],
        Certification.NONE,
        False,
    ),
    ("one batch", [report("ATTESTATION_KEY_COMPROMISE", certificate=LEAF)], Certification.NONE, False),
]


@pytest.mark.parametrize(
    ("reports", "level", "compromised"), [row[1:] for row in STATUS], ids=[row[0] for row in STATUS]
)
def test_mds_3_1_4_status(reports: list[dict[str, str]], level: Certification, compromised: bool) -> None:
    model = read_blob(soft_key_entry(statusReports=reports)).models[SOFT_KEY]
    assert (model.certification, model.compromised) == (level, compromised)


def test_a_compromised_batch_is_found_by_its_certificate() -> None:
    import hashlib

    model = read_blob(soft_key_entry(statusReports=[report("ATTESTATION_KEY_COMPROMISE", certificate=LEAF)])).models[
        SOFT_KEY
    ]
    assert model.is_compromised([hashlib.sha256(der(MAKER.root)).digest()])
    assert not model.is_compromised([b"another"])


def test_a_flipped_bit_is_refused() -> None:
    with pytest.raises(MetadataError):
        read(spoilt(blob()))
