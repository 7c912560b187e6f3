"""What a person with a card does, as curl."""

import re

from support.cards import Answer, Curl
from support.relying_party import RelyingParty

NAMED = "AAL3_SMARTCARD"


def to_the_card_page(curl: Curl, party: RelyingParty, **asked: str) -> Answer:
    """With one acceptable way the chooser is left out."""
    at = curl.run(party.authorize(**{"acr_values": NAMED, "nonce": "n", **asked}))
    assert (at.status, at.url.endswith("/smartcard")) == (200, True), at.body
    return at


def proceed(curl: Curl, at: Answer, *, follow: bool = True) -> Answer:
    """Select Continue, or Try again."""
    form = re.search(r'<form method="post" action="([^"]+/smartcard)".*?</form>', at.body, re.DOTALL)
    origin = re.match(r"https?://[^/]+", at.url)
    assert form
    assert origin
    fields = re.findall(r'name="([a-z]+)" value="([^"]*)"', form[0])
    data = [part for name, value in fields for part in ("--data-urlencode", f"{name}={value}")]
    return curl.run(f"{origin[0]}{form[1]}", *data, "--header", f"Origin: {origin[0]}", follow=follow)


def send(curl: Curl, at: Answer, ending: str, **values: str) -> Answer:
    """Send the form of the page whose address ends so."""
    form = re.search(rf'<form[^>]* action="([^"]+{ending})".*?</form>', at.body, re.DOTALL)
    origin = re.match(r"https?://[^/]+", at.url)
    assert form
    assert origin
    fields = {**dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', form[0])), **values}
    data = [part for name, value in fields.items() for part in ("--data-urlencode", f"{name}={value}")]
    return curl.run(f"{origin[0]}{form[1]}", *data, "--header", f"Origin: {origin[0]}")


def heading(at: Answer) -> str:
    found = re.findall(r"<h1[^>]*>(.*?)</h1>", at.body, re.DOTALL)
    return re.sub(r"<span.*?</span>|<[^>]+>|\s+", " ", found[-1]).strip() if found else ""
