"""Where everything is kept. Nothing imports this but `app` and tests."""

from carekey.storage.errors import OutcomeUnknown, StorageError
from carekey.storage.open import open_store
from carekey.storage.store import Store, Tx

__all__ = ["OutcomeUnknown", "StorageError", "Store", "Tx", "open_store"]
