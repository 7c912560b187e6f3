"""Acknowledged is durable: `kill -9` in the middle of load loses nothing that was answered (architecture.md section 6)."""

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2

from carekey.kernel.secret import digest
from support.person import Person
from support.processes import running
from support.provider import CAREKEY, NURSE, Provider, carekey
from support.relying_party import RelyingParty

CLIENTS = 6
ENOUGH = 120
"""Tokens that were answered before the server is killed, and a code at least."""


@contextmanager
def started_again(provider: Provider) -> Iterator[None]:
    discovery = f"{provider.issuer}/.well-known/openid-configuration"
    with running(
        [*CAREKEY, "serve"],
        answers=discovery,
        log=provider.folder / "again.log",
        cwd=provider.folder,
        environment=provider.environment,
    ):
        yield


def test_kill_9_in_the_middle_of_load_loses_no_answered_code_or_token(tmp_path: Path) -> None:
    answered: list[str] = []
    codes: list[str] = []
    enough = threading.Event()
    with carekey(tmp_path) as provider:
        robot = provider.register(
            {
                "client_name": "Robot",
                "token_endpoint_auth_method": "client_secret_post",
                "grant_types": ["client_credentials"],
                "scope": "read",
            }
        )
        asked = {
            "grant_type": "client_credentials",
            "client_id": robot["client_id"],
            "client_secret": robot["client_secret"],
        }

        def load() -> None:
            with httpx2.Client(timeout=20) as client:
                while True:
                    try:
                        answer = client.post(f"{provider.issuer}/access_token", data=asked)
                        token = answer.json()["access_token"]
                    except (httpx2.HTTPError, ValueError):
                        return  # it was killed, perhaps in the middle of an answer
                    answered.append(token)
                    if len(answered) >= ENOUGH and codes:
                        enough.set()

        callback = "http://localhost:9/callback"
        application = provider.register(
            {"client_name": "Ward", "redirect_uris": [callback], "token_endpoint_auth_method": "client_secret_post"},
            issuer="sandbox",
        )
        party = RelyingParty(issuer=provider.sandbox, client_id=application["client_id"], redirect_uri=callback)
        address = party.authorize(acr_values="AAL1_USERPASS")
        nurse = provider.people[NURSE]
        user, password = nurse["sandbox_user_name"], nurse["sandbox_password"]

        def log_in() -> None:
            while True:
                try:
                    end = Person(user=user, password=password).log_in(address, until=callback, way="password")
                except (httpx2.HTTPError, AssertionError):
                    return
                codes.append(party.answered(str(end))["code"])

        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            loading = [pool.submit(log_in), *(pool.submit(load) for _ in range(CLIENTS))]
            assert enough.wait(60)
            os.killpg(provider.process, signal.SIGKILL)
            for one in loading:
                one.result()
        assert len(answered) >= ENOUGH
        assert codes
    with started_again(provider):
        # The new server has recovered the database; every answered token is good there, and on record.
        for token in (answered[0], answered[-1]):
            bearer = {"authorization": f"Bearer {token}"}
            answer = httpx2.get(f"{provider.issuer}/userinfo", headers=bearer)
            assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")  # known, of no person
        connection = sqlite3.connect(tmp_path / "data" / "carekey.db")
        kept = {row[0] for row in connection.execute("SELECT digest FROM access_tokens")}
        kept_codes = {row[0] for row in connection.execute("SELECT digest FROM codes")}
        issued = connection.execute("SELECT count(*) FROM audit WHERE tag = 'token:grant:issued'").fetchone()[0]
        whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
        connection.close()
    assert not [token for token in answered if digest(token) not in kept]
    assert not [code for code in codes if digest(code) not in kept_codes]
    assert issued == len(kept)
    assert whole == "ok"
