"""Pages: jinja2 with our own lean macros over the NHS.UK class names (dependencies.md section 0.3)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from carekey.web import assets


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
        self._env.globals.update(service=service, banner=banner, static=assets.address)

    def render(self, template: str, /, **context: Any) -> str:
        return self._env.get_template(template).render(context)
