"""Pages: jinja2 with our own lean macros over the NHS.UK class names (dependencies.md section 0.3)."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

STATIC = Path(__file__).parent / "static"


class Pages:
    """Renders `slice/name.html`, where the slice's own `templates/` folder holds `name.html`."""

    def __init__(self, folders: Mapping[str, Path], *, service: str, banner: str | None = None) -> None:
        """`banner`: the strip on anything but production (ux.md section 2.2)."""
        loaders = {name: FileSystemLoader(folder) for name, folder in folders.items()}
        self._env = Environment(
            loader=PrefixLoader({"web": FileSystemLoader(Path(__file__).parent / "templates"), **loaders}),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.globals.update(service=service, banner=banner, static=_static_address)

    def render(self, template: str, /, **context: Any) -> str:
        return self._env.get_template(template).render(context)


_addresses: dict[str, str] = {}


def _static_address(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep it for ever."""
    if name not in _addresses:
        mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
        _addresses[name] = f"/static/{mark}/{name}"
    return _addresses[name]
