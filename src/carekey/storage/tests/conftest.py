from carekey.storage.conformance.backends import other, postgresql, reopen, sqlite_template, store

__all__ = ["other", "postgresql", "reopen", "sqlite_template", "store"]
