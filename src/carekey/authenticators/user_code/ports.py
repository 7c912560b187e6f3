"""What user codes need of a store."""

from typing import Protocol

from carekey.authenticators.user_code.model import UserCode
from carekey.directory.ports import People
from carekey.kernel.event import Recorder
from carekey.kernel.ids import PersonId


class UserCodes(Protocol):
    """One for each person, at most."""

    def put(self, code: UserCode) -> None:
        """A newer one takes the place of the older."""
        ...

    def find(self, person: PersonId) -> UserCode | None: ...

    def remove(self, person: PersonId) -> bool:
        """True for the caller that removed it: of simultaneous callers exactly one."""
        ...


class UserCodeTx(Protocol):
    @property
    def user_codes(self) -> UserCodes: ...


class Tx(UserCodeTx, Protocol):
    @property
    def people(self) -> People: ...
    @property
    def audit(self) -> Recorder: ...
