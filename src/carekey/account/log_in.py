"""Logging in to one's own account: a log-in like any other, whose application is CareKey itself."""

from typing import TypeVar

from carekey.kernel.assurance import AAL
from carekey.kernel.ids import ClientId
from carekey.login.model import Asked

TxT_contra = TypeVar("TxT_contra", contravariant=True)

ACCOUNT = ClientId("CareKey – account")
"""No client can have this id: theirs are ASCII."""
FRESH = 300
"""Seconds for which a log-in is good for changing one's ways to log in."""
_ACR = {AAL.AAL3: ("AAL3_ANY",), AAL.AAL2: ("AAL2_OR_AAL3_ANY",)}


def asked(level: AAL, *, fresh: bool) -> Asked:
    return Asked(
        client=ACCOUNT, application="your account", acr=_ACR[max(level, AAL.AAL2)], max_age=FRESH if fresh else None
    )
