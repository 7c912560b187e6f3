"""Code blocks of docs/how-to/connect-an-application.md, taken out and run as they stand.

A block whose info string has `file=NAME` is that file; `sh run` blocks of a section are one shell session.
Only the ports differ from the page's, because somebody else may be using those.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import node
from support.processes import running

PAGE = Path(__file__).parents[2] / "docs/how-to/connect-an-application.md"


@dataclass(frozen=True, slots=True)
class Section:
    files: Mapping[str, str]
    script: str


def section(heading: str) -> Section:
    text = PAGE.read_text(encoding="utf-8")
    body = re.split(rf"^## {re.escape(heading)}$", text, flags=re.MULTILINE)[1]
    body = re.split(r"^## ", body, flags=re.MULTILINE)[0]
    files: dict[str, str] = {}
    script: list[str] = []
    for info, code in re.findall(r"^```(.*?)\n(.*?)^```$", body, flags=re.MULTILINE | re.DOTALL):
        if name := re.search(r"file=(\S+)", info):
            files[name.group(1)] = code
        elif info == "sh run":
            script.append(code)
    return Section(files, "set -e\n" + "".join(script))


@contextmanager
def application(
    heading: str, folder: Path, *, ports: Mapping[int, int], port: int, environment: Mapping[str, str]
) -> Iterator[str]:
    """The section's application, running in `folder`; its address. `ports`: the page's, and those to use."""
    found = section(heading)

    def moved(text: str) -> str:
        return re.sub(r"\b(" + "|".join(map(str, ports)) + r")\b", lambda match: str(ports[int(match.group())]), text)

    for name, content in found.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(moved(content), encoding="utf-8")
    address = f"http://localhost:{ports[port]}"
    with running(
        ["/bin/bash", "-c", moved(found.script)],
        answers=address,
        log=folder / "log",
        cwd=folder,
        environment={"PATH": f"{node.BINARIES}:/usr/bin:/bin", **environment},
    ):
        yield address
