"""The page of a server, which calls the server's own addresses.

Without a student it hides what teaches: /v1/lessons then answers 409.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from selfteach.report.page import read_palette

WEB_FOLDER = Path(__file__).parent / "web"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def list_page_routes() -> list[Route]:
    """Return the routes of the page."""
    return [
        _make_route("/", "index.html", "text/html"),
        _make_route("/page.js", "page.js", "text/javascript"),
        _make_route("/style.css", "style.css", "text/css", read_palette()),
    ]


def _make_route(path: str, name: str, kind: str, before: str = "") -> Route:
    content = before + (WEB_FOLDER / name).read_text("utf-8")

    async def send(request: Request) -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    return Route(path, send, methods=["GET"])
