"""Settings of workstations whose companion tells of cards."""

from typing import Literal

from carekey.app.settings.section import Section


class Workstations(Section, frozen=True):
    when_card_leaves: Literal["end", "lock", "nothing"] = "end"
    """What becomes of sessions that began with a smartcard when it leaves the reader of a workstation that is enrolled:
    `end` them and tell their applications; `lock` them until their person has logged in again, who then goes on in the
    same role; or `nothing`."""
