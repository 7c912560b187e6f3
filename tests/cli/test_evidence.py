"""`carekey confirmation` and `carekey evidence` as an operator uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import provider as carekey
from support.provider import GP, Provider


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with carekey.carekey(tmp_path_factory.mktemp("carekey")) as running:
        yield running


@pytest.mark.parametrize(
    ("person", "text", "code", "says"),
    [
        (GP, "Prescribe", 5, "no phone or tablet"),
        (GP, "Ibuprofén", 2, "ASCII"),
        ("555000009999", "Prescribe", 3, "Nobody"),
    ],
)
def test_what_cannot_be_asked_says_why(provider: Provider, person: str, text: str, code: int, says: str) -> None:
    done = provider.run("confirmation", "ask", person, text)
    assert done.returncode == code
    assert says in done.stderr
    assert done.stdout == ""


def test_evidence_that_there_is_not(provider: Provider) -> None:
    assert provider.json("evidence", "list", GP) == []
    done = provider.run("evidence", "export", "nothing")
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"format": "carekey-evidence-1"}'])
def test_a_file_that_is_no_evidence_does_not_hold(provider: Provider, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "evidence.json"
    file.write_bytes(content)
    done = provider.run("evidence", "verify", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("DOES NOT HOLD")
    assert provider.run("evidence", "verify", str(tmp_path / "none")).returncode == 3
