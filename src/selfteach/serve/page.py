"""The page of a server, which calls the server's own addresses.

Without a student it hides what teaches: /v1/lessons then answers 409.
"""

from __future__ import annotations

from pathlib import Path

from starlette.routing import Route

from selfteach.report.page import read_palette
from selfteach.run.local_server import route_file

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
        route_file("/", WEB_FOLDER / "index.html", "text/html", headers=HEADERS),
        route_file("/page.js", WEB_FOLDER / "page.js", "text/javascript", headers=HEADERS),
        route_file("/style.css", WEB_FOLDER / "style.css", "text/css", read_palette(), HEADERS),
    ]
