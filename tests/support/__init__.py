"""What tests and the bench share. `tests` is on the path (pyproject.toml, pytest's pythonpath)."""
