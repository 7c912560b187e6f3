"""`carekey doctor`."""

import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from carekey.app import master_key
from carekey.app.commands.options import Config, Json
from carekey.app.settings import Settings
from carekey.app.terminal import CommandError, Exit, put, put_json, read_settings, run
from carekey.jose.model import KeyState, StoredKey
from carekey.kernel.ids import IssuerName
from carekey.storage.store import Tx

if TYPE_CHECKING:
    from carekey.app.wiring import Installation


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    verdict: Literal["ok", "warning", "fail"]
    text: str


def doctor(config: Config = None, *, json: Json = False) -> None:
    """Examine the installation: settings, keys, database, metadata, disk. Ends with 1 if anything fails.

    Examples: `carekey doctor`, `carekey doctor --json`
    """
    findings = run(_examine(read_settings(config)))
    if json:
        put_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            put(f"{finding.verdict:<8} {finding.subject:<12} {finding.text}")
    if any(finding.verdict == "fail" for finding in findings):
        raise typer.Exit(Exit.FAILED)


async def _examine(found: Settings) -> list[Finding]:
    from carekey.app.checks import check
    from carekey.app.wiring import running

    findings = [Finding("settings", "ok", f"{found.environment}; issuers: {', '.join(found.issuers)}.")]
    try:
        check(found)
        master_key.read(found)
        findings += _files(found)
        async with running(found) as installation:
            findings += _metadata(installation)
            findings += await _inside(installation)
    except Exception as error:  # noqa: BLE001 (whatever stops it from starting is the finding)
        findings.append(Finding("start", "fail", str(error) or type(error).__name__))
    return findings


def _files(found: Settings) -> Iterator[Finding]:
    file = Path(found.keys.master_file) if found.keys.master_file else found.folder() / "master.key"
    if found.keys.master is None:
        open_to_others = stat.S_IMODE(file.stat().st_mode) & 0o077
        yield (
            Finding("master key", "warning", f"{file} can be read by others: chmod 600 it.")
            if open_to_others
            else Finding("master key", "ok", "Readable by its owner alone.")
        )
    folder = found.folder()
    if folder.is_dir():
        free = shutil.disk_usage(folder).free // 2**20
        yield Finding("disk", "ok" if free > 1024 else "warning", f"{free:,} MiB are free where the data is.")


def _metadata(running: "Installation") -> Iterator[Finding]:
    today = running.clock.now().date()
    if running.settings.webauthn.metadata is None:
        yield Finding("metadata", "warning", "No FIDO metadata: no security key reaches AAL3. Set webauthn.metadata.")
    for feed in running.metadata.feeds:
        known = feed.reading
        if known is None:
            yield Finding("metadata", "warning", f"{feed.name}: no BLOB yet. See `carekey metadata refresh`.")
        elif known.next_update is not None and known.next_update < today:
            yield Finding("metadata", "warning", f"{feed.name}: a newer BLOB was due on {known.next_update}.")
        else:
            yield Finding("metadata", "ok", f"{feed.name}: number {known.number}, {known.models} models.")


async def _inside(running: "Installation") -> list[Finding]:
    findings = [Finding("database", "ok", "Opened, and of this version.")]
    now = running.clock.now()
    for issuer in running.issuers:
        keys = await running.store.read(partial(_keys_of, issuer.name))
        active = [key for key in keys if key.state is KeyState.ACTIVE]
        old = [key for key in active if now - key.changed_at > timedelta(days=180)]
        if not active:
            raise CommandError(f"The issuer {issuer.name} has no active signing key.")
        findings.append(
            Finding("keys", "warning" if old else "ok", f"{issuer.name}: {len(active)} in use, {len(keys)} published.")
        )
    return findings


def _keys_of(issuer: IssuerName, tx: Tx) -> Sequence[StoredKey]:
    return tx.keys.list(issuer)
