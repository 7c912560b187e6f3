"""NIST's path validation suite: what it calls invalid we refuse, what it calls valid we accept or say why not.

Two other validators are asked the same, so that a fault of the suite's reading would show. Where we are stricter than
RFC 5280 asks, `docs/divergences.md` says so.
"""

import warnings
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from carekey.authenticators.smartcard import crl, path
from carekey.authenticators.smartcard.crl import EvidenceError
from carekey.authenticators.smartcard.evidence import CrlWanted, Evidence, RevocationList
from carekey.authenticators.smartcard.path import CardIdentity, judge
from carekey.authenticators.smartcard.profiles import Method, PkiProfile
from carekey.authenticators.smartcard.revocation import Good, check, sources_of
from carekey.authenticators.smartcard.tests import peers, pkits
from carekey.authenticators.smartcard.tests.pki import NOW, USER

CASES = pkits.cases()


def numbered(what: str, *numbers: int) -> set[str]:
    return {f"{what}Test{number}" for number in numbers}


STRICTER = {
    "DSA": numbered("ValidDSASignatures", 4) | numbered("ValidDSAParameterInheritance", 5),
    "a name that is not byte for byte the issuer's": (
        numbered("ValidNameChainingWhitespace", 3, 4)
        | numbered("ValidNameChainingCapitalization", 5)
        | numbered("ValidUTF8StringCaseInsensitiveMatch", 11)
        | numbered("ValidRolloverfromPrintableStringtoUTF8String", 10)
    ),
    "a GeneralizedTime where UTCTime is due": numbered("ValidGeneralizedTimenotBeforeDate", 4),
    "an authority's certificate as a card": (
        numbered("ValidpathLenConstraint", 8, 14)
        | numbered("ValidonlyContainsCACerts", 13)
        | numbered("OverlappingPolicies", 6)
    ),
    "self-issued certificates between, where a length of path is set": (
        numbered("ValidSelfIssuedpathLenConstraint", 15, 17)
    ),
    "policy mapping": (
        numbered("ValidPolicyMapping", 1, 3, 5, 6, 9, 11, 12, 13, 14)
        | numbered("ValidinhibitPolicyMapping", 2, 4)
        | numbered("ValidSelfIssuedinhibitPolicyMapping", 7)
    ),
    "name constraints on directory names and URIs": (
        numbered("ValidDNnameConstraints", 1, 4, 5, 6, 11, 14, 18, 19)
        | numbered("ValidDNandRFC822nameConstraints", 27)
        | numbered("ValidURInameConstraints", 34, 36)
    ),
    "a list signed with another key than the certificate": (
        numbered("ValidBasicSelfIssuedOldWithNew", 1)
        | numbered("ValidBasicSelfIssuedNewWithOld", 4)
        | numbered("ValidBasicSelfIssuedCRLSigningKey", 6)
        | numbered("ValidSeparateCertificateandCRLKeys", 19)
        | numbered("ValidSelfIssuedrequireExplicitPolicy", 6)
        | numbered("ValidSelfIssuedinhibitAnyPolicy", 7, 9)
    ),
    "an indirect list, or one for some reasons only": (
        numbered("ValidIDPwithindirectCRL", 22, 24, 25)
        | numbered("ValidcRLIssuer", 28, 29, 30, 33)
        | numbered("ValidonlySomeReasons", 18, 19)
    ),
    "a distribution point by a name relative to its issuer": numbered("ValiddistributionPoint", 4, 5, 7),
    "a whole list that names it, where a delta list takes that back": numbered("ValiddeltaCRL", 5),
}
LAXER = {
    # RFC 5280 section 5.2.4 leaves delta lists to the relying party: what only they say we learn with the next whole list.
    "a whole list does not name it yet, a delta list does": numbered("InvaliddeltaCRL", 4),
}
REFUSED_TOO, ACCEPTED_TOO = set().union(*STRICTER.values()), set().union(*LAXER.values())


def ours(case: pkits.Case) -> bool:
    profile = PkiProfile(
        name="pkits",
        anchors=(pkits.anchor(),),
        intermediates=tuple(case.between),
        extended_key_usage=False,
        content_commitment=True,
        max_depth=8,
        methods=(Method.CRL,),
    )
    found = judge([case.leaf], profile=profile, now=NOW)
    if not isinstance(found, CardIdentity):
        return False
    sources = [one for below, above in pairwise(found.path) for one in sources_of(below, above, profile)]
    lists: dict[str, RevocationList] = {}
    for wanted in sources:
        assert isinstance(wanted, CrlWanted)
        for der in case.crls:
            try:
                listed = crl.read(der, wanted, now=NOW)
            except EvidenceError:
                continue
            if wanted.key not in lists or lists[wanted.key].this_update < listed.this_update:
                lists[wanted.key] = listed
    evidence = Evidence(lists=lists, tried=frozenset(one.key for one in sources))
    return isinstance(check(found, evidence=evidence, now=NOW), Good)


@pytest.fixture(autouse=True)
def any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite's people have no user numbers; everything else is judged as for a card."""
    monkeypatch.setattr(path, "_person", lambda *_: USER)


def test_the_whole_suite_is_here() -> None:
    assert len(CASES) == 223
    assert sum(case.valid for case in CASES.values()) == 102
    assert CASES.keys() >= REFUSED_TOO | ACCEPTED_TOO


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.valid])
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # a negative serial number
def test_pkits_what_is_invalid_is_refused(name: str) -> None:
    assert ours(CASES[name]) is (name in ACCEPTED_TOO)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.valid])
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_pkits_what_is_valid_is_accepted_or_said_to_be_refused(name: str) -> None:
    assert ours(CASES[name]) is (name not in REFUSED_TOO)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_pkits_two_other_validators_read_the_suite_alike(name: str) -> None:
    case = CASES[name]
    asked = peers.Question(
        leaf=case.leaf, anchors=[pkits.anchor()], others=case.between, crls=case.crls, at=NOW, for_clients=False
    )
    # OpenSSL at our level of security has no DSA any more, and no indirect list without a distribution point.
    assert peers.openssl(asked) is (case.valid and name not in {*STRICTER["DSA"], "ValidcRLIssuerTest30"})
    assert peers.certvalidator(asked) is (case.valid and name not in STRICTER["DSA"])


def test_there_is_no_case_that_the_library_cannot_read_but_one() -> None:
    """Whose key has its parameters from the authority's."""
    unread = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for name, case in CASES.items():
            try:
                x509.load_der_x509_certificate(case.leaf)
            except ValueError:
                unread.append(name)
    assert unread == ["ValidDSAParameterInheritanceTest5"]
