"""Clients that authenticate by a certificate (RFC 8705 section 2)."""

import base64
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from carekey.jose.certificates import thumbprint
from carekey.oidc.client_auth.tls_client_auth import ClientAuthorities
from carekey.oidc.errors import Reason
from carekey.oidc.model import SubjectName
from carekey.oidc.mtls.certificate import has_name
from carekey.oidc.mtls.tests import pki
from carekey.oidc.mtls.tests.world import (
    BETWEEN,
    OWN,
    PKI,
    PUBLIC,
    ROOT,
    SELF,
    SELF_SIGNED,
    STRANGER,
    credentials,
    send,
    world_with,
)
from carekey.oidc.tests.world import JWKS_URI, NOW, WARD

DAY = pki.DAY


@pytest.mark.parametrize(
    ("kind", "name", "matches"),
    [
        (SubjectName.DN, pki.SUBJECT, True),
        (SubjectName.DN, "cn=WARD,ou=systems,o=example trust,c=gb", True),
        (SubjectName.DN, "CN=ward,OU=Systems,O=Example Trust,C=FR", False),
        (SubjectName.DN, "C=GB,O=Example Trust,OU=Systems,CN=ward", False),
        (SubjectName.DN, "CN=ward,O=Example Trust,C=GB", False),
        (SubjectName.DN, "CN=ward", False),
        (SubjectName.DNS, "WARD.example.test", True),
        (SubjectName.DNS, "example.test", False),
        (SubjectName.DNS, "*.example.test", False),
        (SubjectName.URI, "urn:example:ward", True),
        (SubjectName.URI, "urn:example:WARD", False),
        (SubjectName.IP, "192.0.2.9", True),
        (SubjectName.IP, "192.0.2.10", False),
        (SubjectName.EMAIL, "Ward@EXAMPLE.test", True),
        (SubjectName.EMAIL, "ward@example.test", False),
    ],
)
def test_rfc8705_2_1_2_names_are_compared_by_their_own_rules(kind: SubjectName, name: str, matches: bool) -> None:
    assert has_name(OWN.certificate, kind, name) is matches


def test_rfc8705_2_1_2_a_wildcard_in_the_certificate_is_no_name() -> None:
    wild = pki.client(ROOT, NOW, names=[x509.DNSName("*.example.test")])
    assert not has_name(wild.certificate, SubjectName.DNS, "ward.example.test")


def test_rfc8705_2_1_2_a_name_of_another_kind_is_another_name() -> None:
    odd = pki.client(ROOT, NOW, subject="CN=ward.example.test", names=[x509.UniformResourceIdentifier("urn:x")])
    assert not has_name(odd.certificate, SubjectName.DNS, "ward.example.test")


@pytest.mark.parametrize(
    "chain",
    [
        (OWN.der,),
        (pki.client(BETWEEN, NOW, signer=2).der, BETWEEN.der),
        (pki.client(ROOT, NOW, uses=()).der,),
        (pki.client(ROOT, NOW, uses=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)).der,),
        (OWN.der, STRANGER.der),
    ],
    ids=["of the anchor", "with its authority", "for any use", "a server's too", "with one too many"],
)
async def test_rfc8705_2_1_a_certificate_of_the_pki(chain: Sequence[bytes]) -> None:
    world = await world_with()
    answer = await send(world, "/access_token", credentials(PKI), certificates=chain)
    assert answer.status_code == 200, answer.text


async def test_rfc8705_2_1_an_authority_between_may_be_configured() -> None:
    leaf = pki.client(BETWEEN, NOW, signer=2).certificate
    ClientAuthorities([ROOT.certificate], [BETWEEN.certificate]).check([leaf], now=NOW)
    ClientAuthorities([BETWEEN.certificate]).check([leaf], now=NOW)


async def test_rfc8705_2_1_1_the_name_may_be_in_the_subject_alone() -> None:
    client = replace(PKI, certificate_name={SubjectName.DN: pki.SUBJECT})
    world = await world_with(client)
    bare = pki.client(ROOT, NOW, names=None)
    answer = await send(world, "/access_token", credentials(client), certificates=[bare.der])
    assert answer.status_code == 200, answer.text


REFUSED = {
    "no certificate": ([], Reason.CERTIFICATE_MISSING),
    "no certificate at all": ([b"\x30\x03\x02\x01\x01"], Reason.CERTIFICATE_MALFORMED),
    "expired": ([pki.client(ROOT, NOW, starts=-9 * DAY, ends=-DAY).der], Reason.CERTIFICATE_NOT_VALID_NOW),
    "not yet valid": ([pki.client(ROOT, NOW, starts=DAY).der], Reason.CERTIFICATE_NOT_VALID_NOW),
    "of another authority": ([pki.client(STRANGER, NOW, signer=7).der], Reason.CERTIFICATE_UNTRUSTED),
    "with its own authority": ([pki.client(STRANGER, NOW, signer=7).der, STRANGER.der], Reason.CERTIFICATE_UNTRUSTED),
    "self-signed": ([SELF_SIGNED.der], Reason.CERTIFICATE_UNTRUSTED),
    "without the authority between": ([pki.client(BETWEEN, NOW, signer=2).der], Reason.CERTIFICATE_UNTRUSTED),
    "a server's": (
        [pki.client(ROOT, NOW, uses=(ExtendedKeyUsageOID.SERVER_AUTH,)).der],
        Reason.CERTIFICATE_UNTRUSTED,
    ),
    "not for signatures": ([pki.client(ROOT, NOW, signs=False).der], Reason.CERTIFICATE_UNTRUSTED),
    "an authority's": ([pki.client(ROOT, NOW, authority=True).der], Reason.CERTIFICATE_UNTRUSTED),
    "by another client": ([pki.client(OWN, NOW, signer=50, number=51).der, OWN.der], Reason.CERTIFICATE_UNTRUSTED),
    "another's": ([pki.client(ROOT, NOW, names=[x509.DNSName("other.example.test")]).der], Reason.CERTIFICATE_NAME),
    "nameless": ([pki.client(ROOT, NOW, names=None).der], Reason.CERTIFICATE_NAME),
}


@pytest.mark.parametrize(("chain", "reason"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("path", ["/access_token", "/introspect", "/token/revoke"])
async def test_rfc8705_2_1_refused_certificates(chain: list[bytes], reason: Reason, path: str) -> None:
    world = await world_with()
    answer = await send(world, path, credentials(PKI, token="x"), certificates=chain)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"] == "Client authentication failed"
    assert await world.reasons() == [reason]


async def test_rfc8705_2_2_a_registered_certificate_is_enough() -> None:
    world = await world_with()
    answer = await send(world, "/access_token", credentials(SELF), certificates=[SELF_SIGNED.der])
    assert answer.status_code == 200, answer.text


async def test_rfc8705_2_2_a_thumbprint_will_do() -> None:
    named = {name: value for name, value in SELF_SIGNED.jwk.items() if name != "x5c"}
    client = replace(SELF, jwks={"keys": [{**named, "x5t#S256": thumbprint(SELF_SIGNED.der)}]})
    world = await world_with(client)
    answer = await send(world, "/access_token", credentials(client), certificates=[SELF_SIGNED.der])
    assert answer.status_code == 200, answer.text


SELF_REFUSED = {
    "none": ([], Reason.CERTIFICATE_MISSING),
    "malformed": ([b"junk"], Reason.CERTIFICATE_MALFORMED),
    # The same key and names: it is the certificate that is registered.
    "another of the same key": ([pki.client(None, NOW, number=60).der], Reason.CERTIFICATE_UNKNOWN),
    "of a trusted authority": ([OWN.der], Reason.CERTIFICATE_UNKNOWN),
    "sent behind another": ([OWN.der, SELF_SIGNED.der], Reason.CERTIFICATE_UNKNOWN),
}


@pytest.mark.parametrize(("chain", "reason"), SELF_REFUSED.values(), ids=SELF_REFUSED.keys())
async def test_rfc8705_2_2_refused_certificates(chain: list[bytes], reason: Reason) -> None:
    world = await world_with()
    answer = await send(world, "/access_token", credentials(SELF), certificates=chain)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert await world.reasons() == [reason]


async def test_a_registered_certificate_that_ran_out_is_refused() -> None:
    """Divergence: section 2.2 leaves it open."""
    old = pki.client(None, NOW, number=61, starts=-9 * DAY, ends=-DAY)
    client = replace(SELF, jwks={"keys": [old.jwk]})
    world = await world_with(client)
    answer = await send(world, "/access_token", credentials(client), certificates=[old.der])
    assert (answer.status_code, await world.reasons()) == (401, [Reason.CERTIFICATE_NOT_VALID_NOW])


async def test_rfc8705_2_2_2_a_new_certificate_is_fetched_and_an_old_one_forgotten() -> None:
    client = replace(SELF, jwks=None, jwks_uri=JWKS_URI)
    world = await world_with(client)
    world.jwks_answers = [{"keys": [SELF_SIGNED.jwk]}]
    assert (await _ask(world, client, SELF_SIGNED)).status_code == 200
    newer = pki.client(None, NOW, number=62)
    world.jwks_answers = [{"keys": [newer.jwk]}]
    # Asked again at once: a client's server is not hammered.
    assert (await _ask(world, client, newer)).status_code == 401
    assert world.fetched == 1
    world.clock.pass_by(seconds=31)
    assert (await _ask(world, client, newer)).status_code == 200
    assert world.fetched == 2
    # What was taken out is refused, as soon as it is known that it was.
    assert (await _ask(world, client, SELF_SIGNED)).status_code == 401


async def test_rfc8705_2_2_2_without_the_clients_keys_nobody_comes_in() -> None:
    client = replace(SELF, jwks=None, jwks_uri=JWKS_URI)
    world = await world_with(client)
    answer = await _ask(world, client, SELF_SIGNED)
    assert (answer.status_code, await world.reasons()) == (401, [Reason.KEYS_UNAVAILABLE])


async def _ask(world, client, pair):
    return await send(world, "/access_token", credentials(client), certificates=[pair.der])


async def test_a_certificate_stands_for_no_other_method() -> None:
    """A client of another method that forgets its secret is not let in for having a certificate, nor the other way."""
    world = await world_with()
    for id in ("post", WARD):
        answer = await send(world, "/access_token", {**credentials(PKI), "client_id": id}, certificates=[OWN.der])
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    answer = await send(world, "/access_token", credentials(PKI, client_secret="x"), certificates=[OWN.der])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert set(await world.reasons()) == {Reason.METHOD_NOT_REGISTERED}


async def test_rfc8705_2_the_client_id_is_needed() -> None:
    world = await world_with()
    fields = credentials(PKI)
    del fields["client_id"]
    answer = await send(world, "/access_token", fields, certificates=[OWN.der])
    assert (answer.status_code, await world.reasons()) == (401, [Reason.NO_CLIENT])


@pytest.mark.parametrize("client", [PKI, SELF, PUBLIC], ids=lambda one: one.id)
async def test_the_main_listener_never_believes_a_certificate(client) -> None:
    """Whatever a request says of one."""
    world = await world_with()
    own = SELF_SIGNED if client is SELF else OWN
    headers = _forged(own.der)
    answer = await world.token(credentials(client), headers=headers)
    assert answer.status_code in {400, 401}
    assert "access_token" not in answer.json()
    assert (await world.reasons())[-1] in {Reason.CERTIFICATE_MISSING, Reason.GRANT_TYPE_NOT_REGISTERED}


async def test_rfc9440_a_header_is_nothing_where_carekey_ends_tls() -> None:
    world = await world_with()
    answer = await send(world, "/access_token", credentials(PKI), headers=_forged(OWN.der))
    assert (answer.status_code, await world.reasons()) == (401, [Reason.CERTIFICATE_MISSING])
    stolen = await send(
        world, "/access_token", credentials(PKI), headers=_forged(OWN.der), certificates=[SELF_SIGNED.der]
    )
    assert (stolen.status_code, (await world.reasons())[-1]) == (401, Reason.CERTIFICATE_UNTRUSTED)


async def test_rfc9440_behind_a_proxy_the_proxy_is_believed_and_nobody_else() -> None:
    world = await world_with()
    headers = {"client-cert": _forged(OWN.der)["client-cert"]}
    told = await send(world, "/access_token", credentials(PKI), headers=headers, proxied=True, peer="192.0.2.1")
    assert told.status_code == 200, told.text
    past = await send(world, "/access_token", credentials(PKI), headers=headers, proxied=True)
    assert past.status_code == 403
    # The TLS between us and the proxy is not the client's.
    hop = await send(world, "/access_token", credentials(PKI), certificates=[OWN.der], proxied=True, peer="192.0.2.1")
    assert (hop.status_code, (await world.reasons())[-1]) == (401, Reason.CERTIFICATE_MISSING)


@pytest.mark.parametrize("value", ["", ":", "::", ":!:", "junk", ":anVuaw==:, :anVuaw==:", ":" + "A" * 70000 + ":"])
async def test_rfc9440_a_header_that_is_none_is_no_certificate(value: str) -> None:
    world = await world_with()
    answer = await send(
        world, "/access_token", credentials(PKI), headers={"client-cert": value}, proxied=True, peer="192.0.2.1"
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def _forged(der: bytes) -> dict[str, str]:
    value = f":{base64.b64encode(der).decode()}:"
    return {
        "client-cert": value,
        "client-cert-chain": value,
        "x-client-cert": value,
        "x-ssl-cert": value,
        "ssl-client-verify": "SUCCESS",
        "x-forwarded-client-cert": f"Cert={value}",
    }
