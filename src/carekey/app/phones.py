"""Phones as the settings want them: which models are accepted, and for which facets."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.app.settings import Settings, SettingsError
from carekey.authenticators.base import Way
from carekey.authenticators.fido_metadata.blocks import record
from carekey.authenticators.phone.http import Phone
from carekey.authenticators.phone.push.vapid import Vapid
from carekey.authenticators.phone.terms import CAREKEY_PHONE, FACETS, Terms, carekey_phone
from carekey.authenticators.uaf import assurance
from carekey.authenticators.uaf.channel_binding import Channel, Mode
from carekey.authenticators.uaf.facets import trusted_facets
from carekey.authenticators.uaf.metadata import Block, Model, combined, read_statements
from carekey.authenticators.uaf.metadata import Metadata as UafMetadata
from carekey.authenticators.uaf.model import RelyingParty as UafRelyingParty
from carekey.storage.store import Store

log = structlog.get_logger()


def terms(found: Settings, push: Vapid | None = None) -> Terms:
    """Raises: SettingsError."""
    try:
        facets = trusted_facets(
            found.uaf.app_id or found.origin() + FACETS,
            [*sorted(found.origins()), *found.uaf.facets],
            loopback=not found.secure(),
        )
    except ValueError as error:
        raise SettingsError(f"uaf.app_id or uaf.facets cannot be used: {error}.") from None
    aal3 = frozenset(aaid.upper() for aaid in found.uaf.aal3_models)
    return Terms(
        party=UafRelyingParty(
            facets=facets,
            metadata=UafMetadata(),
            channel=_channel(found),
            aal3_models=aal3,
            cross_device_aal3=found.uaf.cross_device_aal3,
            expired_certificates=frozenset(aaid.upper() for aaid in found.uaf.expired_certificates),
        ),
        origin=found.origin(),
        per_person=found.uaf.per_person,
        conformance=found.uaf.conformance,
        push=push,
    )


class PhoneModels:
    """The models of all sources, put together anew whenever one of them has changed."""

    def __init__(self, found: Settings, terms: Terms) -> None:
        """Raises: SettingsError."""
        self._found = found
        self._terms = terms
        self._folder = Path(found.uaf.statements) if found.uaf.statements else None
        self._blocks_file = Path(found.uaf.blocks) if found.uaf.blocks else None
        self._service: Sequence[Model] = ()
        self._recorded: Sequence[Block] | None = None
        self._seen = self._looks()
        self._read()
        self._put_together()

    def use(self, service: Sequence[Model]) -> None:
        """Those of the BLOB that is in use from now on."""
        _tell_changes(self._service, service)
        self._service = service
        self._put_together()

    def look(self) -> None:
        """Take up what has changed in the folder and the file of blocks. What cannot be used is not taken up at all."""
        try:
            looks = self._looks()
            if looks == self._seen:
                return
            self._seen = looks
            self._read()
        except SettingsError as error:
            log.warning("uaf:models-not-taken-up", why=str(error))
            return
        self._put_together()
        log.info("uaf:models-in-use", models=len(self._terms.party.metadata.models))

    async def record(self, store: Store, *, now: datetime) -> None:
        """The blocks that are in force, if this process has not recorded them."""
        blocks = self._blocks
        if blocks != self._recorded and await store.write(lambda tx: record(tx, blocks, now=now)):
            self._recorded = blocks

    def check(self) -> None:
        """Raises: SettingsError, if nobody could register, or a model cannot reach the level that it is listed for."""
        known = self._terms.party.metadata.models
        if not known and offered(self._found) and self._found.uaf.metadata is None:
            raise SettingsError(
                "No phone is accepted: set uaf.statements or uaf.metadata, or uaf.carekey_phone = true."
            )
        for aaid in self._terms.party.aal3_models & known.keys():
            if why := assurance.obstacle(known[aaid].statement):
                raise SettingsError(f"uaf.aal3_models names {aaid}, which cannot reach AAL3: {why}.")

    def _read(self) -> None:
        """Both or neither. Raises: SettingsError."""
        local = [carekey_phone()] if self._found.uaf.carekey_phone else []
        local += _statements(self._folder) if self._folder else []
        blocks = _blocks(self._blocks_file) if self._blocks_file else ()
        self._local, self._blocks = local, blocks

    def _put_together(self) -> None:
        models = combined(self._local, self._service, prefer_local=self._found.uaf.prefer_statements)
        if self._found.uaf.models:
            wanted = {CAREKEY_PHONE, *(aaid.upper() for aaid in self._found.uaf.models)}
            models = [model for model in models if model.statement.aaid in wanted]
        metadata = UafMetadata.of(models, blocks=self._blocks, test_models=self._found.environment != "production")
        self._terms.party = replace(self._terms.party, metadata=metadata)

    def _looks(self) -> list[tuple[str, int, int]]:
        """Raises: SettingsError."""
        try:
            files = sorted(self._folder.glob("*.json")) if self._folder else []
            files += [self._blocks_file] if self._blocks_file else []
            return [(file.name, about.st_mtime_ns, about.st_size) for file in files for about in [file.stat()]]
        except OSError as error:
            raise SettingsError(f"{error.filename} cannot be read: {error.strerror}.") from None


def ways(of: Sequence[Way], its: Terms) -> tuple[Way, ...]:
    """With those of phones at the levels that the models of this installation reach."""
    phones = {way.name: way for way in its.ways}
    return tuple(phones.get(way.name, way) for way in of)


def offered(found: Settings) -> bool:
    return any(way.name in issuer.ways for issuer in found.issuers.values() for way in Phone.ways)


def _statements(folder: Path) -> list[Model]:
    try:
        if not folder.is_dir():
            raise SettingsError(f"uaf.statements: {folder} is no folder.")
        texts = [(file.name, file.read_bytes()) for file in sorted(folder.glob("*.json"))]
    except OSError as error:
        raise SettingsError(f"uaf.statements: {folder} cannot be read: {error.strerror}.") from None
    try:
        models, skipped = read_statements((name, msgspec.json.decode(text, type=dict)) for name, text in texts)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"uaf.statements: a file in {folder} is not a JSON object ({error}).") from None
    if skipped:
        raise SettingsError(f"uaf.statements: {skipped[0].entry} cannot be used: {skipped[0].why}.")
    return models


class _Block(msgspec.Struct, forbid_unknown_fields=True):
    aaid: str
    reason: str
    versions: tuple[int, int] = (0, 0xFFFF)
    certificate: str = ""


class _BlockFile(msgspec.Struct, forbid_unknown_fields=True):
    block: list[_Block] = []


def _blocks(file: Path) -> tuple[Block, ...]:
    try:
        read = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _BlockFile)
        return tuple(
            Block(
                aaid=one.aaid,
                reason=one.reason,
                versions=one.versions,
                certificate=bytes.fromhex(one.certificate) if one.certificate else None,
            )
            for one in read.block
        )
    except OSError as error:
        raise SettingsError(f"uaf.blocks: {file} cannot be read: {error.strerror}.") from None
    except ValueError as error:  # msgspec's and TOML's are ValueErrors too
        raise SettingsError(f"uaf.blocks: {file} cannot be used: {error}.") from None


def _channel(found: Settings) -> Channel:
    files = found.uaf.channel_certificates or ([found.server.certificate] if found.server.certificate else [])
    certificates = []
    for file in files:
        try:
            # The first is the server's own; what follows is its chain.
            certificates.append(x509.load_pem_x509_certificates(Path(file).read_bytes())[0].public_bytes(Encoding.DER))
        except OSError as error:
            raise SettingsError(f"uaf.channel_certificates: {file} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise SettingsError(f"uaf.channel_certificates: {file} holds no PEM certificate.") from None
    return Channel(mode=Mode(found.uaf.channel_binding), certificates=tuple(certificates))


def _tell_changes(old: Sequence[Model], new: Sequence[Model]) -> None:
    """What somebody should look at: a model's anchors and protection do not change every day (section 19.3, step 6)."""
    before = {model.statement.aaid: model.statement for model in old}
    for model in new:
        statement = model.statement
        known = before.get(statement.aaid)
        if known is not None and (known.roots, known.key_protection) != (statement.roots, statement.key_protection):
            log.warning("uaf:model-changed", aaid=statement.aaid, number=model.number)
