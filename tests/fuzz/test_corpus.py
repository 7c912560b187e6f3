"""The inputs that the fuzzer starts from, and those that once broke something, read again by each ordinary run."""

from collections import defaultdict
from pathlib import Path

import pytest
import uaf_readers

CORPUS = sorted((Path(__file__).parent / "corpus" / "uaf").iterdir())
NAMES = list(uaf_readers.READERS)


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_every_input_is_read_or_refused(file):
    data = file.read_bytes()
    assert file.name.startswith(NAMES[data[0]]), "named for the reader that its first byte picks"
    assert uaf_readers.read(data) in {True, False}


def test_of_every_reader_there_is_an_input_that_it_reads_and_one_that_it_refuses():
    outcomes = defaultdict(set)
    for file in CORPUS:
        data = file.read_bytes()
        outcomes[NAMES[data[0]]].add(uaf_readers.read(data))
    assert outcomes == {name: {True, False} for name in NAMES}


def test_what_is_no_refusal_is_not_taken_for_one(monkeypatch):
    def crash(_: bytes) -> None:
        raise KeyError

    monkeypatch.setattr(uaf_readers, "_BY_NUMBER", (crash,))
    with pytest.raises(KeyError):
        uaf_readers.read(b"\x00")
