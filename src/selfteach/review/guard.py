"""Guard the review page: only this machine's browser, the page itself, and one tab at a time.

Every page in the browser can reach a local server. Therefore:

- The server is bound to 127.0.0.1.
- The Host header must match, against names that are rebound to this address.
- The Origin header must match, against requests from other pages.
- A secret in the URL works once. The tab exchanges it for a key that it sends itself. There is no
  cookie, so a browser adds nothing to a request from another page.
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
FORBIDDEN = 403
CONFLICT = 409


class RefusedRequest(Exception):
    """Report a refused request. `status` is 403 (not allowed) or 409 (another tab is open)."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class PageGuard:
    """Refuse a request that another page sent, before its body is read.

    The guard adds the security headers to every response.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = tuple(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] != "http":
            return
        if fault := self._find_fault(scope["method"], Headers(scope=scope)):
            await JSONResponse({"error": fault}, FORBIDDEN)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _find_fault(self, method: str, headers: Headers) -> str:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "This is not the address of the page."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "The request comes from another site."
        origins = headers.getlist("origin")
        needs_origin = method not in ("GET", "HEAD")
        if (needs_origin or origins) and origins != [f"http://{hosts[0]}"]:
            return "The request comes from another page."
        if method == "POST" and headers.get("content-type") != "application/json":
            return "The request is not JSON."
        return ""


class TabSeat:
    """Admit one tab at a time. The seat is taken while the connection of the tab is open.

    Args:
        vacated: is called when a tab has left.
    """

    def __init__(self, vacated: Callable[[], None] = lambda: None) -> None:
        self.taken = False
        self.token = secrets.token_urlsafe(24)
        self._key = ""
        self._spent: list[str] = []
        self._vacated = vacated

    def take(self, token: str = "", key: str = "") -> str:
        """Admit a tab with the token of the URL, or with its last key (a reload). Return a new key.

        Raises:
            RefusedRequest: 403 for a wrong or used token, 409 while another tab is open.
        """
        fresh = _is_same_secret(token, self.token)
        reloaded = _is_same_secret(key, self._key)
        spent = any(_is_same_secret(token, old) for old in self._spent)
        if not (fresh or reloaded or spent):
            raise RefusedRequest(
                FORBIDDEN, "This link is not valid. The terminal shows the right one."
            )
        if self.taken:
            raise RefusedRequest(
                CONFLICT,
                "The review is open in another tab. Go on there; once it is closed, "
                "the terminal shows a new link.",
            )
        if not (fresh or reloaded):
            raise RefusedRequest(
                FORBIDDEN, "This link has been used. The terminal shows a new one."
            )
        if fresh:
            self._spent.append(self.token)
            self.token = ""
        self.taken = True
        self._key = secrets.token_urlsafe(24)
        return self._key

    def release(self) -> None:
        """Free the seat after the tab has left, and make a link for the next one."""
        self.taken = False
        self.token = self.token or secrets.token_urlsafe(24)
        self._vacated()

    def check(self, key: str) -> None:
        """Check the key of a request.

        Raises:
            RefusedRequest: 403 unless this is the key of the open tab.
        """
        if not _is_same_secret(key, self._key):
            raise RefusedRequest(
                FORBIDDEN, "This tab has no key. Open the link that the terminal shows."
            )


def _is_same_secret(given: str, known: str) -> bool:
    """Compare in constant time. An empty secret equals nothing."""
    return bool(known) and hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())
