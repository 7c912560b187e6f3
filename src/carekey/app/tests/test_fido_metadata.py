"""Models and metadata of a whole installation: from a folder and from BLOBs, as they change while it runs."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from carekey.app import asgi, settings, wiring
from carekey.app.settings import SettingsError
from carekey.authenticators.base import Credential
from carekey.authenticators.fido_metadata.ports import KeptBlob
from carekey.authenticators.phone import keeping
from carekey.authenticators.uaf.model import Registration
from carekey.authenticators.uaf.registry import AttestationType
from carekey.authenticators.uaf.tests import phone
from carekey.authenticators.uaf.tests.test_metadata import Service
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import CredentialId
from carekey.storage.sql.migrate import upgrade
from support import attestation_ca
from support.installation import NOW, PERSON, Hands, whole
from support.soft_authenticator import SOFT_KEY

pytestmark = pytest.mark.anyio

OWN = phone.Model(authority=phone.Authority())
SERVICE = Service()


def entry(*reports: str, model: phone.Model = OWN) -> dict[str, Any]:
    return {
        "aaid": model.aaid,
        "metadataStatement": model.statement(),
        "statusReports": [{"status": status} for status in reports],
    }


def put(file: Path, data: bytes | str) -> str:
    """In one step, as an operator's script does it."""
    draft = file.with_name("draft")
    draft.write_bytes(data.encode() if isinstance(data, str) else data)
    draft.replace(file)
    return str(file)


@pytest.fixture
def uaf(tmp_path: Path) -> dict[str, str]:
    """Settings of an installation that takes phones from a BLOB."""
    return {
        "UAF__METADATA": put(tmp_path / "uaf.jwt", SERVICE.blob([entry()])),
        "UAF__METADATA_ROOT": put(tmp_path / "uaf.pem", pem(SERVICE.authority.root)),
        "UAF__METADATA_SIGNER": '""',
    }


def pem(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    found: bytes = certificate.public_bytes(Encoding.PEM)
    return found


def installed(**variables: str) -> AbstractAsyncContextManager[wiring.Installation]:
    variables = {
        "DATABASE__URL": "memory:",
        "KEYS__MASTER": "b25seSBmb3IgdGVzdHMsIGFuZCBmb3IgdGVzdHMgMzI=",
        **variables,
    }
    found = settings.load(None, {f"CAREKEY_{name}": value for name, value in variables.items()})
    return wiring.running(found, clock=Hands())


def registered(model: phone.Model = OWN) -> Credential:
    key = phone.new_key(1)
    return keeping.credential_of(
        Registration(
            app_id="https://id.example/uaf/facets",
            person=PERSON,
            aaid=model.aaid,
            key_id=b"k" * 32,
            public_key=phone.public_bytes(key, 0x100),
            key_format=0x100,
            spki=phone.public_bytes(key, 0x101),
            sign_counter=0,
            reg_counter=1,
            version=1,
            attestation=AttestationType.BASIC_FULL,
            chain=(),
            facet="https://id.example",
            metadata_number=7,
            registered_at=NOW,
            enrolled_at=AAL.AAL3,
            level=AAL.AAL3,
        ),
        id=CredentialId("phone-1"),
        label="Phone",
    )


def worth(running: wiring.Installation) -> AAL | None:
    kind = next(one for one in running.authenticators if one.kind == keeping.KIND)
    return kind.describe(registered()).aal


async def test_a_model_of_the_blob_is_revoked_from_the_next_refresh_on(tmp_path: Path, uaf: dict[str, str]) -> None:
    more = {"DATABASE__URL": f"sqlite:///{tmp_path / 'carekey.db'}", "UAF__AAL3_MODELS": f'["{OWN.aaid}"]'}
    upgrade(more["DATABASE__URL"])
    async with installed(**uaf, **more) as running:
        assert worth(running) is AAL.AAL3
        put(tmp_path / "uaf.jwt", SERVICE.blob([entry("REVOKED")], no=8))
        assert worth(running) is AAL.AAL3
        await running.metadata.refresh()
        assert worth(running) is None
        put(tmp_path / "uaf.jwt", SERVICE.blob([entry()], no=7))
        assert list(await running.metadata.refresh()) == ["uaf"]
        assert worth(running) is None
    async with installed(**uaf, **more) as restarted:
        assert restarted.metadata.feeds[0].number == 8
        assert worth(restarted) is None


async def test_a_blob_that_is_overdue_registers_nobody_after_the_grace(tmp_path: Path, uaf: dict[str, str]) -> None:
    put(tmp_path / "uaf.jwt", SERVICE.blob([entry()], next_update="2026-11-20"))
    async with installed(**uaf, UAF__METADATA_GRACE="3d") as running:
        [until] = [
            model.register_until
            for model in running.phone_models._terms.party.metadata.models.values()
            if model.statement.aaid == OWN.aaid
        ]
        assert until is not None
        assert until <= NOW


async def test_the_name_of_the_signer_counts(tmp_path: Path, uaf: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="signed by somebody else"):
        async with installed(**{**uaf, "UAF__METADATA_SIGNER": "mds.fidoalliance.org"}):
            pass


async def test_security_keys_too_are_judged_by_the_newest(tmp_path: Path) -> None:
    publisher = attestation_ca.Ca.new()

    def blob(number: int, status: str) -> bytes:
        its = attestation_ca.entry(SOFT_KEY, [publisher.root], statusReports=[{"status": status}])
        return attestation_ca.blob([its], publisher, number=number, signer="mds.fidoalliance.org")

    variables = {
        "WEBAUTHN__METADATA": put(tmp_path / "blob.jwt", blob(7, "FIDO_CERTIFIED_L2")),
        "WEBAUTHN__METADATA_ROOT": put(tmp_path / "root.pem", pem(publisher.root)),
    }
    async with installed(**variables) as running:
        keys = running.authenticators[0]
        found = keys._terms.metadata.find(SOFT_KEY)  # type: ignore[attr-defined]
        assert not found.compromised
        put(tmp_path / "blob.jwt", blob(8, "REVOKED"))
        await running.metadata.refresh()
        assert keys._terms.metadata.find(SOFT_KEY).compromised  # type: ignore[attr-defined]


async def test_the_folder_is_looked_at_again_and_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    put(folder / "one.json", json.dumps(OWN.statement()))
    async with installed(UAF__STATEMENTS=str(folder)) as running:
        models = running.phone_models
        assert len(models._terms.party.metadata.models) == 2
        other = phone.Model(aaid="1A2B#0002")
        put(folder / "two.json", json.dumps(other.statement()))
        models.look()
        assert len(models._terms.party.metadata.models) == 3
        put(folder / "two.json", "{")
        with capture_logs() as logs:
            models.look()
            models.look()
        assert [one["event"] for one in logs] == ["uaf:models-not-taken-up"], "said once"
        assert len(models._terms.party.metadata.models) == 3
        (folder / "two.json").unlink()
        models.look()
        assert len(models._terms.party.metadata.models) == 2


async def test_the_operators_block_counts_at_once_and_against_the_blob(tmp_path: Path, uaf: dict[str, str]) -> None:
    blocks = tmp_path / "blocks.toml"
    put(blocks, "")
    async with installed(**uaf, UAF__BLOCKS=str(blocks), UAF__AAL3_MODELS=f'["{OWN.aaid}"]') as running:
        assert worth(running) is AAL.AAL3
        put(blocks, f'[[block]]\naaid = "{OWN.aaid}"\nreason = "stolen in transit"\n')
        running.phone_models.look()
        assert worth(running) is None
        put(blocks, f'[[block]]\naaid = "{OWN.aaid}"\nreason = "old"\nversions = [2, 9]\n')
        running.phone_models.look()
        assert worth(running) is AAL.AAL3


async def test_an_operators_block_is_on_record_once_whoever_reads_the_file_and_so_is_its_end(
    tmp_path: Path, uaf: dict[str, str]
) -> None:
    blocks, database = tmp_path / "blocks.toml", f"sqlite:///{tmp_path / 'carekey.db'}"
    put(blocks, f'[[block]]\naaid = "{OWN.aaid}"\nreason = "stolen in transit"\n')
    upgrade(database)
    more = {"UAF__BLOCKS": str(blocks), "DATABASE__URL": database}
    async with installed(**uaf, **more) as one, installed(**uaf, **more) as other:
        await asyncio.gather(*(asgi._refresh_metadata(node) for node in (one, other, one)))
        put(blocks, "")
        for node in (other, one):
            await asgi._refresh_metadata(node)
        rows = await one.store.read(lambda tx: tx.audit.search())
    async with installed(**uaf, **more) as restarted:
        await asgi._refresh_metadata(restarted)
        assert len(await restarted.store.read(lambda tx: tx.audit.search())) == len(rows)
    its = {"model": OWN.aaid, "versions": [0, 65535], "certificate": ""}
    assert [(row.tag, row.actor.kind, row.data) for row in rows if ":model:" in row.tag] == [
        ("metadata:model:blocked", "system", {**its, "reason": "stolen in transit"}),
        ("metadata:model:unblocked", "system", its),
    ]


class Overtaken:
    """A store in which another node, which has read an older file, keeps its blocks between our look and ours."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def write(self, work: Any) -> Any:
        return await self._store.write(lambda tx: work(SimpleNamespace(audit=tx.audit, metadata_blobs=Between(tx))))


class Between:
    def __init__(self, tx: Any) -> None:
        self._blobs = tx.metadata_blobs
        self.keep = self._blobs.keep

    def newer(self, source: str, *, than: int) -> Any:
        seen = self._blobs.newer(source, than=than)
        older = KeptBlob(source=source, number=seen.number + 1 if seen else 1, blob=b"[]", fetched_at=NOW)
        assert self._blobs.keep(older)
        return seen


async def test_a_block_that_another_node_overtook_is_on_record_from_the_next_look_on(
    tmp_path: Path, uaf: dict[str, str]
) -> None:
    blocks = tmp_path / "blocks.toml"
    put(blocks, f'[[block]]\naaid = "{OWN.aaid}"\nreason = "stolen in transit"\n')
    async with installed(**uaf, UAF__BLOCKS=str(blocks)) as running:
        overtaken: Any = Overtaken(running.store)

        async def on_record() -> list[str]:
            rows = await running.store.read(lambda tx: tx.audit.search())
            return [row.tag for row in rows if ":model:" in row.tag]

        await running.phone_models.record(overtaken, now=running.clock.now())
        assert await on_record() == []
        for _ in range(2):
            await running.phone_models.record(running.store, now=running.clock.now())
            assert await on_record() == ["metadata:model:blocked"]


async def test_a_person_sees_that_the_model_of_their_phone_is_blocked_and_not_why(
    tmp_path: Path, uaf: dict[str, str]
) -> None:
    blocks = tmp_path / "blocks.toml"
    put(blocks, f'[[block]]\naaid = "{OWN.aaid}"\nreason = "stolen in transit"\n')
    async with installed(**uaf, UAF__BLOCKS=str(blocks)) as running:
        kind = next(one for one in running.authenticators if one.kind == keeping.KIND)
        [fact] = kind.describe(registered()).facts
        assert fact.startswith("Blocked by your organisation")
        assert "stolen" not in fact


@pytest.mark.parametrize(("prefer", "description"), [("false", "A test model"), ("true", "Ours")])
async def test_19_4_a_statement_of_ones_own_hides_no_revocation(
    tmp_path: Path, uaf: dict[str, str], prefer: str, description: str
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    put(folder / "own.json", json.dumps(OWN.statement() | {"description": "Ours"}))
    put(tmp_path / "uaf.jwt", SERVICE.blob([entry("REVOKED")]))
    async with installed(**uaf, UAF__STATEMENTS=str(folder), UAF__PREFER_STATEMENTS=prefer) as running:
        found = running.phone_models._terms.party.metadata.find(OWN.aaid)
        assert found is not None
        assert found.statement.description == description
        assert worth(running) is None


async def test_models_may_be_few(tmp_path: Path, uaf: dict[str, str]) -> None:
    put(tmp_path / "uaf.jwt", SERVICE.blob([entry(), entry(model=replace(OWN, aaid="1A2B#0002"))]))
    async with installed(**uaf, UAF__MODELS='["1a2b#0002"]') as running:
        assert set(running.phone_models._terms.party.metadata.models) == {"1A2B#0002", "CA4E#0001"}


@pytest.mark.parametrize("strong", [True, False])
async def test_aal3_is_offered_where_models_that_reach_it_are_configured(
    tmp_path: Path, uaf: dict[str, str], strong: bool
) -> None:
    more = {"UAF__AAL3_MODELS": f'["{OWN.aaid}"]'} if strong else {}
    async with whole(tmp_path / "data", **uaf, **more) as made:
        browser = made.browser()
        discovery = (await browser.get("/.well-known/openid-configuration")).json()
        assert ("AAL3_IOS" in discovery["acr_values_supported"]) is strong
        asked = {
            "client_id": "basic",
            "redirect_uri": "https://ward.example/callback",
            "response_type": "code",
            "scope": "openid",
            "acr_values": "AAL3_ANY",
        }
        page = (await browser.get("/sandbox/authorize", params=asked, follow_redirects=True)).text
        assert "How do you want to log in?" in page
        assert ("This phone or tablet" in page) is strong


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"UAF__METADATA": "blob.jwt"}, r"uaf\.metadata needs uaf\.metadata_root"),
        ({"UAF__METADATA": "http://id.example/blob", "UAF__METADATA_ROOT": "root.pem"}, "https address"),
        ({"WEBAUTHN__METADATA": "https://", "WEBAUTHN__METADATA_ROOT": "root.pem"}, "https address"),
        ({"UAF__METADATA": "blob.jwt", "UAF__METADATA_ROOT": "missing.pem"}, "missing.pem cannot be read"),
        ({"UAF__METADATA_EVERY": "often"}, r"uaf\.metadata_every"),
        ({"UAF__AAL3_MODELS": '["phone"]'}, "an AAID looks like"),
        ({"UAF__AAL3_MODELS": '["CA4E#0001"]'}, "cannot reach AAL3: its attestation is surrogate"),
        ({"UAF__STATEMENTS": "missing"}, "missing is no folder"),
        ({"UAF__BLOCKS": "missing.toml"}, "missing.toml cannot be read"),
        ({"UAF__CHANNEL_CERTIFICATES": '["missing.pem"]'}, "missing.pem cannot be read"),
        ({"UAF__CAREKEY_PHONE": "false"}, "No phone is accepted"),
    ],
    ids=str,
)
async def test_what_cannot_work_is_said_at_start(variables: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        async with installed(**variables):
            pass
