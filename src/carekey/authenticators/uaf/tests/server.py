"""A relying party with memory, for tests: it keeps what the core says is to be kept, and nothing else."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from carekey.authenticators.uaf import authentication, messages, policy, registration
from carekey.authenticators.uaf.facets import trusted_facets
from carekey.authenticators.uaf.messages import Policy
from carekey.authenticators.uaf.metadata import Metadata, read_statements
from carekey.authenticators.uaf.model import Authenticated, Issued, Registered, Registration, RelyingParty
from carekey.authenticators.uaf.status import Refused, UafError
from carekey.authenticators.uaf.tests.phone import Faults, Model, Phone
from carekey.kernel.assurance import AAL

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
APP_ID = "https://id.example/uaf/facets"


def metadata(*models: Model) -> Metadata:
    read, skipped = read_statements((model.aaid, model.statement()) for model in models)
    assert not skipped, skipped
    return Metadata.of(read)


@dataclass
class Server:
    party: RelyingParty
    registrations: dict[tuple[str, bytes], Registration] = field(default_factory=dict)
    issued: dict[str, Issued] = field(default_factory=dict)
    now: datetime = NOW
    drawn: int = 0

    @classmethod
    def trusting(cls, *models: Model, **options: Any) -> "Server":
        options.setdefault("facets", trusted_facets(APP_ID, ["https://id.example"]))
        options.setdefault("aal3_models", frozenset(model.aaid for model in models))
        options.setdefault("metadata", metadata(*models))
        return cls(RelyingParty(**options))

    def random(self, count: int) -> bytes:
        self.drawn += 1
        return hashlib.sha256(f"random {self.drawn}".encode()).digest()[:count]

    def registration_request(self, **options: Any) -> str:
        person = options.setdefault("person", "ann")
        statements = [model.statement for model in self.party.metadata.models.values()]
        options = {
            "username": "Ann",
            "accepted": policy.approved(statements),
            "registered": [key for key, value in self.registrations.items() if value.person == person],
            "enrolled_at": AAL.AAL3,
            "random": self.random,
            "now": self.now,
        } | options
        text, issued = registration.begin(self.party, **options)
        self.issued[issued.server_data] = issued
        return text

    def login_request(self, *, person: str | None = "ann", wanted: Policy | None = None, **options: Any) -> str:
        keys = [key for key, value in self.registrations.items() if person in {None, value.person}]
        text, issued = authentication.begin(
            self.party,
            person=person,
            policy=wanted or policy.for_known_person(keys),
            random=self.random,
            now=self.now,
            **options,
        )
        self.issued[issued.server_data] = issued
        return text

    def registered(self, response: str, *, person: str = "ann", browser: bytes = b"") -> Registered | Refused:
        try:
            message = messages.read_response(response)
            outcome = registration.finish(
                self._take(message), message, self.party, person=person, now=self.now, browser=browser
            )
        except UafError as error:
            return Refused(reason=error.reason)
        if isinstance(outcome, Registered):
            for new in outcome.registrations:
                self.registrations[new.aaid, new.key_id] = new
        return outcome

    def logged_in(self, response: str, *, browser: bytes = b"") -> Authenticated | Refused:
        try:
            message = messages.read_response(response)
            outcome = authentication.finish(
                self._take(message), message, self.party, find=self._find, now=self.now, browser=browser
            )
        except UafError as error:
            return Refused(reason=error.reason)
        if isinstance(outcome, Authenticated):
            for use in outcome.uses:
                key = use.registration
                self.registrations[key.aaid, key.key_id] = replace(
                    key, sign_counter=use.sign_counter, version=use.version
                )
        return outcome

    def enrol(self, phone: Phone, faults: Faults | None = None, **options: Any) -> Registered | Refused:
        return self.registered(phone.answer(self.registration_request(**options), faults))

    def log_in(self, phone: Phone, faults: Faults | None = None, **options: Any) -> Authenticated | Refused:
        return self.logged_in(phone.answer(self.login_request(**options), faults))

    def wait(self, duration: timedelta) -> None:
        self.now += duration

    def _take(self, message: messages.Response) -> Issued:
        issued = self.issued.pop(str(message.header.server_data), None)
        if issued is None:
            raise UafError(messages.Reason.SESSION_UNKNOWN)
        return issued

    def _find(self, aaid: str, key_id: bytes) -> Registration | None:
        return self.registrations.get((aaid, key_id))
