"""Every template of every slice in every state, served as the application serves it."""

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

import carekey
from carekey.web import static
from carekey.web.dispatcher import Dispatcher
from carekey.web.kit import Request, Response, get, page
from carekey.web.tests.site import site

SOURCE = Path(carekey.__file__).parent
BANNER = "Sandbox: no real people or records"


@dataclass(frozen=True, slots=True)
class State:
    name: str
    template: str
    context: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/page/{self.name}"


def folders() -> dict[str, Path]:
    """The templates of a slice go by the name of its folder."""
    return {path.parent.name: path for path in sorted(SOURCE.rglob("templates"))}


def states() -> list[State]:
    """What each slice's `tests/page_states.py` lists, each name with its slice before it."""
    found = []
    for path in sorted(SOURCE.rglob("tests/page_states.py")):
        slice = path.parents[1]
        module = importlib.import_module(".".join(["carekey", *path.relative_to(SOURCE).with_suffix("").parts]))
        found += [State(f"{slice.name}-{name}", template, context) for name, template, context in module.page_states()]
    return found


def templates() -> set[str]:
    """Every page of the service: a template with a title is one, the others are parts of pages."""
    return {
        f"{prefix}/{path.name}"
        for prefix, folder in folders().items()
        for path in folder.glob("*.html")
        if path.name != "layout.html" and "{% block title %}" in path.read_text("utf-8")
    }


@contextmanager
def served() -> Iterator[str]:
    """The address of a server of every state."""
    by_name = {state.name: state for state in states()}

    async def show(request: Request) -> Response:
        state = by_name[request.params["name"]]
        return page(request, state.template, **state.context)

    routes = [get("/page/{name}", show), *static.routes()]
    dispatcher = Dispatcher(routes, site(folders(), secure=False, banner=BANNER))
    config = uvicorn.Config(dispatcher, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server of pages did not start"
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(5)
