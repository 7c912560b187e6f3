"""Name constraints that the library leaves open (RFC 5280 section 4.2.1.10). A path with them is refused.

The library compares alternative names with constraints on hosts, addresses and mailboxes. Constraints on other forms it
refuses where they are critical, as they have to be, and passes over where they are not.
"""

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.x509.oid import NameOID

from carekey.authenticators.smartcard.policies import extension

COMPARED = {x509.DNSName, x509.IPAddress, x509.RFC822Name}


def left_open(path: Sequence[x509.Certificate]) -> bool:
    """`path`: from the card's certificate to the anchor."""
    forms = {type(one) for authority in path[1:] for one in _subtrees(authority)}
    if not forms <= COMPARED:
        return True
    # A mailbox in a subject is bound too, and the library looks for none there.
    return x509.RFC822Name in forms and any(
        one.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS) for one in path[:-1]
    )


def _subtrees(authority: x509.Certificate) -> Iterable[x509.GeneralName]:
    found = extension(authority, x509.NameConstraints)
    return (*(found.permitted_subtrees or ()), *(found.excluded_subtrees or ())) if found else ()
