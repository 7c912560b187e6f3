"""Calling the record service, and understanding it when it wants a better log-in first (RFC 9470)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from httpx2 import AsyncBaseTransport, AsyncClient, HTTPError

from ward.asks import STEP_UP, Ask
from ward.relying_party import NotLoggedIn

SCOPE = "records.read"
_SAID = re.compile(r'([a-z_]+)="([^"]*)"')


class BetterLogInWanted(Exception):
    """`ask`: the log-in to ask for. `why`: in the words of the service."""

    def __init__(self, ask: Ask, why: str) -> None:
        super().__init__(why)
        self.ask, self.why = ask, why


async def fetch(address: str, token: str, transport: AsyncBaseTransport | None) -> Mapping[str, Any]:
    """Raises: BetterLogInWanted, NotLoggedIn."""
    try:
        async with AsyncClient(transport=transport, timeout=10) as http:
            answer = await http.get(address, headers={"authorization": f"Bearer {token}"})
            said = dict(_SAID.findall(answer.headers.get("www-authenticate", "")))
            if answer.status_code == 401 and said.get("error") == "insufficient_user_authentication":
                raise BetterLogInWanted(asked_for(said), said.get("error_description", "A better log-in is needed"))
            answer.raise_for_status()
            record: dict[str, Any] = answer.json()
    except (HTTPError, ValueError) as error:
        raise NotLoggedIn("The record cannot be shown", "The record service gave no record. Try again.") from error
    return record


def asked_for(said: Mapping[str, str]) -> Ask:
    """The authorization request of section 4: what the challenge names, and nothing of our own beside it. It is the same
    person at the same application, so `same_person` holds."""
    parameters = {name: said[name] for name in ("acr_values", "max_age") if name in said}
    age = parameters.get("max_age", "")
    return replace(
        STEP_UP,
        parameters=parameters,
        minimum_aal=3 if parameters.get("acr_values", "").startswith("AAL3") else 2,
        freshness=timedelta(seconds=int(age)) if age.isdecimal() else None,
    )
