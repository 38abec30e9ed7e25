"""A real Chromium, driven over its DevTools socket; whatever the page asks of the network is recorded and refused."""

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def binary() -> str:
    """The browser's path; skips, saying so, where there is none."""
    found = os.environ.get("AUDIT_CHROMIUM") or next((p for p in map(shutil.which, _NAMES) if p), None)
    if not found:
        pytest.skip("no Chromium found (Debian: apt-get install chromium; or set AUDIT_CHROMIUM)")
    return found


class Tab:
    """One page."""

    def __init__(self, address: str) -> None:
        import websocket

        self._socket = websocket.create_connection(address, timeout=20)
        self._count = 0
        self.requests: list[str] = []
        self.messages: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Fetch.enable", patterns=[{"urlPattern": "*"}])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._count += 1
        number = self._count
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._hear(answer)

    def _hear(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Fetch.requestPaused":
                url = params["request"]["url"]
                allowed = url.startswith(("file:", "data:"))
                if not allowed:
                    self.requests.append(url)
                self._count += 1
                verb = "Fetch.continueRequest" if allowed else "Fetch.failRequest"
                rest = {} if allowed else {"errorReason": "BlockedByClient"}
                message = {"id": self._count, "method": verb, "params": {"requestId": params["requestId"], **rest}}
                self._socket.send(json.dumps(message))
            case "Runtime.consoleAPICalled":
                self.messages.append(str(params.get("args")))
            case "Runtime.exceptionThrown":
                self.messages.append(str(params.get("exceptionDetails")))
            case "Log.entryAdded":
                self.messages.append(params["entry"]["text"])

    def open(self, file: Path, width: int, height: int = 800, *, dark: bool = False, script: bool = True) -> None:
        """Load a file at a screen size and wait until it is laid out."""
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=file.as_uri())
        for _ in range(100):
            state = self.call("Runtime.evaluate", expression="document.readyState + location.protocol")
            if state["result"]["value"] == "completefile:":
                return
            time.sleep(0.05)
        raise TimeoutError(file)

    def value(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def resolved(self, expression: str) -> Any:
        """Return the value that a promise in the page resolves to."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def pdf(self) -> bytes:
        """Print the page."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])


@contextmanager
def chromium(profile: Path) -> Iterator[Tab]:
    """Start a browser with a fresh profile and yield its first page."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    address = ["--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        [binary(), *flags, *address, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port_file = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 30
        while not (port_file.is_file() and port_file.read_text(encoding="utf-8").strip()):
            if time.monotonic() > deadline or process.poll() is not None:
                pytest.skip(f"{binary()} does not start here")
            time.sleep(0.05)
        port = port_file.read_text(encoding="utf-8").split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
            pages = [p for p in json.load(answer) if p["type"] == "page"]
        with Tab(pages[0]["webSocketDebuggerUrl"]) as tab:
            yield tab
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
