"""What the directory's identifiers look like.

Each function takes text as it came from a file or a form and returns the value it stands for.
All raise Malformed, which says the rule and never repeats the value.
"""

import re
import unicodedata

from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId

_PERSON_ID = re.compile(r"[0-9]{12}")
_ODS = re.compile(r"[A-Z0-9]{3,32}")
_ROLE = re.compile(r"S[0-9]{4}:G[0-9]{4}:R[0-9]{4}")
_ACTIVITY = re.compile(r"B[0-9]{4}")
_AREA_OF_WORK = re.compile(r"P[0-9]{4}:Q[0-9]{4}:T[0-9]{4}")
_WORKGROUP = re.compile(r"[0-9]{1,12}")
_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\\\]]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_SEVEN_DIGITS = re.compile(r"[0-9]{7}")
_NMC = re.compile(r"[0-9]{2}[A-Z][0-9]{4}[A-Z]")
_REGISTER_NUMBER = re.compile(r"[A-Z0-9]{1,20}")


class Malformed(ValueError):
    """`str()` of it is the rule that was broken, to follow the name of the field: `must be 12 digits`."""


def _matched(pattern: re.Pattern[str], value: str, rule: str) -> str:
    if not pattern.fullmatch(value):
        raise Malformed(rule)
    return value


def words(value: str, *, limit: int = 200) -> str:
    """A name or another short text, trimmed, in Unicode's composed form."""
    text = unicodedata.normalize("NFC", value).strip()
    if not text:
        raise Malformed("must not be empty")
    if len(text) > limit:
        raise Malformed(f"must be {limit} characters or fewer")
    # Control characters, lone surrogates and unassigned code points: no database or page wants them.
    if any(unicodedata.category(character) in {"Cc", "Cs", "Cn"} for character in text):
        raise Malformed("must not contain control characters")
    return text


def person_id(value: str) -> PersonId:
    """cis2-profile section 3.3. No prefix is assumed and no check digit is known."""
    return PersonId(_matched(_PERSON_ID, value.strip(), "must be 12 digits"))


def membership_id(value: str) -> MembershipId:
    return MembershipId(_matched(_PERSON_ID, value.strip(), "must be 12 digits"))


def role_profile_id(value: str) -> RoleProfileId:
    return RoleProfileId(_matched(_PERSON_ID, value.strip(), "must be 12 digits"))


def organisation_code(value: str) -> OrganisationCode:
    """An ODS code; lower case is taken for upper."""
    rule = "must be an ODS code: 3 or more letters and digits"
    return OrganisationCode(_matched(_ODS, value.strip().upper(), rule))


def role_code(value: str) -> str:
    """Staff group, sub group and job role. Whether the three belong together is not judged: test data contains
    triples that do not exist (cis2-profile section 7.9)."""
    return _matched(_ROLE, value.strip().upper(), "must be a role code such as S8000:G8000:R8001")


def activity_code(value: str) -> str:
    return _matched(_ACTIVITY, value.strip().upper(), "must be an activity code such as B0420")


def area_of_work_code(value: str) -> str:
    return _matched(_AREA_OF_WORK, value.strip().upper(), "must be an area of work such as P0020:Q0300:T0640")


def workgroup_code(value: str) -> str:
    return _matched(_WORKGROUP, value.strip(), "must be up to 12 digits")


def three_part_name(value: str) -> str:
    """The name of a role or area of work, with or without its quotes, as the claim carries it: three names in
    double quotes joined by colons (cis2-profile section 3.3). Relying parties split it on the colons."""
    parts = [part.strip().strip('"').strip() for part in words(value, limit=400).split(":")]
    if len(parts) != 3 or not all(parts) or any('"' in part for part in parts):
        raise Malformed("must be three names separated by colons")
    return ":".join(f'"{part}"' for part in parts)


def email(value: str) -> str:
    """The shape of an address, not whether it exists."""
    rule = "must be an e-mail address such as name@example.org"
    text = value.strip()
    if len(text) > 254:
        raise Malformed(rule)
    return _matched(_EMAIL, text, rule)


def seven_digits(value: str) -> str:
    """Numbers of the General Medical Council and the General Pharmaceutical Council."""
    return _matched(_SEVEN_DIGITS, value.strip(), "must be 7 digits")


def nmc_id(value: str) -> str:
    """A PIN of the Nursing and Midwifery Council."""
    return _matched(_NMC, value.strip().upper(), "must be an NMC PIN such as 12A3456B")


def register_number(value: str) -> str:
    """A number of a register whose format is not published."""
    return _matched(_REGISTER_NUMBER, value.strip().upper(), "must be up to 20 letters and digits")
