"""A relying party on npm openid-client, by mutual TLS alone: client credentials, a pushed request, a code, a refresh."""

import json
import os
import subprocess
from contextlib import ExitStack
from typing import Any

import pytest

from carekey.jose.certificates import thumbprint
from support import node
from support.mtls import CALLBACK, Place
from support.person import Person
from support.provider import GP

pytestmark = pytest.mark.node


@pytest.mark.parametrize(("client", "own", "other"), [("pki", "own", "other"), ("self", "self-signed", "own")])
def test_openid_client_by_mutual_tls(place: Place, client: str, own: str, other: str) -> None:
    node.packages()
    files = place.pki.files
    environment = {
        "ISSUER": place.provider.sandbox,
        "CLIENT_ID": place.clients[client],
        "CALLBACK": CALLBACK,
        "OWN": str(files[own]),
        "OTHER": str(files[other]),
        "TRUST": str(place.pki.trust),
    }
    command = [str(node.node()), str(node.FOLDER / "mutual-tls.mjs")]
    with (
        ExitStack() as stack,
        subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        stack.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None

        def said() -> dict[str, Any]:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            told: dict[str, Any] = json.loads(line)
            return told

        assert said()["credentials"]["token_type"] == "bearer"
        about = place.provider.people[GP]
        person = Person(user=GP, password=about["sandbox_password"])
        callback = person.log_in(said()["authorize"], until=CALLBACK, way="password", role="")
        assert isinstance(callback, str), callback.heading
        process.stdin.write(f"{callback}\n")
        process.stdin.flush()
        seen = said()
        assert (seen["sub"], seen["userinfo"]["sub"]) == (GP, GP)
        assert list(seen["cnf"]) == ["x5t#S256"]
        if client == "self":
            assert seen["cnf"] == {"x5t#S256": thumbprint(place.pki.self_signed_pair.der)}
        assert said()["refreshed"]["access_token"]
        assert said() == {"other": 401, "why": "invalid_token"}
        assert process.wait(10) == 0
