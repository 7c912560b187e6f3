"""The static files of our pages: read, marked and compressed once."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    content: bytes
    compressed: bytes
    mark: str
    """The first digits of the content's SHA-256."""
    media_type: str


@cache
def files() -> dict[str, StaticFile]:
    """Every file of the folder that is of a known type, by name. Nothing else can be asked for."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        mark=hashlib.sha256(content).hexdigest()[:12],
        media_type=TYPES[path.suffix],
    )


def address(name: str) -> str:
    """Where a file is served; it changes with the content, so browsers may keep it for ever.

    Raises: KeyError, if there is no such file."""
    return f"/static/{files()[name].mark}/{name}"
