"""What this node knows about revocation: read from memory at log-in, fetched at most once, shared through the store."""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

import structlog

from carekey.authenticators.smartcard import crl, ocsp
from carekey.authenticators.smartcard.crl import EvidenceError
from carekey.authenticators.smartcard.evidence import CrlWanted, Evidence, OcspAnswer, RevocationList, Wanted
from carekey.authenticators.smartcard.fetch import Fetched, NotFetched
from carekey.authenticators.smartcard.ports import CardTx, StoredEvidence
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy
from carekey.kernel.unit_of_work import Store

log = structlog.get_logger()

TxT = TypeVar("TxT", bound=CardTx)

AHEAD = 0.2
"""A list is fetched anew when so much of its life is left, so that a log-in never waits for it."""
AHEAD_AT_MOST = timedelta(hours=1)
KEPT_AFTER_END = timedelta(days=7)
"""The longest grace that there is."""
RETRY_AFTER = timedelta(seconds=20)
"""After a failure the source is left alone for so long: log-ins meanwhile are judged by what is known."""


class Fetches(Protocol):
    async def crl(self, url: str, validators: dict[str, str]) -> Fetched | None:
        """None if it has not changed since these validators came with it. Raises: NotFetched."""
        ...

    async def ocsp(self, url: str, question: bytes) -> bytes:
        """Raises: NotFetched."""
        ...


class RevocationCache(Generic[TxT]):
    """One for each event loop."""

    def __init__(self, store: Store[TxT], *, fetch: Fetches, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._fetch = fetch
        self._clock = clock
        self._entropy = entropy
        self._lists: dict[str, RevocationList] = {}
        self._answers: dict[str, OcspAnswer] = {}
        self._wanted: dict[str, CrlWanted] = {}
        self._taken: dict[str, datetime] = {}
        """When what this node last looked at was fetched, by it or another: the store is read only for what is newer."""
        self._served: dict[tuple[str, str], dict[str, str]] = {}
        """By list and address: the validators of what this node fetched there last, if it is the list that is in force."""
        self._digests: dict[str, bytes] = {}
        self._failed: dict[str, datetime] = {}
        self._faults: dict[str, str] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def evidence(self) -> Evidence:
        """What is in memory. Costs nothing."""
        return Evidence(lists=self._lists, answers=self._answers, faults=self._faults)

    async def obtain(self, requests: Iterable[Wanted]) -> Evidence:
        """Have what is asked for, from the store or the network; `tried` names what could not be had."""
        requests = tuple(requests)
        await asyncio.gather(*(self._once(one) for one in requests))
        now = self._clock.now()
        missing = frozenset(one.key for one in requests if not self._current(one.key, now))
        return replace(self.evidence(), tried=missing)

    async def refresh(self) -> None:
        """A job: take up what other nodes fetched, and fetch what will soon run out."""
        now = self._clock.now()
        for wanted in list(self._wanted.values()):
            await self._catch_up(wanted)
            known = self._lists.get(wanted.key)
            if known is None or now >= due(known):
                await self._once(wanted)
        for key, answer in list(self._answers.items()):
            if not answer.counts(now):
                del self._answers[key]
        for key, listed in list(self._lists.items()):
            if listed.next_update + KEPT_AFTER_END <= now:
                self._forget(key)

    async def _once(self, wanted: Wanted) -> None:
        """Of log-ins that need the same at the same time one fetches and the others wait for it."""
        task = self._under_way.get(wanted.key)
        if task is None:
            task = self._under_way[wanted.key] = asyncio.create_task(self._get(wanted))
            task.add_done_callback(lambda _: self._under_way.pop(wanted.key, None))
        await asyncio.shield(task)  # one browser that leaves does not take the fetch from the others

    async def _get(self, wanted: Wanted) -> None:
        now = self._clock.now()
        if isinstance(wanted, CrlWanted):
            self._wanted[wanted.key] = wanted
        await self._catch_up(wanted)
        known = self._lists.get(wanted.key)
        if self._current(wanted.key, now) and (known is None or now < due(known)):
            return
        if (failed := self._failed.get(wanted.key)) is not None and now < failed + RETRY_AFTER:
            return
        faults: list[str] = []
        for url in wanted.urls:
            try:
                await self._from(url, wanted, now)
            except (NotFetched, EvidenceError) as error:
                faults.append(f"{url}: {error}")
            else:
                self._failed.pop(wanted.key, None)
                self._faults.pop(wanted.key, None)
                return
        self._failed[wanted.key], self._faults[wanted.key] = now, "; ".join(faults)
        log.warning("revocation:unavailable", why=faults, key=wanted.key)

    async def _from(self, url: str, wanted: Wanted, now: datetime) -> None:
        """Raises: NotFetched, EvidenceError."""
        if isinstance(wanted, CrlWanted):
            fetched = await self._fetch.crl(url, self._served.get((wanted.key, url), {}))
            if fetched is None or self._same(wanted.key, fetched.body):
                return self._note(wanted.key, url, fetched)
            der = fetched.body
            listed = await asyncio.to_thread(crl.read, der, wanted, now=now)
            until, kept = listed.next_update, listed.next_update + KEPT_AFTER_END
            if not self._know(listed, der, now):
                raise EvidenceError("an older list than the one that is known")
            self._note(wanted.key, url, fetched)
        else:
            nonce = self._entropy.bytes(ocsp.NONCE_SIZE)
            der = await self._fetch.ocsp(url, ocsp.question(wanted, nonce=nonce))
            answer = ocsp.read(der, wanted, nonce=nonce, now=now)
            self._answers[wanted.key] = answer
            until = kept = answer.good_until
        row = StoredEvidence(key=wanted.key, der=der, fetched_at=now, until=until, expires_at=kept)
        await self._store.write(lambda tx: tx.revocation.put(row))
        return None

    async def _catch_up(self, wanted: Wanted) -> None:
        """Take up what the store has, if it is newer than what this node has: an unchanged list is not read again."""
        than = self._taken.get(wanted.key)
        stored = await self._store.read(lambda tx: tx.revocation.find(wanted.key, newer_than=than))
        if stored is not None:
            await self._take(wanted, stored)

    async def _take(self, wanted: Wanted, stored: StoredEvidence) -> None:
        """Judge what another node stored as that node did: by its own signature, and at the moment it came."""
        try:
            if not isinstance(wanted, CrlWanted):
                # The nonce was for the node that asked; what protects here is that the store is ours.
                relaxed = replace(wanted, nonce=False)
                self._answers[wanted.key] = ocsp.read(stored.der, relaxed, nonce=None, now=stored.fetched_at)
                return
            self._taken[wanted.key] = stored.fetched_at
            if not self._same(wanted.key, stored.der):
                listed = await asyncio.to_thread(crl.read, stored.der, wanted, now=stored.fetched_at)
                self._know(listed, stored.der, stored.fetched_at)
        except EvidenceError as error:
            log.warning("revocation:stored-unusable", key=wanted.key, why=str(error))

    def _same(self, key: str, der: bytes) -> bool:
        return key in self._lists and self._digests.get(key) == hashlib.sha256(der).digest()

    def _note(self, key: str, url: str, fetched: Fetched | None) -> None:
        if fetched is not None:
            self._served[key, url] = fetched.validators

    def _forget(self, key: str) -> None:
        for known in (self._lists, self._wanted, self._digests, self._taken):
            known.pop(key, None)
        self._unserve(key)

    def _unserve(self, key: str) -> None:
        for one in [one for one in self._served if one[0] == key]:
            del self._served[one]

    def _know(self, listed: RevocationList, der: bytes, fetched_at: datetime) -> bool:
        """Whether it counts from now on: a list never gives way to an older one, which would un-revoke."""
        known = self._lists.get(listed.key)
        if known is not None and (known.this_update, known.number) > (listed.this_update, listed.number):
            return False
        self._lists[listed.key] = listed
        self._digests[listed.key] = hashlib.sha256(der).digest()
        self._taken[listed.key] = fetched_at
        self._unserve(listed.key)
        return True

    def _current(self, key: str, now: datetime) -> bool:
        if (listed := self._lists.get(key)) is not None:
            return now < listed.next_update
        answer = self._answers.get(key)
        return answer is not None and answer.counts(now)


def due(listed: RevocationList) -> datetime:
    """When to fetch the next one."""
    return listed.next_update - min((listed.next_update - listed.this_update) * AHEAD, AHEAD_AT_MOST)
