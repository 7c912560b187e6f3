"""Real clients with real certificates, at the API host itself and behind each proxy (RFC 8705; RFC 9440)."""

import base64

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.jose.certificates import thumbprint
from support.mtls import Place
from support.person import one_shot
from support.proxy_line import spoken, status

LET_IN = [("pki", "own"), ("pki", "under another"), ("self", "self-signed")]
REFUSED = [
    ("pki", None),
    ("pki", "other"),
    ("pki", "expired"),
    ("pki", "other authority"),
    ("pki", "self-signed"),
    ("self", None),
    ("self", "own"),
    ("self", "unregistered"),
]


@pytest.mark.parametrize(("client", "certificate"), LET_IN)
def test_rfc8705_2_a_token_for_a_certificate(place: Place, client: str, certificate: str) -> None:
    status, told = place.curl(client, certificate)
    assert (status, told.get("token_type")) == (200, "Bearer"), told
    assert place.token(client, certificate).status_code == 200


@pytest.mark.parametrize(("client", "certificate"), REFUSED)
def test_rfc8705_2_refused_certificates(place: Place, client: str, certificate: str | None) -> None:
    status, told = place.curl(client, certificate)
    assert (status, told["error"]) == (401, "invalid_client")
    answer = place.token(client, certificate)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("version", ["--tls-max", "--tlsv1.3"])
def test_both_versions_of_tls(place: Place, version: str) -> None:
    more = (version, "1.2") if version == "--tls-max" else (version,)
    assert place.curl("pki", "own", *more)[0] == 200
    assert place.curl("pki", None, *more)[0] == 401


def test_what_a_client_writes_into_headers_is_nothing(place: Place) -> None:
    """At the API host, through the proxy, and on the main listener."""
    own = x509.load_pem_x509_certificate(place.pki.files["own"].read_bytes()).public_bytes(Encoding.DER)
    value = f":{base64.b64encode(own).decode()}:"
    headers = {"Client-Cert": value, "Client-Cert-Chain": value, "X-SSL-Cert": value, "X-Forwarded-For": "127.0.0.1"}
    for certificate in (None, "other authority"):
        answer = place.token("pki", certificate, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    fields = {"grant_type": "client_credentials", "client_id": place.clients["pki"], "scope": "read"}
    with httpx2.Client(transport=one_shot()) as http:
        answer = http.post(f"{place.provider.sandbox}/access_token", data=fields, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_what_a_client_writes_behind_the_body_is_nothing_either(place: Place) -> None:
    """Trailers pass HAProxy (RFC 9110 section 6.5), whatever it takes out of the head."""
    own = x509.load_pem_x509_certificate(place.pki.files["own"].read_bytes()).public_bytes(Encoding.DER)
    fields = f"grant_type=client_credentials&scope=read&client_id={place.clients['pki']}"
    head = (
        "POST /sandbox/access_token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    )
    kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    trailer = f"Client-Cert: :{base64.b64encode(own).decode()}:\r\n"
    request = f"{head}{kind}{len(fields):x}\r\n{fields}\r\n0\r\n{trailer}\r\n".encode()
    answer = spoken(("127.0.0.1", place.port), request, trust=place.pki.trust)
    assert (status(answer), '"invalid_client"' in answer) == (401, True)


def test_nobody_goes_past_the_proxy(place: Place) -> None:
    """Not even from the proxy's own machine without its header; from elsewhere not at all."""
    if place.behind is None:
        return
    own = x509.load_pem_x509_certificate(place.pki.files["own"].read_bytes()).public_bytes(Encoding.DER)
    headers = {"Client-Cert": f":{base64.b64encode(own).decode()}:"}
    fields = {"grant_type": "client_credentials", "client_id": place.clients["pki"], "scope": "read"}
    elsewhere = httpx2.HTTPTransport(local_address="127.0.0.9")
    with httpx2.Client(transport=elsewhere) as http:
        answer = http.post(f"http://127.0.0.1:{place.behind}/sandbox/access_token", data=fields, headers=headers)
    assert answer.status_code == 403


def test_rfc8705_5_discovery_names_these_addresses(place: Place) -> None:
    with httpx2.Client(transport=one_shot()) as http:
        told = http.get(f"{place.provider.sandbox}/.well-known/openid-configuration").json()
    aliases = told["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == f"{place.address}/access_token"
    with place.http("own") as http:
        for name, address in aliases.items():
            assert http.post(address, data={}).status_code in {400, 401}, name
        for path in ("authorize", ".well-known/openid-configuration", "connect/endSession", "login/x"):
            assert http.get(f"{place.address}/{path}").status_code == 404


def test_rfc8705_3_a_token_that_was_taken_is_worthless(place: Place) -> None:
    told = place.token("pki", "own").json()
    token = told["access_token"]
    with place.http("own") as http:
        fields = {"client_id": place.clients["pki"], "token": token}
        seen = http.post(f"{place.address}/introspect", data=fields).json()
    own = x509.load_pem_x509_certificate(place.pki.files["own"].read_bytes()).public_bytes(Encoding.DER)
    assert seen["cnf"] == {"x5t#S256": thumbprint(own)}
    bearer = {"authorization": f"Bearer {token}"}
    for certificate in (None, "other", "self-signed"):
        with place.http(certificate) as http:
            answer = http.get(f"{place.address}/userinfo", headers=bearer)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    with httpx2.Client(transport=one_shot()) as http:
        assert http.get(f"{place.provider.sandbox}/userinfo", headers=bearer).status_code == 401
