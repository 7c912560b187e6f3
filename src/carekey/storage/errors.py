"""What can go wrong with the store itself. Each message is one sentence for an operator, with what to do."""

from carekey.kernel.unit_of_work import StoreUnavailable


class StorageError(StoreUnavailable):
    """The database cannot be opened, is of another version, is not reachable, or refuses what it was given."""


class OutcomeUnknown(StorageError):
    """The connection was lost while a commit was on its way: the work was done completely or not at all.

    It is not run again, since doing a log-in step twice is worse than asking the person to start again.
    """
