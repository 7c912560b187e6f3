"""Pages: jinja2 with our own lean macros over the NHS.UK class names (dependencies.md section 0.3)."""

import re
from collections.abc import Hashable, Mapping, MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, Template
from markupsafe import escape

from carekey.kernel.entropy import Entropy, SystemEntropy
from carekey.web import assets

KEPT = 256
"""Pages with blanks in memory at most: ten kilobytes each, one for each application, way and language that is in use."""


class _Environment(Environment):
    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Once for all: jinja2 itself chains mappings, and copies the chain key by key for every page and every include.
        What is added to `globals` after a template was loaded does not reach it."""
        return {**self.globals, **(d or {})}


class Pages:
    """Renders `slice/name.html`, where the slice's own `templates/` folder holds `name.html`."""

    def __init__(
        self,
        folders: Mapping[str, Path],
        *,
        service: str,
        banner: str | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        """`banner`: the strip on anything but production (ux.md section 2.2)."""
        loaders = {name: FileSystemLoader(folder) for name, folder in folders.items()}
        self._env = _Environment(
            loader=PrefixLoader({"web": FileSystemLoader(Path(__file__).parent / "templates"), **loaders}),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.globals.update(service=service, banner=banner, static=assets.address)
        # Nobody who fills a text of ours can know it, so no text stands where a blank should.
        self._mark = f"blank-{(entropy or SystemEntropy()).bytes(16).hex()}-"
        self._templates: dict[str, Template] = {}
        self._with_blanks = lru_cache(maxsize=KEPT)(self._made_with_blanks)

    def render(self, template: str, /, **context: Any) -> str:
        return self._template(template).render(context)

    def fill_in(self, template: str, blanks: Mapping[str, str | None], /, **context: Hashable) -> str:
        """The same, twenty times as fast where only the blanks have changed since the page was last asked for.

        `blanks`: what differs from one browser to the next. The page is kept without them, and they are filled in; a
        template may ask whether one is there, and write it, and no more. `context`: every value immutable."""
        absent = {name: value for name, value in blanks.items() if not value}
        names = tuple(name for name in blanks if name not in absent)
        parts = self._with_blanks(template, names, tuple(absent.items()), tuple(context.items()))
        filled = {name: str(escape(blanks[name])) for name in names}
        # Text and the name of a blank by turns.
        return "".join(filled[part] if position % 2 else part for position, part in enumerate(parts))

    def _made_with_blanks(
        self,
        template: str,
        names: tuple[str, ...],
        absent: tuple[tuple[str, str | None], ...],
        context: tuple[tuple[str, Hashable], ...],
    ) -> list[str]:
        marked = {name: f"{self._mark}{name}." for name in names}
        page = self.render(template, **dict(context), **dict(absent), **marked)
        return re.split(rf"{self._mark}(\w+)\.", page)

    def _template(self, name: str) -> Template:
        found = self._templates.get(name)
        if found is None:
            found = self._templates[name] = self._env.get_template(name)
        return found
