"""The frame of OpenID Connect Session Management, in a page of an application, in a real browser."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from joserfc.jwk import RSAKey
from playwright.sync_api import Page

from support import provider as carekey
from support.processes import free_port
from support.provider import GP, Provider
from support.relying_party import RelyingParty, metadata

pytestmark = pytest.mark.browser

PAGE = b"""<!doctype html><title>Application</title><script>
  window.ask = (frame, message) => new Promise((answered) => {
    addEventListener("message", (event) => answered(event.data), { once: true });
    document.querySelector("iframe").contentWindow.postMessage(message, new URL(frame).origin);
  });
</script>"""


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    port = free_port()
    settings = {
        "ISSUERS__HEALTHCARE__URL": f"http://localhost:{port}",
        "ISSUERS__HEALTHCARE__SANDBOX": "true",
        "ISSUERS__HEALTHCARE__SESSION_MANAGEMENT": "true",
        "ISSUERS__HEALTHCARE__WAYS": '["password"]',
    }
    with carekey.carekey(tmp_path_factory.mktemp("managed"), port=port, **settings) as running:
        yield running


@pytest.fixture
def application() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_session_management_3_1_the_frame_says_unchanged_until_the_session_is_another(
    tab: Page, managed: Provider, application: str
) -> None:
    key = RSAKey.generate_key(2048, auto_kid=True)
    client = managed.register(json.loads(metadata(f"{application}/callback", key)))
    party = RelyingParty(
        issuer=managed.issuer, client_id=client["client_id"], redirect_uri=f"{application}/callback", key=key
    )
    frame = party.discovered()["check_session_iframe"]

    def asked(message: str) -> str:
        tab.goto(application)
        tab.evaluate(
            """(frame) => new Promise((loaded) => {
              const made = document.createElement("iframe");
              made.onload = loaded; made.src = frame; document.body.append(made);
            })""",
            frame,
        )
        answer: str = tab.evaluate("([frame, message]) => window.ask(frame, message)", [frame, message])
        return answer

    tab.goto(party.authorize(acr_values="AAL1_USERPASS"))
    tab.get_by_label("User name").fill(GP)
    tab.get_by_label("Password", exact=True).fill(managed.people[GP]["sandbox_password"])
    tab.get_by_role("button", name="Continue").click()
    tab.wait_for_url(f"{application}/callback**")
    state = party.answered(tab.url)["session_state"]

    assert asked(f"{client['client_id']} {state}") == "unchanged"
    assert asked(f"somebody-else {state}") == "changed"
    assert asked("nonsense") == "error"
    tab.goto(f"{managed.issuer}/logout")
    tab.get_by_role("button", name="Log out").click()
    tab.get_by_role("heading", name="You have logged out").wait_for()
    assert asked(f"{client['client_id']} {state}") == "changed"
