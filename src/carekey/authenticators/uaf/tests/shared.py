"""Where the reference and its vectors lie: beside the repository, or where CAREKEY_SHARED says."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[5]


def _read(name: str) -> str:
    file = Path(os.environ.get("CAREKEY_SHARED", _ROOT / ".." / "shared")) / name
    if not file.is_file():
        pytest.fail(f"{name} is missing from the shared folder: set CAREKEY_SHARED", pytrace=False)
    return file.read_text()


def vectors() -> dict[str, Any]:
    return {vector["id"]: vector for vector in json.loads(_read("vectors/uaf/real-authenticators.json"))}


def example_blocks() -> list[str]:
    """The base64url texts of the worked example, in their order: fcParams, and one assertion of each kind."""
    section = _read("spec/fido-uaf.md").split("## 28. ")[1].split("## 29. ")[0]
    blocks = ("".join(block.split()) for block in re.findall(r"```\n(.*?)```", section, re.DOTALL))
    return [block for block in blocks if re.fullmatch(r"[A-Za-z0-9_-]{100,}", block)]
