"""`carekey serve --only api-host`: on a machine of its own, or the reason why not."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from support.cards import greets
from support.mtls import Pki
from support.processes import free_port, running
from support.provider import CAREKEY, PYTHONPATH

ALONE = [*CAREKEY, "serve", "--only", "api-host"]


def settings(folder: Path, files: Pki, port: int) -> dict[str, str]:
    return {
        "PYTHONPATH": PYTHONPATH,
        "CAREKEY_DATA": str(folder / "data"),
        "CAREKEY_API_HOST__URL": f"https://localhost:{port}",
        "CAREKEY_API_HOST__PORT": str(port),
        "CAREKEY_API_HOST__CERTIFICATE": str(files.server),
        "CAREKEY_API_HOST__PRIVATE_KEY": str(files.server),
    }


def test_it_serves_alone(tmp_path: Path, files: Pki) -> None:
    port = free_port()
    environment = settings(tmp_path, files, port)
    with (
        running(ALONE, answers=lambda: greets(port), log=tmp_path / "log", environment=environment),
        httpx2.Client(verify=files.context("self-signed")) as http,
    ):
        answer = http.post(f"https://localhost:{port}/access_token", data={"client_id": "nobody"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def _run(environment: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ALONE, env={**os.environ, **environment}, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"CAREKEY_API_HOST__URL": None}, "There is no api host: set api_host.url."),
        ({"CAREKEY_API_HOST__CERTIFICATE": "nowhere.pem"}, "api_host.certificate or api_host.private_key cannot be"),
        ({"CAREKEY_API_HOST__ANCHORS": "nowhere.pem"}, "api_host.anchors: nowhere.pem cannot be read"),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_what_keeps_it_from_starting_is_said(
    tmp_path: Path, files: Pki, changed: Mapping[str, str | None], said: str
) -> None:
    environment = {
        name: value
        for name, value in {**settings(tmp_path, files, free_port()), **changed}.items()
        if value is not None
    }
    done = _run(environment, tmp_path)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
