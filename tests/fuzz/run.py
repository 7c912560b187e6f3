"""Fuzzes the UAF readers, guided by coverage, for ten minutes or as long as you say. Ends by itself.

    python tests/fuzz/run.py [--seconds 600]

Needs atheris, which nothing else does (`python -m pip install atheris`). It starts from the inputs in `corpus/uaf`, keeps what
it finds in a folder outside the repository, and leaves an input that crashes, hangs or takes too much memory there, named in its
last lines. Such an input goes into `corpus/uaf` with the repair: `test_corpus.py` reads it from then on.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
CORPUS = HERE / "corpus" / "uaf"
sys.path[:0] = [str(HERE.parent.parent / "src"), str(HERE)]

LONGEST = 8192
"""Bytes of an input: twice the longest assertion."""
SECONDS_EACH = 2
MEMORY_MB = 512

with atheris.instrument_imports(include=["carekey", "uaf_readers"]):
    import uaf_readers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    asked = parser.parse_args()
    found = Path(tempfile.mkdtemp(prefix="carekey-fuzz-"))
    print(f"What is found goes to {found}", flush=True)
    options = [
        f"-max_total_time={asked.seconds}",
        f"-max_len={LONGEST}",
        f"-timeout={SECONDS_EACH}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(found), str(CORPUS)], lambda data: uaf_readers.read(data) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
