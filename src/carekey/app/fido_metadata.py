"""FIDO metadata as the settings want them: from where, checked against which root, for whom."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.app.phones import PhoneModels
from carekey.app.settings import Settings, SettingsError, duration
from carekey.authenticators.fetch import fetch
from carekey.authenticators.fido_metadata.refresh import LARGEST, TIME_LIMIT, Feed, MetadataRefresh, Reading, Unusable
from carekey.authenticators.http import Authenticator
from carekey.authenticators.uaf import mds
from carekey.authenticators.uaf.statement import MetadataError as UafMetadataError
from carekey.authenticators.webauthn import metadata as webauthn
from carekey.authenticators.webauthn.http import WebAuthn
from carekey.kernel.clock import Clock
from carekey.storage.store import Store, Tx


async def loaded(
    found: Settings, store: Store, clock: Clock, authenticators: Sequence[Authenticator], phones: PhoneModels
) -> MetadataRefresh[Tx]:
    """With what is kept and what lies in files in use. Raises: SettingsError."""
    passkeys = next(one for one in authenticators if isinstance(one, WebAuthn))
    made: MetadataRefresh[Tx] = MetadataRefresh(
        store,
        feeds(found, passkeys=passkeys.use_metadata, phones=phones),
        clock=clock,
        fetch=partial(fetch, limit=LARGEST, seconds=TIME_LIMIT),
    )
    try:
        await made.load()
    except Unusable as error:
        raise SettingsError(f"The FIDO metadata cannot be used: {error}.") from None
    return made


def feeds(found: Settings, *, passkeys: Callable[[webauthn.Metadata], None], phones: PhoneModels) -> list[Feed]:
    """`passkeys` is told what passkeys and security keys are judged by from then on. Raises: SettingsError."""
    made = []
    if found.webauthn.metadata:
        roots = [one.public_bytes(Encoding.DER) for one in _roots("webauthn", found.webauthn.metadata_root)]
        made.append(
            Feed(
                name="webauthn",
                location=found.webauthn.metadata,
                roots=roots,
                read=partial(_for_passkeys, roots, passkeys),
                every=duration("webauthn.metadata_every", found.webauthn.metadata_every),
            )
        )
    if found.uaf.metadata:
        anchors = _roots("uaf", found.uaf.metadata_root)
        made.append(
            Feed(
                name="uaf",
                location=found.uaf.metadata,
                roots=[one.public_bytes(Encoding.DER) for one in anchors],
                read=partial(_for_phones, found, anchors, phones),
                every=duration("uaf.metadata_every", found.uaf.metadata_every),
            )
        )
    return made


def _for_passkeys(roots: list[bytes], use: Callable[[webauthn.Metadata], None], blob: bytes, now: datetime) -> Reading:
    try:
        read = webauthn.read(blob, roots=roots, now=now)
    except webauthn.MetadataError as error:
        raise Unusable(str(error)) from None
    return Reading(
        number=read.number,
        next_update=read.next_update,
        models=len(read.models),
        skipped=read.skipped,
        use=partial(use, read),
    )


def _for_phones(
    found: Settings, roots: Collection[x509.Certificate], phones: PhoneModels, blob: bytes, now: datetime
) -> Reading:
    grace = duration("uaf.metadata_grace", found.uaf.metadata_grace)
    try:
        read = mds.read(
            blob.decode("ascii", errors="replace"),
            roots=roots,
            now=now,
            signer=found.uaf.metadata_signer,
            grace=grace,
        )
    except UafMetadataError as error:
        raise Unusable(str(error)) from None
    return Reading(
        number=read.number,
        next_update=read.next_update,
        models=len(read.models),
        skipped=len(read.skipped),
        use=partial(phones.use, read.models),
    )


def _roots(section: str, file: str | None) -> list[x509.Certificate]:
    """Raises: SettingsError."""
    assert file is not None  # the settings were checked
    try:
        return x509.load_pem_x509_certificates(Path(file).read_bytes())
    except OSError as error:
        raise SettingsError(f"{section}.metadata_root: {file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SettingsError(f"{section}.metadata_root: {file} holds no PEM certificate.") from None
