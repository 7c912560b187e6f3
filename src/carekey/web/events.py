"""What the audit record says of forms."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from carekey.kernel.event import AuditEvent


class Forged(StrEnum):
    """Why a form is not taken for one of ours."""

    NO_COOKIE = "no_cookie"
    OTHER_ORIGIN = "other_origin"
    MALFORMED = "malformed"
    WRONG_TOKEN = "wrong_token"  # noqa: S105 (a reason's name)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRefused(AuditEvent):
    """A form was sent that none of our pages showed to that browser: perhaps another site's forgery."""

    tag: ClassVar[str] = "web:form:refused"
    refusal: ClassVar[bool] = True

    form: str
    """The first part of its address: what follows may be a secret."""
    reason: str
