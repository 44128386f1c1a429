"""Headless Chromium over the DevTools protocol, as far as the tests of the review page need it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), ""
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]
PATIENCE_S = 60.0
KEYS = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Tab": (9, ""),
    "Backspace": (8, ""),
    "End": (35, ""),
    "Home": (36, ""),
}
CTRL = 2


def wait_until(true: Callable[[], Any], what: str) -> Any:
    """Wait for a value that is not false, and return it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {PATIENCE_S:.0f} s for {what}")


class Browser:
    """Run one Chromium with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        from websockets.sync.client import connect

        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        file = profile / "DevToolsActivePort"
        port, path = wait_until(lambda: file.exists() and file.read_text().split(), "Chromium")[:2]
        self._connection = connect(f"ws://127.0.0.1:{port}{path}", max_size=None, compression=None)
        self._line = self._connection.__enter__()
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Send one command of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | (
            {"sessionId": session} if session else {}
        )
        self._line.send(json.dumps(message))
        while True:
            reply = json.loads(self._line.recv(timeout=PATIENCE_S))
            if reply.get("id") == self._number:
                assert "error" not in reply, (method, reply)
                return reply["result"]
            self.events.append(reply)

    def tab(self, url: str = "about:blank") -> Tab:
        """Open a new tab."""
        target = self.call("Target.createTarget", url=url)["targetId"]
        return Tab(
            self,
            target,
            self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"],
        )

    def close(self) -> None:
        """End the browser."""
        self._connection.__exit__(None, None, None)
        self._process.kill()
        self._process.wait()


class Tab:
    """Control one page."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Send one command to this page."""
        return self._browser.call(method, self._session, **parameters)

    def js(self, code: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def text(self, id: str) -> str:
        """Return the visible text of an element; empty if it is hidden."""
        return str(
            self.js(
                "(e => e && e.offsetParent !== null ? e.innerText : "
                f"'')(document.getElementById({id!r}))"
            )
        )

    def shows(self, id: str, words: str) -> None:
        """Wait until an element shows these words."""
        try:
            wait_until(lambda: words in self.text(id), f"{words!r} in #{id}")
        except AssertionError as fault:
            raise AssertionError(
                f"{fault}; the page is:\n{self.js('document.body.innerText')}"
            ) from None

    def key(self, key: str, modifiers: int = 0) -> None:
        """Press one key as a keyboard does."""
        code, text = KEYS.get(key) or (ord(key.upper()), key)
        press = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call(
            "Input.dispatchKeyEvent",
            type="keyDown",
            **press,
            **({"text": text} if text and not modifiers & CTRL else {}),
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", **press)

    def type(self, text: str) -> None:
        """Type text at the cursor."""
        self.call("Input.insertText", text=text)

    def goto(self, url: str) -> None:
        """Load an address."""
        self.call("Page.navigate", url=url)

    def screen(self, width: int, height: int, *, dark: bool) -> None:
        """Set the size of the window and the color scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """Take a screenshot."""
        path.write_bytes(
            base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        )

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)
