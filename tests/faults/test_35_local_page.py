"""Row 35: the local page answers this machine's browser, in one tab, and nobody else.

A page on the web may send requests to 127.0.0.1 through the browser, may point its own name there
(rebinding), and may guess the port.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "review"))
from browser import wait_until
from service import Page, read_corrections, serve_page, write_ledger

from selfteach.errors import UsageError
from selfteach.review.guard import POLICY, RefusedRequest, TabSeat
from selfteach.review.serve import ReviewServer
from selfteach.run.ledger import Ledger


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ledger(tmp_path_factory.mktemp("page") / "run")


@pytest.fixture(scope="module")
def page(path: Path) -> Iterator[Page]:
    with serve_page(path) as page, page.open():
        yield page


def test_the_page_itself_is_let_through(page: Page) -> None:
    assert page.post("draft", {"id": page.state["item"]["id"], "text": ""})[0] == 200, (
        "what all refusals below are compared with"
    )
    assert page.request("GET", "/").status == 200


HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "localhost.evil.example:{port}",
    "0.0.0.0:{port}",
    "[::1]:{port}",
    "",
]
ORIGINS = [
    "http://evil.example",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:1",
    "http://localhost:{port}",
    "null",
    "",
]


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_refused(page: Page, path: Path, host: str) -> None:
    host = host.format(port=page.port)
    for route in ("/", "/page.js", "/api/save"):
        assert page.request(
            "GET", route, headers={"Host": host, "Origin": f"http://{host}"}
        ).status in (400, 403)
    if host:
        body = {"id": page.state["item"]["id"], "text": "evil"}
        assert page.post("save", body, Host=host, Origin=f"http://{host}")[0] == 403
    assert read_corrections(path) == []


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_origin_is_refused(page: Page, path: Path, origin: str) -> None:
    body = {"id": page.state["item"]["id"], "text": "evil"}
    assert page.post("save", body, Origin=origin.format(port=page.port))[0] == 403
    assert read_corrections(path) == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_the_browser_calls_foreign_is_refused(page: Page, site: str) -> None:
    assert page.post("skip", {"id": page.state["item"]["id"]}, Sec_Fetch_Site=site)[0] == 403
    assert page.request("GET", "/", headers={"Sec-Fetch-Site": site}).status == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_can_send_is_refused(page: Page, kind: str) -> None:
    assert page.post("skip", {"id": page.state["item"]["id"]}, Content_Type=kind)[0] == 403


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer \xe9", "Basic x"])
def test_without_the_key_nothing_is_done(page: Page, path: Path, key: str) -> None:
    body = {"id": page.state["item"]["id"], "text": "evil"}
    assert page.post("save", body, Authorization=key)[0] == 403
    assert read_corrections(path) == []


@pytest.mark.parametrize(
    "secret",
    [{"token": ""}, {"token": "wrong"}, {"key": "wrong"}, {"key": ""}, {"token": "\u00e9\ud800"}],
)
def test_a_wrong_token_is_refused(page: Page, secret: dict[str, str]) -> None:
    assert page.open(**secret).status == 403


def test_a_second_tab_gets_409_by_the_link_and_by_the_key(page: Page) -> None:
    assert page.open().status == 409
    assert page.open(key=page.key).status == 409
    assert page.post("draft", {"id": page.state["item"]["id"], "text": ""})[0] == 200, (
        "the first tab goes on"
    )


def test_no_other_method_no_preflight_no_cookie(page: Page) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        reply = page.request(
            method,
            "/api/save",
            headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
        )
        assert reply.status == 403
        assert not [
            name for name, _ in reply.getheaders() if name.lower().startswith("access-control")
        ]
    assert page.request("GET", "/api/save").status == 405
    assert page.request("GET", "/..%2f..%2fetc/passwd").status == 404
    assert page.request("GET", "/").getheader("Set-Cookie") is None


@pytest.mark.parametrize(
    "route", ["/", "/page.js", "/words.js", "/style.css", "/nothing", "/api/save"]
)
def test_every_reply_has_the_headers(page: Page, route: str) -> None:
    reply = page.request("GET", route)
    assert reply.getheader("Content-Security-Policy") == POLICY
    assert reply.getheader("X-Content-Type-Options") == "nosniff"
    assert reply.getheader("Referrer-Policy") == "no-referrer"
    assert reply.getheader("Cache-Control") == "no-store"
    assert reply.getheader("Server") is None


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "default-src 'none'" in POLICY
    assert "require-trusted-types-for 'script'" in POLICY
    assert not any(word in POLICY for word in ("unsafe", "http", "*"))


def test_it_listens_on_127_0_0_1_alone(page: Page) -> None:
    for address in ("127.0.0.2", "::1"):
        with pytest.raises(OSError, match=r"."):
            socket.create_connection((address, page.port), timeout=5)


def test_a_link_works_once_and_the_next_one_is_another(path: Path) -> None:
    with serve_page(path) as page:
        page.open().close()
        assert wait_until(
            lambda: page.open().status == 403, "the seat is free again, the link is not"
        )
        assert wait_until(lambda: len(page.lines) == 3, "a new link")
        assert page.token not in page.lines[2]


def test_the_seat_without_a_server() -> None:
    seat = TabSeat()
    first = seat.token
    key = seat.take(token=first)
    seat.check(key)
    for secret, status in (
        ({"token": first}, 409),
        ({"key": key}, 409),
        ({"token": "x"}, 403),
        ({}, 403),
    ):
        with pytest.raises(RefusedRequest) as refused:
            seat.take(**secret)
        assert refused.value.status == status
    seat.release()
    assert seat.token not in ("", first)
    again = seat.take(key=key)
    assert again != key
    with pytest.raises(RefusedRequest):
        seat.check(key)
    assert len(first) >= 32


def test_a_taken_port_is_reported(page: Page, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with pytest.raises(UsageError, match=str(page.port)):
        ReviewServer(ledger, "", page.port, print)
    ledger.close()
