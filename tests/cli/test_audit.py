"""`carekey audit` as a service desk uses it."""

from collections.abc import Iterator

import httpx2
import pytest

from support import provider as carekey
from support.provider import Provider

REFUSED = "client:authentication:refused"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with carekey.carekey(tmp_path_factory.mktemp("carekey")) as running:
        yield running


@pytest.fixture(scope="module")
def refused(provider: Provider) -> list[str]:
    """Reference codes of three refusals, oldest first."""
    for name in ("first", "second", "third"):
        asked = {"grant_type": "client_credentials", "client_id": name}
        assert httpx2.post(f"{provider.issuer}/access_token", data=asked).status_code == 401
    events = provider.json("audit", "list", "--tag", REFUSED)
    assert [event["data"]["claimed"] for event in events] == ["first", "second", "third"]
    return [event["reference"] for event in events]


def test_a_reference_code_leads_to_what_happened(provider: Provider, refused: list[str]) -> None:
    read_out = f"{refused[1][:4]} {refused[1][4:]}".lower()
    (event,) = provider.json("audit", "show", read_out)
    assert (event["tag"], event["refusal"], event["data"]["claimed"]) == (REFUSED, True, "second")
    said = provider.run("audit", "show", refused[1])
    assert "Somebody failed to prove to be a client." in said.stdout
    assert "second" in said.stdout
    assert "first" not in said.stdout


def test_the_newest_events_are_listed_and_a_list_can_be_continued(provider: Provider, refused: list[str]) -> None:
    two = provider.json("audit", "list", "--tag", REFUSED, "--limit", "2")
    assert [event["reference"] for event in two] == refused[1:]
    after = provider.json("audit", "list", "--tag", REFUSED, "--after", str(two[0]["id"]))
    assert [event["reference"] for event in after] == refused[2:]


def test_a_code_that_nothing_is_under_says_so(provider: Provider) -> None:
    done = provider.run("audit", "show", "ZZZZZZZZ")
    assert (done.returncode, done.stdout) == (3, "")
    assert "Nothing is on record under ZZZZZZZZ" in done.stderr
