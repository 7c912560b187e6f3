"""Identifiers. Each is opaque outside the slice that makes it."""

from typing import NewType

PersonId = NewType("PersonId", str)
"""The national user number (UUID) of a person: 12 digits, for life (cis2-profile section 3.3)."""

OrganisationCode = NewType("OrganisationCode", str)
"""An ODS code, upper case."""

MembershipId = NewType("MembershipId", str)
"""`person_orgid`: a person in an organisation, 12 digits."""

RoleProfileId = NewType("RoleProfileId", str)
"""`person_roleid`: a person in a role at an organisation, 12 digits."""

IssuerName = NewType("IssuerName", str)
"""The short name by which the settings know an issuer, such as `healthcare`."""

ClientId = NewType("ClientId", str)
LoginId = NewType("LoginId", str)
SessionId = NewType("SessionId", str)
"""The `sid` of tokens: public, unlike the secret in the session cookie."""

CredentialId = NewType("CredentialId", str)
KeyId = NewType("KeyId", str)
ConfirmationId = NewType("ConfirmationId", str)
"""Of a text that a person is asked to confirm, and of the evidence that they did."""
