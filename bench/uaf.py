"""What the UAF core costs: CPU of this process for one message, without HTTP or store.

A software device makes the messages before; only the server's part is measured. The certificates are read anew each time.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from carekey.authenticators.uaf import authentication, messages, registration
from carekey.authenticators.uaf.assertion import parse_authentication, parse_registration
from carekey.authenticators.uaf.model import Authenticated, Registered
from carekey.authenticators.uaf.tests import phone
from carekey.authenticators.uaf.tests.server import Server

ROUNDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreBudget:
    name: str
    cpu_ms: float


REGISTRATION = CoreBudget(name="registration verified, full attestation, chain of three", cpu_ms=1.0)
LOG_IN = CoreBudget(name="log-in verified, P-256", cpu_ms=0.25)
PARSING = CoreBudget(name="a response parsed, TLV included", cpu_ms=0.1)


def core(*, count: int) -> Iterator[tuple[CoreBudget, float]]:
    """Milliseconds of CPU each, the median of several rounds of `count`. Raises: AssertionError, for what did not verify."""
    model = phone.Model(authority=phone.Authority())
    assert model.authority is not None
    model.chain.append(model.authority.root)
    server, device = Server.trusting(model), phone.Phone(model)
    registering = device.answer(server.registration_request())
    (issued,) = server.issued.values()

    def register() -> None:
        response = messages.read_response(registering)
        outcome = registration.finish(issued, response, server.party, person="ann", now=server.now)
        assert isinstance(outcome, Registered), outcome

    yield REGISTRATION, _ms(register, count)
    server.registered(registering)
    ((aaid_and_key, known),) = server.registrations.items()
    logging_in = device.answer(server.login_request())
    (asked,) = server.issued.values()

    def log_in() -> None:
        response = messages.read_response(logging_in)
        outcome = authentication.finish(
            asked,
            response,
            server.party,
            find=lambda aaid, key_id: known if (aaid, key_id) == aaid_and_key else None,
            now=server.now,
        )
        assert isinstance(outcome, Authenticated), outcome

    yield LOG_IN, _ms(log_in, count)
    assertions = [json.loads(text)[0]["assertions"][0]["assertion"] for text in (registering, logging_in)]
    assert len(base64.urlsafe_b64decode(assertions[0] + "==")) > 1000, "three certificates"

    def parse() -> None:
        response = messages.read_response(registering)
        messages.read_final_challenge(response.fc_params)
        parse_registration(response.assertions[0].assertion)

    def parse_log_in() -> None:
        response = messages.read_response(logging_in)
        messages.read_final_challenge(response.fc_params)
        parse_authentication(response.assertions[0].assertion)

    yield PARSING, max(_ms(parse, count), _ms(parse_log_in, count))


def _ms(work: Callable[[], None], count: int) -> float:
    for _ in range(count // 10 + 1):
        work()
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(count):
            work()
        rounds.append((time.process_time() - began) / count * 1000)
    return median(rounds)
