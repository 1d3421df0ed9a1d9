"""A web server for this machine's Python library documentation: real pages without a network.

`python -m windrow_apps.parse.pydoc_source [--port N]` prints its URL template and then serves
`/{id}`, `/index`, `/index.json` (`{"pages": N, "names": [...]}`) and `/<module>.html` on 127.0.0.1.
"""

import argparse
import inspect
import os
import socket
from html import escape

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from windrow_apps.parse.pydoc_pages import PydocPages

HOST = "127.0.0.1"
MAX_CONNECTIONS = 256


def create_app(pages: PydocPages) -> Starlette:
    """The web application over `pages`."""

    # Plain functions: Starlette runs them in its bounded thread pool, rendering blocks.
    def page(request: Request) -> Response:
        content = pages.page(request.path_params["number"])
        return _no_such_page() if content is None else HTMLResponse(content)

    def named(request: Request) -> Response:
        # pydoc links its pages by module name.
        number = pages.number(request.path_params["name"])
        return _no_such_page() if number is None else RedirectResponse(f"/{number}")

    def index(request: Request) -> Response:
        items = "".join(
            f'<li><a href="/{number}">{escape(name)}</a></li>\n'
            for number, name in enumerate(pages.names, start=1)
        )
        title = "Python library"
        return HTMLResponse(f"<title>{title}</title><h1>{title}</h1><ol>\n{items}</ol>")

    def index_json(request: Request) -> Response:
        return JSONResponse({"pages": len(pages.names), "names": pages.names})

    return Starlette(
        routes=[
            Route("/{number:int}", page),
            Route("/index", index),
            Route("/index.json", index_json),
            Route("/{name}.html", named),
        ]
    )


def _no_such_page() -> Response:
    return HTMLResponse("<title>No such page</title><h1>No such page</h1>", status_code=404)


def _no_comment(object: object) -> str | None:
    return None


def main(argv: list[str] | None = None) -> int:
    """Serve until ended by a signal. Port 0 is any free one."""
    parser = argparse.ArgumentParser(prog="pydoc_source", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args(argv)
    # The page of `os` shows os.environ: nobody's secrets belong there.
    os.environ.clear()
    # For whatever lacks a docstring pydoc looks for a comment above it, and compiles the whole
    # module's source for that, once per class: half of its time for 2 % of its text.
    inspect.getcomments = _no_comment
    with socket.create_server((HOST, arguments.port)) as listener:
        port = listener.getsockname()[1]
        print(f"http://{HOST}:{port}/{{id}}", flush=True)  # noqa: T201 - whoever started it waits for this
        app = create_app(PydocPages())
        config = uvicorn.Config(app, log_level="warning", access_log=False, limit_concurrency=MAX_CONNECTIONS)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
