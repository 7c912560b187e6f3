"""Simulates a week of log-ins on SQLite and shows, day by day, what stays: `python bench/week.py [log-ins a day] [days]`.

The clock is simulated, the database and its sweep are real. A log-in leaves what a real one leaves: a log-in, a
challenge, a session with two applications, codes and access tokens for both, an assertion and a DPoP proof for each
token request, a family of refresh tokens refreshed four times, a pushed request, an agreement to share that counts for
a day, and two notices when the session ends. Beside it somebody types a code wrong, a device is agreed to and polls,
and a pharmacy asks by CIBA, on the phone too: every other request is decided and its client told, the others run out.
The audit record grows with every event for as long as it is kept, so it is left out here and measured by itself.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from carekey.kernel.ids import ClientId, ConfirmationId, LoginId, PersonId, SessionId
from carekey.login.model import Outcome
from carekey.oidc.decoupled.model import Kind, State
from carekey.oidc.model import Client, TokenDelivery
from carekey.sessions.model import DeliveryState
from carekey.storage.conformance import samples
from carekey.storage.open import open_store
from carekey.storage.sql.migrate import upgrade
from carekey.storage.sql.schema import metadata
from carekey.storage.store import Tx

SWEEP_EVERY = timedelta(minutes=10)
KEPT = timedelta(hours=36)
"""What `app/rules.py` makes of the usual lifetimes."""
APPLICATIONS = (ClientId("ward"), ClientId("pharmacy"))
AT_ONCE = 200


def main() -> None:
    a_day = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    days = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with tempfile.TemporaryDirectory(prefix="carekey-bench-") as folder:
        asyncio.run(_week(Path(folder) / "week.db", a_day, days))


async def _week(file: Path, a_day: int, days: int) -> None:
    upgrade(f"sqlite:///{file}")
    names = [table.name for table in metadata.sorted_tables if table.name != "audit"]
    with closing(open_store(f"sqlite:///{file}")) as store:
        await store.write(_register)
        now, turns = samples.NOW, timedelta(days=1) // SWEEP_EVERY
        shown: list[str] = []
        for day in range(1, days + 1):
            for turn in range(turns):
                now += SWEEP_EVERY
                left = a_day * (turn + 1) // turns - a_day * turn // turns
                while left:
                    some = min(left, AT_ONCE)
                    await store.write(lambda tx, some=some, now=now: _log_ins(tx, some, now))
                    left -= some
                await store.sweep(now, sessions_kept=KEPT)
            rows = _rows(file, names)
            shown = shown or [name for name in names if rows[name] and name != "clients"]
            if day == 1:
                print("| Day | MB | " + " | ".join(shown) + " |\n|--:|--:|" + "--:|" * len(shown))
            size = sum(part.stat().st_size for part in file.parent.glob("week.db*")) / 1e6
            print(f"| {day} | {size:.0f} | " + " | ".join(str(rows[name]) for name in shown) + " |", flush=True)


def _register(tx: Tx) -> None:
    for id in APPLICATIONS:
        uri = f"https://{id}.example/logout"
        tx.clients.add(
            Client(id=id, issuer=samples.ISSUER, name=id, backchannel_logout_uri=uri, created_at=samples.NOW)
        )


def _log_ins(tx: Tx, count: int, now: datetime) -> None:
    for _ in range(count):
        _log_in(tx, now)
        _elsewhere(tx, now)


def _log_in(tx: Tx, now: datetime) -> None:
    def some() -> bytes:
        return os.urandom(32)

    login, session = LoginId(some().hex()), SessionId(some().hex())
    tx.logins.start(samples.login(id=login, started_at=now, expires_at=now + timedelta(minutes=15)))
    tx.challenges.put(samples.challenge(digest=some(), expires_at=now + timedelta(minutes=2)))
    tx.logins.prove(login, samples.verified())
    tx.logins.end(login, Outcome.ISSUED, at=now)
    started = samples.session(id=session, digest=some(), started_at=now, last_used_at=now)
    tx.sessions.start(started)
    for client in APPLICATIONS:
        code = some()
        tx.pushed_requests.put(some(), samples.pushed(expires_at=now + timedelta(minutes=1)))
        grant = samples.grant(session=session, expires_at=now + timedelta(minutes=1))
        tx.codes.put(code, grant)
        tx.codes.redeem(code, now=now)
        tx.sessions.joined(session, client)
        family = samples.family(code=code, rotated_at=now, expires_at=now + timedelta(hours=12))
        tx.refresh_families.put(replace(family, grant=grant, revoked_at=None))
        for generation in range(5):
            until = now + timedelta(hours=1 + generation)
            tx.assertions.first_seen(samples.ISSUER, client, some().hex(), expires_at=now + timedelta(minutes=11))
            tx.dpop_proofs.first_seen(some(), expires_at=now + timedelta(minutes=2))
            tx.access_tokens.put(samples.token(digest=some(), session=session, code=code, expires_at=until))
            if generation:
                tx.refresh_families.rotate(code, generation, now=now)
    person = PersonId(os.urandom(8).hex())
    tx.consents.put(samples.consent(person=person, given_at=now, expires_at=now + timedelta(days=1)))
    tx.sessions.end(session, at=now)
    tx.logout_deliveries.queue(started, at=now)
    for client in APPLICATIONS:
        (claimed,) = tx.logout_deliveries.claim(samples.ISSUER, client, now=now, until=now, limit=1)
        tx.logout_deliveries.settle(claimed, state=DeliveryState.DELIVERED, outcome="200", at=now)


def _elsewhere(tx: Tx, now: datetime) -> None:
    """Log-ins without a browser at hand, of which every other request is decided."""
    tx.failures.add(f"device:{os.urandom(8).hex()}", now=now, until=now + timedelta(minutes=10))
    for kind in Kind:
        for decided in (True, False):
            key, until = os.urandom(32), now + timedelta(minutes=10)
            request = samples.decoupled(key=key, kind=kind, requested_at=now, expires_at=until)
            if kind is Kind.CIBA:
                request = replace(request, delivery=TokenDelivery.PING, callback=os.urandom(200), due_at=until)
                tx.confirmations.ask(samples.confirmation(id=ConfirmationId(key.hex()), asked_at=now, expires_at=until))
            else:
                request = replace(request, person=None, user_code=os.urandom(32))
            tx.decoupled_requests.put(request)
            tx.decoupled_requests.polled(key, now=now)
            if decided:
                tx.decoupled_requests.decide(key, State.AGREED, at=now)
    for request in tx.decoupled_requests.due(now=now, limit=AT_ONCE):
        tx.decoupled_requests.claim(request, until=now + timedelta(minutes=1))
        tx.decoupled_requests.settle(request.key, tries=request.tries + 1, again_at=None)


def _rows(file: Path, names: list[str]) -> dict[str, int]:
    with closing(sqlite3.connect(file)) as connection:
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


if __name__ == "__main__":
    main()
