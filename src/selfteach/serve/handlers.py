"""What every address does: check the key, read the body, and turn faults into answers."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from selfteach.errors import IntegrityError, ResourceError, SelfteachError, UsageError
from selfteach.serve.batch_engine import EngineClosed, QueueFull
from selfteach.serve.read_request import RequestFault

MAX_BODY_BYTES = 1 << 20
CLIENT_GONE = 499
RETRY_AFTER: dict[type[Exception], dict[str, str]] = {
    QueueFull: {"Retry-After": "1"},
    EngineClosed: {"Retry-After": "10"},
}
OPEN_PATHS = ("/", "/page.js", "/style.css", "/health")
"""Paths that need no key: they tell nothing about models and clients."""
Handler = Callable[[Request], Awaitable[Response]]


def guard(handler: Handler, key: str) -> Handler:
    """Return a handler that checks the key first, and answers faults as OpenAI's clients read them.

    Args:
        key: what clients must send; "" asks for none.
    """

    async def handle(request: Request) -> Response:
        try:
            # Not request.url, which some versions of starlette put together from the Host header.
            if request.scope["path"] not in OPEN_PATHS:
                _check_key(request, key)
            return await handler(request)
        except (RequestFault, SelfteachError) as fault:
            status = find_status(fault)
            param = fault.param if isinstance(fault, RequestFault) else None
            return make_error(status, str(fault), param, RETRY_AFTER.get(type(fault)))
        except ClientDisconnect:
            return Response(status_code=CLIENT_GONE)

    return handle


def make_error(
    status: int, message: str, param: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return an error in OpenAI's form."""
    kinds = {401: "authentication_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    body = {"message": message, "type": kind, "param": param, "code": status}
    return JSONResponse({"error": body}, status, headers)


def _check_key(request: Request, key: str) -> None:
    if not key:
        return
    given = re.sub("^bearer ", "", request.headers.get("authorization", ""), flags=re.I)
    sent = (given.encode("latin-1"), given.encode())  # as UTF-8, and as Latin-1
    if not any(hmac.compare_digest(one, key.encode()) for one in sent):
        raise RequestFault(401, "the API key is missing or wrong.")


def has_body(request: Request) -> bool:
    """Return whether a request has a body, where one is optional."""
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


async def read_body(request: Request) -> bytes:
    """Return the body of a request.

    A web page of another server sends no body of the type of JSON unless this one allows it; other
    types, whatever their parameters, it sends unasked.

    Raises:
        RequestFault: it is no JSON by its header, or too long.
    """
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind.strip().lower() != "application/json":
        raise RequestFault(415, "send the body with Content-Type: application/json.")
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY_BYTES:
            raise RequestFault(413, f"the body is longer than {MAX_BODY_BYTES >> 20} MB.")
    return bytes(parts)


def find_status(fault: RequestFault | SelfteachError) -> int:
    """Return the status of a fault: of the queue, of the disk, of damaged files, of a student in
    use, or of the request.
    """
    match fault:
        case RequestFault():
            return fault.status
        case QueueFull():
            return 429
        case EngineClosed():
            return 503
        case ResourceError():
            return 507
        case IntegrityError():
            return 500
        case UsageError():
            return 409
    return 400
