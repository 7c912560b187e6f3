"""Write src/carekey/web/static/nhsuk-frontend.min.css from the npm package, changed as a service outside the NHS must.

    .venv/bin/python tools/vendor_frontend.py

What is changed: the web font (licensed to NHS bodies alone) goes, icons become part of the sheet, and nothing is
left that a browser would fetch. The NHS logo is not in the sheet; it stays where it was.
"""

import base64
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from urllib.parse import quote

VERSION = "10.6.1"
INTEGRITY = "PZorqQZjZx/A26yJoskCL9z0ib6AtkAyF0o4K/RHr8zRrJyXrUOCnMbjy0VNXsGO4tfTNMwqlkwATKs4a0xayw=="
STATIC = Path(__file__).parent.parent / "src/carekey/web/static"
NPM = Path(sys.executable).parent / "npm"


def fetched(folder: Path) -> tarfile.TarFile:
    subprocess.run(  # noqa: S603 (the package manager of our own environment)
        [NPM, "pack", "--silent", f"nhsuk-frontend@{VERSION}"], cwd=folder, check=True, capture_output=True
    )
    package = folder / f"nhsuk-frontend-{VERSION}.tgz"
    found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise SystemExit(f"nhsuk-frontend {VERSION} is not the package that was reviewed: sha512-{found}")
    return tarfile.open(package)


def text(package: tarfile.TarFile, name: str) -> str:
    file = package.extractfile(f"package/dist/nhsuk/{name}")
    assert file is not None
    return file.read().decode()


def neutral(css: str, icon: dict[str, str]) -> str:
    css = re.sub(r"@font-face\{[^}]*\}", "", css)
    css = css.replace("Frutiger W01,arial,sans-serif", "arial,sans-serif")
    css = re.sub(r"url\(/assets/images/([\w-]+\.svg)\)", lambda found: f'url("{icon[found[1]]}")', css)
    css = re.sub(r"/\*# sourceMappingURL=.*?\*/\s*", "", css)
    if left := re.findall(r"url\((?!\"data:)[^)]*\)|[Ff]rutiger", css):
        raise SystemExit(f"the sheet would still fetch or name {sorted(set(left))}")
    return css


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, fetched(Path(folder)) as package:
        icons = {
            Path(name).name: "data:image/svg+xml," + quote(text(package, f"assets/images/{Path(name).name}").strip())
            for name in package.getnames()
            if re.fullmatch(r"package/dist/nhsuk/assets/images/nhsuk-icon-(arrow|cross)[\w-]*\.svg", name)
        }
        css = neutral(text(package, "nhsuk-frontend.min.css"), icons)
    (STATIC / "nhsuk-frontend.min.css").write_text(css, "utf-8")


if __name__ == "__main__":
    main()
