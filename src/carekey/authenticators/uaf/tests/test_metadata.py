"""Statements of every version in one form, status reports, and the metadata service's blob (sections 18 and 19)."""

import base64
import datetime as dt
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from carekey.authenticators.uaf import mds, statement
from carekey.authenticators.uaf.metadata import Metadata, Model, ReportStatus, parse_reports, read_statements
from carekey.authenticators.uaf.statement import MetadataError
from carekey.authenticators.uaf.tests import phone
from carekey.authenticators.uaf.tests.phone import DAY, EPOCH, Authority, b64, der
from carekey.authenticators.uaf.tests.server import NOW

V3 = phone.Model(aaid="1a2b#0001", verification=(("fingerprint_internal",), ("passcode_internal",))).statement()
V2 = {
    "aaid": "1A2B#0001",
    "description": "A test model",
    "authenticatorVersion": 1,
    "upv": [{"major": 1, "minor": 0}],
    "assertionScheme": "UAFV1TLV",
    "authenticationAlgorithm": 1,
    "publicKeyAlgAndEncoding": 256,
    "attestationTypes": [15880],
    "userVerificationDetails": [[{"userVerification": 2}], [{"userVerification": 4}]],
    "keyProtection": 6,
    "matcherProtection": 2,
    "isKeyRestricted": "true",
    "attachmentHint": 1,
    "isSecondFactorOnly": "false",
    "tcDisplay": 3,
    "tcDisplayContentType": "text/plain",
    "attestationRootCertificates": [],
}


def test_18_versions_2_and_3_have_one_form():
    assert statement.parse(V2) == statement.parse(V3)
    assert statement.parse(V2 | {"protocolFamily": "uaf"}) == statement.parse(V3)


def test_18_1_defaults():
    parsed = statement.parse(V3)
    assert (parsed.key_restricted, parsed.fresh_user_verification, parsed.second_factor_only) == (True, True, False)
    assert not statement.parse(V2 | {"isKeyRestricted": False}).key_restricted
    assert not statement.parse(V2 | {"isFreshUserVerificationRequired": "false"}).fresh_user_verification


ROOT = base64.b64encode(der(Authority().root)).decode()

ODD: dict[str, dict[str, Any]] = {
    "no aaid": {"aaid": None},
    "aaid of another form": {"aaid": "1A2B-0001"},
    "a FIDO2 model": {"protocolFamily": "fido2"},
    "a version below zero": {"authenticatorVersion": -1},
    "a version of text": {"authenticatorVersion": "1"},
    "no algorithm": {"authenticationAlgorithms": []},
    "an unknown algorithm": {"authenticationAlgorithms": ["rot13"]},
    "algorithm zero": {"authenticationAlgorithms": 0},
    "key format zero": {"publicKeyAlgAndEncodings": 0},
    "no attestation": {"attestationTypes": []},
    "an unknown attestation": {"attestationTypes": [1]},
    "no user verification": {"userVerificationDetails": []},
    "an empty alternative": {"userVerificationDetails": [[]]},
    "an unknown method": {"userVerificationDetails": [[{"userVerification": 0x8000}]]},
    "two methods in one": {"userVerificationDetails": [[{"userVerification": 6}]]},
    "method ALL": {"userVerificationDetails": [[{"userVerificationMethod": "all"}]]},
    "key protection zero": {"keyProtection": 0},
    "key protection unknown": {"keyProtection": 0x40},
    "key protection in hardware and software": {"keyProtection": ["software", "hardware"]},
    "key protection in two places": {"keyProtection": ["hardware", "tee", "secure_element"]},
    "key protection elsewhere only": {"keyProtection": ["remote_handle"]},
    "matcher protection zero": {"matcherProtection": []},
    "two matcher protections": {"matcherProtection": ["tee", "on_chip"]},
    "two displays": {"tcDisplay": ["any", "tee", "hardware"]},
    "a display of nothing": {"tcDisplayContentType": ""},
    "a boolean of another text": {"isKeyRestricted": "yes"},
    "another scheme": {"assertionScheme": "APCV1CBOR"},
    "full without a root": {"attestationTypes": ["basic_full"]},
    "roots without full": {"attestationRootCertificates": [ROOT]},
    "a root that is none": {"attestationTypes": ["basic_full"], "attestationRootCertificates": ["AAAA"]},
    "a root in another alphabet": {"attestationTypes": ["basic_full"], "attestationRootCertificates": ["-_"]},
    "odd PNG characteristics": {"tcDisplayPNGCharacteristics": [{"width": 1}]},
    "odd extensions": {"supportedExtensions": [{}]},
}


@pytest.mark.parametrize("more", ODD.values(), ids=ODD.keys())
def test_18_2_an_odd_statement_is_left_out_and_the_others_are_used(more):
    with pytest.raises(MetadataError):
        statement.parse(V3 | more)
    models, skipped = read_statements([("odd", V3 | more), ("good", V3)])
    assert [model.source for model in models] == ["good"]
    assert [each.entry for each in skipped] == ["odd"]


@pytest.mark.parametrize("name", sorted(set(V3) - {"legalHeader", "protocolFamily", "schema", "upv", "cryptoStrength"}))
@pytest.mark.parametrize("value", [None, 7.5, {}, [[]], [None], "\ud800", True])
def test_18_2_no_statement_crashes_the_reader(name, value):
    read_statements([("odd", V3 | {name: value})])
    read_statements([("odd", {key: kept for key, kept in V3.items() if key != name})])


def test_18_2_line_breaks_in_certificates_are_read():
    broken = "\n".join(ROOT[start : start + 64] for start in range(0, len(ROOT), 64))
    parsed = statement.parse(V3 | {"attestationTypes": ["basic_full"], "attestationRootCertificates": [broken]})
    assert [der(root) for root in parsed.roots] == [base64.b64decode(ROOT)]


def test_25_1_test_models_need_test_mode():
    models, _ = read_statements([("test", V3 | {"aaid": "ffff#0001"})])
    assert Metadata.of(models).find("FFFF#0001") is None
    assert Metadata.of(models, test_models=True).find("ffff#0001") is not None


def test_18_2_of_two_sources_the_first_wins():
    first, second = (read_statements([(name, V3)])[0][0] for name in ("blob", "local"))
    assert Metadata.of([first, second]).find("1A2B#0001") is first


R = ReportStatus


@pytest.mark.parametrize(
    ("reports", "version", "registers", "logs_in", "update_helps"),
    [
        ([], 1, True, True, False),
        (["FIDO_CERTIFIED_L1"], 1, True, True, False),
        (["NOT_FIDO_CERTIFIED", "SELF_ASSERTION_SUBMITTED", "FIPS140_CERTIFIED_L1", "SOMETHING_NEW"], 1, True, True, False),
        (["REVOKED"], 9, False, False, False),
        (["FIDO_CERTIFIED", "REVOKED"], 9, False, False, False),
        (["REVOKED", "SOMETHING_NEW"], 9, False, False, False),
        (["REVOKED", "FIDO_CERTIFIED_L2plus"], 1, True, True, False),
        (["UPDATE_AVAILABLE"], 0, True, True, False),
        (["USER_VERIFICATION_BYPASS", "UPDATE_AVAILABLE"], 0, False, False, True),
        (["USER_VERIFICATION_BYPASS", "UPDATE_AVAILABLE"], 1, True, True, False),
        (["USER_VERIFICATION_BYPASS", "UPDATE_AVAILABLE", "FIDO_CERTIFIED"], 0, False, False, True),
        (["USER_VERIFICATION_BYPASS", "USER_KEY_PHYSICAL_COMPROMISE"], 1, False, False, False),
        (["USER_KEY_PHYSICAL_COMPROMISE"], 1, False, True, False),
        (["REVOKED", "USER_VERIFICATION_BYPASS", "UPDATE_AVAILABLE", "REVOKED"], 1, False, False, False),
    ],
)  # fmt: skip
def test_19_4_what_a_model_may_do(reports, version, registers, logs_in, update_helps):
    parsed = statement.parse(V3)
    model = Model(statement=parsed, reports=parse_reports({"status": status} for status in reports))
    standing = Metadata.of([model]).standing(model, version, now=NOW)
    assert (standing.may_register, standing.may_log_in, standing.update_helps) == (registers, logs_in, update_helps)
    assert bool(standing.because) is not registers


@pytest.mark.parametrize(("day", "in_force"), [("2026-11-23", True), ("2026-11-24", False)])
def test_19_4_a_report_is_in_force_from_its_day_on(day, in_force):
    model = Model(statement=statement.parse(V3), reports=parse_reports([{"status": "REVOKED", "effectiveDate": day}]))
    metadata = Metadata.of([model])
    assert metadata.standing(model, 1, now=NOW).may_log_in is not in_force
    assert metadata.unacceptable(now=NOW) == (("1A2B#0001",) if in_force else ())


@pytest.mark.parametrize("report", [{}, {"status": 7}, {"status": "REVOKED", "effectiveDate": "soon"}, "REVOKED"])
def test_19_4_an_odd_report_makes_an_odd_entry(report):
    with pytest.raises(MetadataError):
        parse_reports([report])


class Service:
    """A metadata service with keys of its own."""

    def __init__(self, algorithm: int = 1) -> None:
        self.authority = Authority(name="Metadata service")
        self.algorithm = algorithm
        self.key = phone.new_key(algorithm)
        self.chain = [self.authority.leaf(self.key, None), self.authority.intermediate]

    def blob(
        self, entries: list[Any], *, no: Any = 7, next_update: Any = "2026-12-01", header: Any = None, **more: Any
    ) -> str:
        x5c = [base64.b64encode(der(each)).decode() for each in self.chain]
        protected = {"alg": "ES256" if self.algorithm == 1 else "RS256", "typ": "JWT", "x5c": x5c} | (header or {})
        payload = {"legalHeader": "test", "no": no, "nextUpdate": next_update, "entries": entries} | more
        signed = f"{b64(json.dumps(protected).encode())}.{b64(json.dumps(payload).encode())}"
        return f"{signed}.{b64(phone.sign(self.algorithm, self.key, signed.encode()))}"

    def read(self, blob: str, **options: Any) -> mds.Blob:
        return mds.read(blob, **({"roots": [self.authority.root], "now": NOW} | options))


ENTRY = {
    "aaid": "1A2B#0001",
    "metadataStatement": V3,
    "statusReports": [{"status": "FIDO_CERTIFIED", "effectiveDate": "2020-01-01"}, {"status": "REVOKED"}],
    "timeOfLastStatusChange": "2026-01-01",
}


@pytest.mark.parametrize("algorithm", [1, 8], ids=["ES256", "RS256"])
def test_19_2_the_blob_is_read(algorithm):
    service = Service(algorithm)
    blob = service.read(service.blob([ENTRY, {"aaguid": "x"}]) + "\n")
    assert (blob.number, blob.next_update, blob.skipped) == (7, dt.date(2026, 12, 1), ())
    (model,) = blob.models
    assert model.statement == statement.parse(V3)
    assert [report.status for report in model.reports] == [R.CERTIFIED, R.REVOKED]
    assert model.register_until == dt.datetime(2026, 12, 15, tzinfo=dt.UTC)
    assert (model.source, model.number) == ("mds", 7)


@pytest.mark.parametrize(
    "more",
    [
        {"metadataStatement": None},
        {"metadataStatement": V3 | {"keyProtection": []}},
        {"metadataStatement": V3 | {"aaid": "1A2B#0002"}},
        {"statusReports": 7},
        {"statusReports": [7]},
        {"aaid": None},
    ],
)
def test_19_2_one_odd_entry_does_not_cost_the_others(more):
    service = Service()
    blob = service.read(service.blob([ENTRY | more, ENTRY]))
    assert (len(blob.models), len(blob.skipped)) == (1, 1)


BLOBS: dict[str, dict[str, Any]] = {
    "unsigned": {"header": {"alg": "none"}},
    "signed with a shared secret": {"header": {"alg": "HS256"}},
    "labelled as another algorithm": {"header": {"alg": "RS256"}},
    "with a header that must be understood": {"header": {"crit": ["exp"]}},
    "without certificates": {"header": {"x5c": []}},
    "with a certificate that is none": {"header": {"x5c": ["AAAA"]}},
    "with an address instead": {"header": {"x5c": None, "x5u": "https://id.example"}},
    "without a number": {"no": "x"},
    "with a date that is none": {"next_update": "soon"},
    "with entries that are none": {"entries": 7},
    "no newer than the last": {"no": 6},
}


@pytest.mark.parametrize("options", BLOBS.values(), ids=BLOBS.keys())
def test_19_3_a_blob_that_cannot_be_relied_on_is_refused(options):
    service = Service()
    with pytest.raises(MetadataError):
        service.read(service.blob(**({"entries": [ENTRY]} | options)), last_number=6)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "e30.e30.", "\ud800.a.b", "{}"])
def test_19_3_what_is_no_blob_is_refused(text):
    with pytest.raises(MetadataError):
        Service().read(text)


def test_19_3_a_blob_of_somebody_else_or_altered_is_refused():
    service = Service()
    blob = service.blob([ENTRY])
    protected, _, signature = blob.split(".")
    altered = b64(json.dumps({"no": 8, "nextUpdate": "2026-12-01", "entries": []}).encode())
    for text in (f"{protected}.{altered}.{signature}", Service().blob([ENTRY])):
        with pytest.raises(MetadataError):
            service.read(text)
    service.chain[0] = service.authority.leaf(service.key, None, not_after=EPOCH)
    with pytest.raises(MetadataError, match="expired"):
        service.read(service.blob([ENTRY]))


def test_19_3_a_blob_past_its_date_is_still_read_and_lapses_after_the_grace():
    service = Service()
    blob = service.read(service.blob([ENTRY], next_update="2026-01-01"), grace=30 * DAY)
    assert blob.models[0].register_until == dt.datetime(2026, 1, 31, tzinfo=dt.UTC)


def test_19_3_weak_signers_are_refused():
    service = Service(8)
    service.key = rsa.generate_private_key(65537, 1024)
    service.chain = [service.authority.leaf(service.key, None), service.authority.intermediate]
    with pytest.raises(MetadataError, match="weak"):
        service.read(service.blob([ENTRY]))
