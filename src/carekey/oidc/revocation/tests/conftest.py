from carekey.storage.conformance.backends import postgresql, reopen, sqlite_template, store

__all__ = ["postgresql", "reopen", "sqlite_template", "store"]
