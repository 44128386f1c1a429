"""Who may speak to the page: this machine's browser, the page itself, one tab at a time.

A local server is within reach of every page that the browser shows. So: bound to 127.0.0.1; the
exact Host, against names that are rebound to this address; the page's own Origin, against requests
that other pages send; a secret in the URL that works once, exchanged for a key that only the open
tab knows and sends by itself (no cookie, so a browser adds nothing to a foreign request).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FORBIDDEN, CONFLICT = 403, 409


class RefusedRequest(Exception):
    """A request that is not answered. `status` is 403 (not allowed) or 409 (another tab is open)."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class PageGuard:
    """Refuses what does not come from the page itself, before anything of it is read; adds the
    security headers to every answer.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = tuple(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] != "http":
            return
        if fault := self._fault(scope["method"], Headers(scope=scope)):
            await JSONResponse({"error": fault}, FORBIDDEN)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _fault(self, method: str, headers: Headers) -> str:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "This is not the address of the page."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "The request comes from another site."
        if method == "POST":
            if origins != [f"http://{hosts[0]}"]:
                return "The request comes from another page."
            if headers.get("content-type") != "application/json":
                return "The request is not JSON."
        elif method not in ("GET", "HEAD") or (origins and origins != [f"http://{hosts[0]}"]):
            return "The request comes from another page."
        return ""


class TabSeat:
    """The one tab that may work. It is taken while the tab's connection is open, and free again
    when that ends.
    """

    def __init__(self, vacated: Callable[[], None] = lambda: None) -> None:
        self.taken = False
        self.token = secrets.token_urlsafe(24)
        self._key, self._spent, self._vacated = "", list[str](), vacated

    def take(self, token: str = "", key: str = "") -> str:
        """Lets a tab in that has the token of the URL, or the key of its last visit (a reload);
        returns its new key.

        Raises:
            Refused: 403 for a wrong or used token, 409 while another tab is open.
        """
        known = _is_same_secret(key, self._key) or any(
            _is_same_secret(token, spent) for spent in self._spent
        )
        fresh = _is_same_secret(token, self.token)
        if not known and not fresh:
            raise RefusedRequest(
                FORBIDDEN, "This link is not valid. The terminal shows the right one."
            )
        if self.taken:
            raise RefusedRequest(
                CONFLICT,
                (
                    "The review is open in another tab. Go on there; once it is closed, "
                    "the terminal shows a new link."
                ),
            )
        if not fresh and not _is_same_secret(key, self._key):
            raise RefusedRequest(
                FORBIDDEN, "This link has been used. The terminal shows a new one."
            )
        if fresh:
            self._spent.append(self.token)
            self.token = ""
        self.taken, self._key = True, secrets.token_urlsafe(24)
        return self._key

    def release(self) -> None:
        """The tab has gone. A link for the next one is made."""
        self.taken = False
        self.token = self.token or secrets.token_urlsafe(24)
        self._vacated()

    def check(self, key: str) -> None:
        """Raises:
        Refused: 403 unless this is the key of the open tab.
        """
        if not _is_same_secret(key, self._key):
            raise RefusedRequest(
                FORBIDDEN, "This tab has no key. Open the link that the terminal shows."
            )


def _is_same_secret(given: str, known: str) -> bool:
    """Compares in constant time; an empty secret equals nothing."""
    return bool(known) and hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())
