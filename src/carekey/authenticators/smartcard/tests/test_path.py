"""Whose card it is: every vector also through OpenSSL and pyHanko's certvalidator, which must agree where they know the rule."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from carekey.authenticators.smartcard.path import CardIdentity, Reason, Refused, issuer_id, judge
from carekey.authenticators.smartcard.tests import peers, pki
from carekey.authenticators.smartcard.tests.pki import CRL57, DAY, NATIONAL, NOW, OWN, ROOT, SUB, USER, YEAR, card, der

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
FOREIGN = pki.sub(pki.root(20, common="Elsewhere"), 21, common="Elsewhere Sub")
IMPOSTOR = pki.sub(pki.root(22), 23)
"""Names like ours, with other keys."""


def with_extension(oid: str):
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00")
    return lambda builder: builder.add_extension(unknown, critical=True)


def asking_for_a_policy(*, critical: bool):
    """RFC 5280 has it critical, its forerunner either way."""
    asked = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
    return lambda builder: builder.add_extension(asked, critical=critical)


def under(*, extended=None, subject=None, above=ROOT, **fields: Any):
    """A card under an authority that is faulty in some way, which the reader sent along."""
    authority = pki.sub(above, 30, common="SubCA03", **fields)
    between = [] if above is ROOT else [above.certificate]
    return [card(authority, extended=extended, subject=subject), authority.certificate, *between]


def used_for(*uses: x509.ObjectIdentifier):
    return lambda builder: builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)


def constrained(*names: x509.GeneralName, critical: bool = True, within: bool = False):
    """Names that an authority may not give out; `within`: may only."""
    held = x509.NameConstraints(names if within else None, None if within else names)
    return lambda builder: builder.add_extension(held, critical=critical)


def every_national_field(builder):
    """What a national card has beside (cis2-profile section 6.2): Entrust's version, and when its key may sign."""
    begin, end = ((NOW + days).replace(tzinfo=None) for days in (-DAY, YEAR))
    version = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.2.840.113533.7.65.0"), bytes.fromhex("300a1b0456382e31030203a8")
    )
    builder = builder.add_extension(version, critical=False)
    return builder.add_extension(x509.PrivateKeyUsagePeriod(begin, end), critical=False)


def twice(certificate: x509.Certificate) -> x509.Certificate:
    """With its key usage in it twice."""

    def repeat(signed: asn1.TbsCertificate) -> None:
        usage = next(one for one in signed["extensions"] if one["extn_id"].native == "key_usage")
        signed["extensions"].append(usage.copy())

    return resigned(certificate, repeat, ec.ECDSA(hashes.SHA256()))


def by_sha1(certificate: x509.Certificate) -> x509.Certificate:
    """Which the library does not make."""

    def name(signed: asn1.TbsCertificate) -> None:
        signed["signature"] = {"algorithm": "sha1_ecdsa"}

    return resigned(certificate, name, ec.ECDSA(hashes.SHA1()))


def resigned(certificate: x509.Certificate, change, algorithm: ec.ECDSA) -> x509.Certificate:
    made = asn1.Certificate.load(der(certificate))
    change(made["tbs_certificate"])
    made["signature_algorithm"] = made["tbs_certificate"]["signature"]
    made["signature_value"] = pki.key(1).sign(made["tbs_certificate"].dump(force=True), algorithm)
    return x509.load_der_x509_certificate(made.dump(force=True))


ALONE = replace(NATIONAL, intermediates=())
"""Knows the root alone: the reader sends the rest."""
RSA = pki.sub(ROOT, common="SubRSA", own=rsa.generate_private_key(65537, 2048))
WEAK = pki.sub(ROOT, common="SubWeak", own=rsa.generate_private_key(65537, 1024))
EDWARDS = pki.sub(ROOT, common="SubEd", own=ed25519.Ed25519PrivateKey.generate())
MIDDLE = pki.sub(ROOT, 33, common="SubMiddle", path_length=1)
LOW = pki.sub(MIDDLE, 34, common="SubLow")
CROSSED = pki.sub(pki.root(35, common="OtherRoot"), common="SubCA02")
"""Our authority, as a root that nobody here trusts has certified it."""
RENEWED = pki.sub(ROOT, common="SubCA02", starts=NOW - 2 * YEAR, ends=NOW - DAY)
"""The certificate that it had before, for the same key."""
REKEYED = pki.sub(ROOT, 36, common="SubCA02")
LOOP = pki.sub(pki.sub(CROSSED, 37, common="LoopA", path_length=None), 38, common="LoopB", path_length=None)
LOOPED = pki.sub(LOOP, 37, common="LoopA", path_length=None)
ORGANISATION = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nhs")]))
WITH_MAIL = x509.Name([*pki.name(USER, "people"), x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@other.test")])
MAIL = x509.RFC822Name("other.test")


def salted(length: int):
    """A card whose signature has a salt of so many bytes."""
    return card(RSA, padded=padding.PSS(padding.MGF1(hashes.SHA256()), length))


def with_key(public):
    return [card(SUB, public=public)]


NO_ANY = pki.sub(
    ROOT,
    32,
    common="SubCA04",
    path_length=1,
    policy=pki.NATIONAL_POLICY,
    change=lambda builder: builder.add_extension(x509.InhibitAnyPolicy(0), critical=True),
)


GOOD = {
    "national": ([card(SUB)], NATIONAL),
    "national, with its authority sent along": ([card(SUB), SUB.certificate], replace(NATIONAL, intermediates=())),
    "national, in its last seconds": ([card(SUB, ends=NOW + timedelta(seconds=2))], NATIONAL),
    "national, P-384": ([card(SUB, public=ec.derive_private_key(7, ec.SECP384R1()).public_key())], NATIONAL),
    "our own": ([card(SUB, extended=[CLIENT])], OWN),
    "under an authority for any policy": (under(policy="2.5.29.32.0"), NATIONAL),
    "under an authority that asks for a policy": (under(change=asking_for_a_policy(critical=True)), NATIONAL),
    "national, with all that it has": (
        [
            card(
                RSA,
                public=rsa.generate_private_key(65537, 2048).public_key(),
                points=pki.directory_point(CRL57),
                change=every_national_field,
            ),
            RSA.certificate,
        ],
        NATIONAL,
    ),
    "RSA-PSS": ([salted(32), RSA.certificate], NATIONAL),
    "authorities in any order": ([card(LOW), LOW.certificate, ROOT.certificate, MIDDLE.certificate], ALONE),
    "authorities in order, one of them twice": (
        [card(LOW), MIDDLE.certificate, LOW.certificate, LOW.certificate, FOREIGN.certificate],
        ALONE,
    ),
    "an authority that somebody else certified too": ([card(SUB), SUB.certificate, CROSSED.certificate], ALONE),
    "an authority that was renewed": ([card(SUB), RENEWED.certificate, SUB.certificate], ALONE),
    "an authority with a new key": ([card(REKEYED), SUB.certificate, REKEYED.certificate], ALONE),
    "an authority for clients and servers": (under(change=used_for(SERVER, CLIENT)), NATIONAL),
    "an authority bound to hosts": (under(change=constrained(x509.DNSName("other.test"))), NATIONAL),
}


@pytest.mark.parametrize("what", GOOD)
def test_rfc5280_6_1_a_good_path_names_the_person(what) -> None:
    chain, profile = GOOD[what]
    found = judge([der(one) for one in chain], profile=profile, now=NOW)
    assert isinstance(found, CardIdentity), found
    assert found.person == USER
    assert found.path[-1] == ROOT.certificate
    assert found.issuer == issuer_id(found.path[1])
    assert found.serial == chain[0].serial_number
    asked = peers.about([der(one) for one in chain], profile, NOW)
    assert peers.openssl(asked)
    assert peers.certvalidator(asked)


# What the others say: False that they refuse too, True that the rule is ours beyond RFC 5280; OpenSSL first where they differ.
BAD = {
    "expired": ([card(SUB, starts=NOW - YEAR, ends=NOW - DAY)], NATIONAL, Reason.EXPIRED, False),
    "not yet valid": ([card(SUB, starts=NOW + DAY)], NATIONAL, Reason.NOT_YET_VALID, False),
    "authority unknown": ([card(FOREIGN), FOREIGN.certificate], NATIONAL, Reason.UNKNOWN_ISSUER, False),
    "expired, authority unknown": (
        [card(FOREIGN, starts=NOW - YEAR, ends=NOW - DAY)],
        NATIONAL,
        Reason.UNKNOWN_ISSUER,
        False,
    ),
    "authority of our name with another key": (
        [card(IMPOSTOR), IMPOSTOR.certificate],
        NATIONAL,
        Reason.UNTRUSTED,
        False,
    ),
    "expired, of an impostor": (
        [card(IMPOSTOR, starts=NOW - YEAR, ends=NOW - DAY), IMPOSTOR.certificate],
        NATIONAL,
        Reason.UNTRUSTED,
        False,
    ),
    "signed by another key": ([card(SUB, signer=FOREIGN)], NATIONAL, Reason.UNTRUSTED, False),
    "the authority expired": (under(starts=NOW - YEAR, ends=NOW - DAY), NATIONAL, Reason.UNKNOWN_ISSUER, False),
    "the authority is none": (under(ca=False), NATIONAL, Reason.UNKNOWN_ISSUER, False),
    "the authority may not sign certificates": (under(may_sign=False), NATIONAL, Reason.UNKNOWN_ISSUER, False),
    "the authority is of another policy": (under(policy="1.2.3"), NATIONAL, Reason.WRONG_POLICY, False),
    "the authority has no policy": (under(policy=None), NATIONAL, Reason.WRONG_POLICY, False),
    "the authority asks for a policy, and there is none": (
        under(change=asking_for_a_policy(critical=False), policy=None, extended=[CLIENT]),
        OWN,
        Reason.WRONG_POLICY,
        False,
    ),
    "the authority is for any policy, but may not": (
        under(policy="2.5.29.32.0", above=NO_ANY),
        NATIONAL,
        Reason.WRONG_POLICY,
        False,
    ),
    "no policy": ([card(SUB, policy=None)], NATIONAL, Reason.WRONG_POLICY, False),
    "another policy": ([card(SUB, policy="1.2.3")], NATIONAL, Reason.WRONG_POLICY, False),
    "path length": (
        [card(deep := pki.sub(SUB, 31, common="SubSub")), deep.certificate],
        NATIONAL,
        Reason.UNKNOWN_ISSUER,
        False,
    ),
    "unknown critical extension": ([card(SUB, change=with_extension("1.2.3.4"))], NATIONAL, Reason.UNTRUSTED, False),
    "unknown critical extension above": (
        under(change=with_extension("1.2.3.4")),
        NATIONAL,
        Reason.UNKNOWN_ISSUER,
        False,
    ),
    "for servers": ([card(SUB, extended=[SERVER])], NATIONAL, Reason.WRONG_USE, False),
    "for any use": (
        [card(SUB, extended=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])],
        NATIONAL,
        Reason.WRONG_USE,
        False,
    ),
    "not said to be for clients": ([card(SUB)], OWN, Reason.WRONG_USE, True),
    "for key agreement": ([card(SUB, key_usage=pki.usage(key_encipherment=True))], NATIONAL, Reason.WRONG_USE, False),
    "for content commitment": (
        [card(SUB, key_usage=pki.usage(digital_signature=True, content_commitment=True))],
        NATIONAL,
        Reason.WRONG_USE,
        True,
    ),
    "an authority as a card": ([card(SUB, ca=True)], NATIONAL, Reason.UNTRUSTED, True),
    "no user number": ([card(SUB, user="Asha Patel")], NATIONAL, Reason.NO_PERSON, True),
    "eleven digits": ([card(SUB, user="55500000010")], NATIONAL, Reason.NO_PERSON, True),
    "digits of another script": ([card(SUB, user="٥٥٥٠٠٠٠٠٠١٠١")], NATIONAL, Reason.NO_PERSON, True),
    "user number and a line": ([card(SUB, user=USER + "\n")], NATIONAL, Reason.NO_PERSON, True),
    "another organisation": (
        [card(SUB, subject=pki.name(USER, "people", organisation="other"))],
        NATIONAL,
        Reason.NO_PERSON,
        True,
    ),
    "a device": ([card(SUB, subject=pki.name(USER, "devices"))], NATIONAL, Reason.NO_PERSON, True),
    "two common names": (
        [card(SUB, subject=x509.Name([*pki.name(USER, "people"), *pki.name("555000000102")]))],
        NATIONAL,
        Reason.NO_PERSON,
        True,
    ),
    "RSA, 1024 bits": (with_key(WEAK.key.public_key()), NATIONAL, Reason.UNTRUSTED, (False, True)),
    "under RSA of 1024 bits": ([card(WEAK), WEAK.certificate], NATIONAL, Reason.UNKNOWN_ISSUER, False),
    "P-521": (with_key(ec.derive_private_key(7, ec.SECP521R1()).public_key()), NATIONAL, Reason.UNTRUSTED, True),
    "secp256k1": (with_key(ec.derive_private_key(7, ec.SECP256K1()).public_key()), NATIONAL, Reason.UNTRUSTED, True),
    "Ed25519": (with_key(EDWARDS.key.public_key()), NATIONAL, Reason.UNTRUSTED, True),
    "under Ed25519": ([card(EDWARDS), EDWARDS.certificate], NATIONAL, Reason.UNKNOWN_ISSUER, True),
    "SHA-224": ([card(SUB, algorithm=hashes.SHA224())], NATIONAL, Reason.UNTRUSTED, True),
    "SHA-1": ([by_sha1(card(SUB))], NATIONAL, Reason.UNTRUSTED, False),
    "RSA-PSS with a salt of another length": (
        [salted(64), RSA.certificate],
        NATIONAL,
        Reason.UNKNOWN_ISSUER,
        True,
    ),
    "an extension twice": ([twice(card(SUB))], NATIONAL, Reason.MALFORMED, (False, True)),
    "certified by somebody else alone": ([card(SUB), CROSSED.certificate], ALONE, Reason.UNKNOWN_ISSUER, False),
    "in a circle": ([card(LOOP), LOOPED.certificate, LOOP.certificate], ALONE, Reason.UNKNOWN_ISSUER, False),
    "under a root that has expired": (
        [card(SUB)],
        replace(NATIONAL, anchors=(pki.root(starts=NOW - 2 * YEAR, ends=NOW - DAY).der,)),
        Reason.UNTRUSTED,
        (False, True),
    ),
    "under an authority for servers": (
        under(change=used_for(SERVER)),
        NATIONAL,
        Reason.UNKNOWN_ISSUER,
        (False, True),
    ),
    "under an authority for any use": (
        under(change=used_for(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)),
        NATIONAL,
        Reason.UNKNOWN_ISSUER,
        (False, True),
    ),
    "a name that its authority may not give": (
        under(change=constrained(ORGANISATION, critical=False)),
        NATIONAL,
        Reason.UNTRUSTED,
        False,
    ),
    "a name that its authority may give": (
        under(change=constrained(ORGANISATION, critical=False, within=True)),
        NATIONAL,
        Reason.UNTRUSTED,
        True,
    ),
    "the same, critical": (
        under(change=constrained(ORGANISATION, within=True)),
        NATIONAL,
        Reason.UNKNOWN_ISSUER,
        True,
    ),
    "a mailbox that its authority may not give": (
        under(change=constrained(MAIL), subject=WITH_MAIL),
        NATIONAL,
        Reason.UNTRUSTED,
        False,
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_rfc5280_6_1_a_faulty_path_is_refused(what) -> None:
    chain, profile, why, beyond_rfc5280 = BAD[what]
    found = judge([der(one) for one in chain], profile=profile, now=NOW)
    assert isinstance(found, Refused)
    if why:
        assert found.why == why, found
    said = beyond_rfc5280 if isinstance(beyond_rfc5280, tuple) else (beyond_rfc5280, beyond_rfc5280)
    asked = peers.about([der(one) for one in chain], profile, NOW)
    assert (peers.openssl(asked), peers.certvalidator(asked)) == said


def test_rfc4158_the_way_to_our_anchor_is_found_past_another() -> None:
    """OpenSSL takes the first authority of the name, and finds none."""
    chain = [der(card(SUB)), CROSSED.der, SUB.der]
    assert isinstance(judge(chain, profile=ALONE, now=NOW), CardIdentity)
    assert peers.certvalidator(peers.about(chain, ALONE, NOW))


def test_rfc5280_4_1_2_5_the_last_second_counts() -> None:
    assert isinstance(judge([der(card(SUB, ends=NOW))], profile=NATIONAL, now=NOW), CardIdentity)


def test_an_expired_card_says_when_and_whose() -> None:
    ends = NOW - DAY
    found = judge([der(card(SUB, starts=NOW - YEAR, ends=ends))], profile=NATIONAL, now=NOW)
    assert found == Refused(why=Reason.EXPIRED, when=ends, claimed_person=USER)


def test_an_unproven_certificate_claims_nobody() -> None:
    found = judge([der(card(IMPOSTOR)), IMPOSTOR.der], profile=NATIONAL, now=NOW)
    assert isinstance(found, Refused)
    assert found.claimed_person == ""


def test_an_anchor_is_no_card() -> None:
    found = judge([ROOT.der], profile=NATIONAL, now=NOW)
    assert isinstance(found, Refused)


def test_nothing_is_no_card() -> None:
    assert judge([], profile=NATIONAL, now=NOW) == Refused(why=Reason.NO_CARD)


@pytest.mark.parametrize(
    "chain",
    [[der(card(SUB))] * 9, [b"\x30" + b"\x00" * 20_000], [b""], [b"\x30\x00"], [der(card(SUB)), b"junk"]],
    ids=["nine certificates", "too large", "empty", "empty sequence", "junk beside"],
)
def test_what_cannot_be_read_is_refused(chain) -> None:
    found = judge(chain, profile=NATIONAL, now=NOW)
    assert isinstance(found, Refused)
    assert found.why == Reason.MALFORMED


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # a negative serial number
@given(st.integers(0, 700), st.binary(min_size=1, max_size=3))
def test_a_certificate_with_other_bytes_in_it_is_refused(where: int, what: bytes) -> None:
    whole = CARD
    spoilt = whole[:where] + what + whole[where + len(what) :]
    found = judge([spoilt], profile=NATIONAL, now=NOW)
    assert isinstance(found, Refused) or spoilt[: len(whole)] == whole


CARD = der(card(SUB))
