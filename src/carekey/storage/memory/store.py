"""The store and its transaction: one lock, so every unit of work is alone."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from carekey.storage.memory.authenticators import Challenges, Credentials, Enrolments, Failures
from carekey.storage.memory.cards import Cards, RevocationEvidence
from carekey.storage.memory.confirmation import Confirmations, Devices, Evidences
from carekey.storage.memory.consents import Consents
from carekey.storage.memory.decoupled import DecoupledRequests
from carekey.storage.memory.directory import Organisations, People, Positions, Roles
from carekey.storage.memory.logos import Logos
from carekey.storage.memory.logout import LogoutDeliveries
from carekey.storage.memory.metadata import MetadataBlobs
from carekey.storage.memory.oidc import (
    AccessTokens,
    Assertions,
    Clients,
    Codes,
    DpopProofs,
    InitialAccessTokens,
    PushedRequests,
    RefreshFamilies,
)
from carekey.storage.memory.phone import Approvals, UafKeys
from carekey.storage.memory.push import Subscriptions
from carekey.storage.memory.record import Audit, Keys
from carekey.storage.memory.sessions import Logins, Sessions
from carekey.storage.memory.table import Journal
from carekey.storage.memory.user_code import UserCodes
from carekey.storage.memory.workstations import CardPlaces, Workstations
from carekey.storage.store import DELIVERIES_KEPT, SESSIONS_KEPT, SWEEP_MARGIN, Store, Tx

T = TypeVar("T")


class MemoryTx:
    def __init__(self, journal: Journal) -> None:
        self.people = People(journal)
        self.organisations = Organisations(journal)
        self.positions = Positions(journal)
        self.roles = Roles(journal)
        self.credentials = Credentials(journal)
        self.challenges = Challenges(journal)
        self.enrolments = Enrolments(journal)
        self.failures = Failures(journal)
        self.user_codes = UserCodes(journal)
        self.logos = Logos(journal)
        self.cards = Cards(journal)
        self.revocation = RevocationEvidence(journal)
        self.approvals = Approvals(journal)
        self.uaf_keys = UafKeys(journal)
        self.metadata_blobs = MetadataBlobs(journal)
        self.confirmations = Confirmations(journal)
        self.evidences = Evidences(journal)
        self.devices = Devices(journal)
        self.subscriptions = Subscriptions(journal, self.confirmations)
        self.sessions = Sessions(journal)
        self.workstations = Workstations(journal)
        self.card_places = CardPlaces(journal)
        self.logins = Logins(journal)
        self.consents = Consents(journal)
        self.clients = Clients(journal)
        self.initial_access_tokens = InitialAccessTokens(journal)
        self.access_tokens = AccessTokens(journal, self.sessions)
        self.refresh_families = RefreshFamilies(journal)
        self.codes = Codes(journal, self.access_tokens, self.refresh_families)
        self.assertions = Assertions(journal)
        self.pushed_requests = PushedRequests(journal)
        self.dpop_proofs = DpopProofs(journal)
        self.decoupled_requests = DecoupledRequests(journal)
        self.logout_deliveries = LogoutDeliveries(journal, self.sessions, self.clients)
        self.keys = Keys(journal)
        self.audit = Audit(journal)

    def sweep(self, *, now: datetime, limit: int, sessions_kept: timedelta = SESSIONS_KEPT) -> int:
        gone = 0
        before = now - SWEEP_MARGIN
        for expiring in (
            self.challenges,
            self.logins,
            self.access_tokens,
            self.refresh_families,
            self.codes,
            self.assertions,
            self.pushed_requests,
            self.dpop_proofs,
            self.decoupled_requests,
            self.failures,
            self.enrolments,
            self.revocation,
            self.approvals,
            self.card_places,
            self.confirmations,
            self.consents,
            self.initial_access_tokens,
        ):
            gone += expiring.sweep(before, limit - gone)
        gone += self.logout_deliveries.sweep(now - DELIVERIES_KEPT, limit - gone)
        return gone + self.sessions.sweep(now - sessions_kept, limit - gone)


class MemoryStore(Store):
    def __init__(self) -> None:
        self._journal = Journal()
        self._tx: Tx = MemoryTx(self._journal)
        self._lock = threading.Lock()

    async def read(self, work: Callable[[Tx], T]) -> T:
        with self._lock:
            return work(self._tx)

    async def write(self, work: Callable[[Tx], T]) -> T:
        with self._lock:
            self._journal.writable = True
            try:
                answer = work(self._tx)
            except BaseException:
                self._journal.roll_back()
                raise
            finally:
                self._journal.writable = False
            self._journal.forget()
            return answer

    def close(self) -> None:
        """Nothing to let go of."""
