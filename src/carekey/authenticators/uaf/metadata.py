"""The models that are trusted, and what each may do now (section 19.4)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from cryptography import x509

from carekey.authenticators.uaf import statement as statements
from carekey.authenticators.uaf.statement import MetadataError, Statement

_TEST_VENDOR = "FFFF"


class ReportStatus(StrEnum):
    """Those reports that change what a model may do (section 19.4)."""

    REVOKED = "REVOKED"
    USER_KEY_REMOTE_COMPROMISE = "USER_KEY_REMOTE_COMPROMISE"
    USER_KEY_PHYSICAL_COMPROMISE = "USER_KEY_PHYSICAL_COMPROMISE"
    USER_VERIFICATION_BYPASS = "USER_VERIFICATION_BYPASS"
    ATTESTATION_KEY_COMPROMISE = "ATTESTATION_KEY_COMPROMISE"
    UPDATE_AVAILABLE = "UPDATE_AVAILABLE"
    CERTIFIED = "FIDO_CERTIFIED"
    """A certification of any level: what was reported before it is settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    status: ReportStatus
    effective: date | None = None
    """In force from this day on; without one, as long as it is there."""
    certificate: bytes | None = None
    """SHA-256 of the compromised attestation certificate; None means all of the model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The operator's own word, at once: revocation by a service is too slow for a hospital."""

    aaid: str
    reason: str
    versions: tuple[int, int] = (0, 0xFFFF)
    """The lowest and the highest authenticatorVersion that are blocked."""
    certificate: bytes | None = None
    """SHA-256 of an attestation certificate: blocks registrations under it, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an authenticator may do now. `because` is for the audit record."""

    may_register: bool = True
    may_log_in: bool = True
    aal2_at_most: bool = False
    """Whoever holds the device can copy the key."""
    update_helps: bool = False
    """What was reported is mended in a later version of the authenticator."""
    blocked: bool = False
    """By the operator, whatever the service reports."""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A statement with what has been reported since, and where it came from."""

    statement: Statement
    reports: tuple[StatusReport, ...] = ()
    source: str = "local"
    number: int = 0
    """The serial number of the metadata blob; 0 for a local statement."""
    register_until: datetime | None = None
    """After this moment the source is too old for new registrations (section 19.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An entry that was left out, for the operator: the others are used all the same."""

    entry: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Every trusted model. Made anew at each refresh, and replaced in one step."""

    models: Mapping[str, Model] = field(default_factory=dict)
    """By AAID in upper case."""
    blocks: tuple[Block, ...] = ()
    shared_roots: frozenset[x509.Certificate] = frozenset()
    """Anchors of several models: a certificate under one of them must name its model (section 14.1)."""

    @classmethod
    def of(cls, models: Iterable[Model], *, blocks: Iterable[Block] = (), test_models: bool = False) -> "Metadata":
        """Of two models with one AAID the first wins. `test_models` admits AAIDs that start with FFFF."""
        by_aaid = _by_aaid(
            model for model in models if test_models or not model.statement.aaid.startswith(_TEST_VENDOR)
        )
        seen: set[x509.Certificate] = set()
        shared: set[x509.Certificate] = set()
        for model in by_aaid.values():
            roots = set(model.statement.roots)
            shared |= roots & seen
            seen |= roots
        return cls(models=by_aaid, blocks=tuple(blocks), shared_roots=frozenset(shared))

    def find(self, aaid: str) -> Model | None:
        return self.models.get(aaid.upper())

    def standing(self, model: Model, version: int, *, now: datetime, chain: Sequence[bytes] = ()) -> Standing:
        """`version` is the authenticator's own; `chain` its attestation certificates, DER."""
        if not (self.blocks or model.reports):
            return Standing()
        fingerprints = frozenset(hashlib.sha256(certificate).digest() for certificate in chain)
        aaid = model.statement.aaid
        for block in self.blocks:
            if block.aaid.upper() == aaid and block.versions[0] <= version <= block.versions[1]:
                if block.certificate is None:
                    return Standing(may_register=False, may_log_in=False, blocked=True, because=block.reason)
                if block.certificate in fingerprints:
                    return Standing(may_register=False, because=block.reason)
        return _reported(model, version, today=now.astimezone(UTC).date(), fingerprints=fingerprints)

    def unacceptable(self, *, now: datetime) -> tuple[str, ...]:
        """AAIDs that may not be registered in any known version, for `policy.disallowed`."""
        return tuple(
            aaid
            for aaid, model in self.models.items()
            if not self.standing(model, model.statement.version, now=now).may_register
        )


def read_statements(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[list[Model], list[Skipped]]:
    """Local statements, each with a name by which the operator knows it. An odd one is left out, not the rest."""
    models, skipped = [], []
    for name, data in entries:
        try:
            models.append(Model(statement=statements.parse(data), source=name))
        except MetadataError as error:
            skipped.append(Skipped(entry=name, why=str(error)))
    return models, skipped


def combined(local: Iterable[Model], service: Iterable[Model], *, prefer_local: bool) -> list[Model]:
    """Of a model that both have, the service's statement counts, or the operator's with `prefer_local`. What the service
    reports of it counts either way: a statement of one's own must not hide a revocation."""
    own, told = _by_aaid(local), _by_aaid(service)
    kept = {**own, **told}
    if prefer_local:
        kept |= {aaid: replace(model, reports=told[aaid].reports) for aaid, model in own.items() if aaid in told}
    return list(kept.values())


def _by_aaid(models: Iterable[Model]) -> dict[str, Model]:
    """The first of each."""
    found: dict[str, Model] = {}
    for model in models:
        found.setdefault(model.statement.aaid, model)
    return found


def parse_reports(entries: Iterable[Mapping[str, Any]]) -> tuple[StatusReport, ...]:
    """Those that matter, in their order. Raises: MetadataError."""
    reports = []
    try:
        for entry in entries:
            status = _status(entry["status"])
            if status is not None:
                reports.append(_report(status, entry))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MetadataError(f"status report: {type(error).__name__}") from None
    return tuple(reports)


def _report(status: ReportStatus, entry: Mapping[str, Any]) -> StatusReport:
    effective, certificate = entry.get("effectiveDate"), entry.get("certificate")
    # A revocation or a stolen user key concerns the model, whatever certificate stands beside it.
    named = certificate if status is ReportStatus.ATTESTATION_KEY_COMPROMISE else None
    return StatusReport(
        status=status,
        effective=date.fromisoformat(effective) if effective else None,
        certificate=hashlib.sha256(statements.certificate(named)).digest() if named else None,
    )


_STATUSES: dict[str, ReportStatus] = {status.value: status for status in ReportStatus}


def _status(name: str) -> ReportStatus | None:
    if name.startswith(("FIDO_CERTIFIED", "FIDO_SECURITY_CERTIFIED")):
        return ReportStatus.CERTIFIED
    return _STATUSES.get(name)


@dataclass(frozen=True, slots=True)
class _Fault:
    may_log_in: bool
    aal2_at_most: bool = False


_FAULTS = {
    ReportStatus.REVOKED: _Fault(may_log_in=False),
    ReportStatus.USER_KEY_REMOTE_COMPROMISE: _Fault(may_log_in=False),
    ReportStatus.USER_VERIFICATION_BYPASS: _Fault(may_log_in=False),
    ReportStatus.USER_KEY_PHYSICAL_COMPROMISE: _Fault(may_log_in=True, aal2_at_most=True),
    ReportStatus.ATTESTATION_KEY_COMPROMISE: _Fault(may_log_in=True),
}


def _reported(model: Model, version: int, *, today: date, fingerprints: frozenset[bytes]) -> Standing:
    """A fault lasts until an update, and then still for older versions, or until a certification settles it.

    Faults add up: a second report does not excuse the first, although it is the last entry.
    """
    reports = [report for report in model.reports if report.effective is None or report.effective <= today]
    faults: list[ReportStatus] = []
    update_helps = True
    for position, report in enumerate(reports, start=1):
        following = [later.status for later in reports[position:]]
        updated = ReportStatus.UPDATE_AVAILABLE in following
        settled = version >= model.statement.version if updated else ReportStatus.CERTIFIED in following
        named = report.certificate is None or report.certificate in fingerprints
        if report.status in _FAULTS and named and not settled:
            faults.append(report.status)
            update_helps &= updated
    if not faults:
        return Standing()
    return Standing(
        may_register=False,
        may_log_in=all(_FAULTS[fault].may_log_in for fault in faults),
        aal2_at_most=any(_FAULTS[fault].aal2_at_most for fault in faults),
        update_helps=update_helps,
        because=", ".join(faults),
    )
