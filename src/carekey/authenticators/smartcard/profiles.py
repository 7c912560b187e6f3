"""What a PKI's cards look like, as data: the national card's (cis2-profile section 6.2) and our own authority's."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

NATIONAL_POLICY = "1.2.826.0.1275.101.0.3.1.1"


class Method(StrEnum):
    CRL = "crl"
    OCSP = "ocsp"


@dataclass(frozen=True, slots=True, kw_only=True)
class PkiProfile:
    """One PKI whose cards are accepted, and what its certificates must be."""

    name: str
    anchors: tuple[bytes, ...]
    """Trusted root certificates, DER."""
    intermediates: tuple[bytes, ...] = ()
    """Further certificates to build paths from, DER; trusted only as far as they lead to an anchor."""
    subject: tuple[tuple[str, str], ...] = ()
    """Further attributes that the subject must have, by dotted OID. The common name is always the user number."""
    policies: frozenset[str] = frozenset()
    """One of these certificate policies must be in the card's certificate; none asked for if empty."""
    extended_key_usage: bool = True
    """Whether the certificate must say clientAuth. Where it need not, one that names other uses only is refused."""
    content_commitment: bool = False
    """Whether a certificate that also commits to content may log in. Separate keys are the rule."""
    max_depth: int = 3
    """How many authorities may stand between card and anchor."""
    methods: tuple[Method, ...] = (Method.OCSP, Method.CRL)
    """Ways to ask about revocation, the preferred one first. What one cannot tell the next is asked for."""
    nonce: bool = True
    """Whether an OCSP answer must bear our nonce (RFC 9654). Pre-produced answers have none."""
    locations: tuple[tuple[str, str], ...] = ()
    """Where distribution points that are directory names are fetched: (name as RFC 4514, URL)."""
    responders: tuple[str, ...] = ()
    """OCSP responders for certificates that name none."""
    grace: timedelta = field(default=timedelta(0))
    """How long after its end the last known revocation list still counts, if no newer one can be had."""
    registered: bool = False
    """Whether the card must be in our directory. Otherwise its certificate suffices, and the card host adds it at first
    use."""


def national_card(
    *,
    anchors: tuple[bytes, ...],
    intermediates: tuple[bytes, ...] = (),
    locations: tuple[tuple[str, str], ...] = (),
    grace: timedelta = timedelta(0),
    policies: frozenset[str] = frozenset({NATIONAL_POLICY}),
) -> PkiProfile:
    """The card of the national PKI: no alternative name, no extended key usage, CRLs in a directory."""
    return PkiProfile(
        name="national",
        anchors=anchors,
        intermediates=intermediates,
        subject=(("2.5.4.10", "nhs"), ("2.5.4.11", "people")),
        policies=policies,
        extended_key_usage=False,
        methods=(Method.CRL,),
        locations=locations,
        grace=grace,
    )


def own_card(
    *, anchors: tuple[bytes, ...], intermediates: tuple[bytes, ...] = (), grace: timedelta = timedelta(0)
) -> PkiProfile:
    """A card that our own authority made (`authority/`): always in our directory."""
    return PkiProfile(
        name="own", anchors=anchors, intermediates=intermediates, methods=(Method.CRL,), grace=grace, registered=True
    )
