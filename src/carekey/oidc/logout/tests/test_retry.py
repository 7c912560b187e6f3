from itertools import count

import pytest

from carekey.oidc.logout.retry import AFTER, judge
from carekey.sessions.model import DeliveryState


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (501, "given_up"),
        *((status, "waiting") for status in (202, 301, 302, 307, 400, 401, 404, 429, 500, 502, 503)),
        (None, "waiting"),
    ],
)
def test_cis2_5_5_what_the_first_answer_leads_to(status, state):
    assert judge(status, tries=1).state == state


@pytest.mark.parametrize("status", [400, 500, None])
def test_cis2_2_17_tries_become_rarer_and_end(status):
    waits = []
    for tries in count(1):
        verdict = judge(status, tries=tries)
        if verdict.state is DeliveryState.GIVEN_UP:
            break
        waits.append(verdict.again_after)
    assert tries == len(AFTER) + 1
    assert waits == sorted(waits)
    assert sum(wait.total_seconds() for wait in waits) < 600
