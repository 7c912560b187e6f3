"""What `carekey evidence verify` shows of an image, which no terminal shows."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carekey.app.commands import evidence
from carekey.app.terminal import CommandError
from carekey.authenticators.phone.confirmation.tests.test_confirmation import PAINTS, PICTURE, TEXT, Ward


@pytest.fixture
def file(tmp_path: Path) -> Path:
    async def confirmed() -> str:
        ward = Ward(PAINTS)
        phone = await ward.phone(model=PAINTS)
        await ward.ask(picture=PICTURE)
        await ward.send("Auth", phone.answer((await ward.request())["uafRequest"]))
        return await ward.document()

    kept = tmp_path / "evidence.json"
    kept.write_text(asyncio.run(confirmed()))
    return kept


def test_uaf_7_4_the_image_that_was_signed_can_be_looked_at(file: Path, tmp_path: Path) -> None:
    image = tmp_path / "signed.png"
    done = CliRunner().invoke(evidence.commands, ["verify", str(file), "--signed", str(image), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["verdict"], told["said_to_show"]) == ("HOLDS", TEXT)
    assert image.read_bytes() == PICTURE


def test_what_does_not_hold_is_not_written(file: Path, tmp_path: Path) -> None:
    file.write_text(file.read_text().replace('"challenge\\":\\"', '"challenge\\":\\"x'))
    image = tmp_path / "signed.png"
    done = CliRunner().invoke(evidence.commands, ["verify", str(file), "--signed", str(image)])
    assert isinstance(done.exception, CommandError)
    assert str(done.exception).startswith("DOES NOT HOLD")
    assert not image.exists()
