"""What every store must do, one contract for each port. A store that cannot pass one is not supported.

A test of a contract gets `store`, new and empty, and `other`, a second opening of the same database, as another
process would have it (`backends.py`).
"""
