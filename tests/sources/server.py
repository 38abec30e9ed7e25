"""A local server that serves the sources' shapes over real HTTP, faults included. 127.0.0.1 only.

Run ``python -m tests.sources.server``; it prints its port. The base address of a source is
``http://127.0.0.1:PORT/SOURCE``, and with a fault ``http://127.0.0.1:PORT/fault/FAULT/SOURCE``. A fault named ``...-once``
hits the first request of each address only.
"""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.sources import shapes

_CHUNK = b"x" * 65_536
JSON = {"content-type": "application/json"}


def _limits() -> dict[str, shapes.Answer]:
    """Refusals for asking too often, in every header style."""
    soon = datetime.fromtimestamp(int(time.time()) + 2, UTC)
    body = b'{"error": {"code": 429, "message": "Rate limit exceeded"}}'
    tomorrow = str(int((time.time() + 40_000) * 1000))
    heads = {
        "429-retry-after": {"retry-after": "2"},
        "429-retry-date": {"retry-after": format_datetime(soon, usegmt=True)},
        "429-reset-s": {"x-ratelimit-reset": str(int(soon.timestamp()))},
        "429-reset-ms": {"x-ratelimit-reset": str(int(soon.timestamp() * 1000))},
        "429-tomorrow": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": tomorrow},
    }
    return {name: (429, {**JSON, **head}, body) for name, head in heads.items()}


def _replacements(path: str, sent: str, head: dict[str, str], body: bytes) -> dict[str, shapes.Answer]:
    """Whole answers that take the place of the right one."""
    packed = gzip.compress(body)
    renamed = body.replace(b"total_tokens", b"tokens_total").replace(b'"files"', b'"file"')
    altered = body.replace(b",other,,9", b",other,,8") if "csv" in head.get("content-type", "") else body
    page = b"<!DOCTYPE html><html>Log in</html>"
    said = json.dumps({"error": {"code": 401, "message": f"Invalid key {sent}"}}).encode()
    return {
        "500": (500, {"content-type": "text/html"}, b"<html><h1>Internal Server Error</h1></html>"),
        "gzip": (200, {**head, "content-encoding": "gzip"}, packed),
        "gzip-cut": (200, {**head, "content-encoding": "gzip"}, packed[: len(packed) // 2]),
        "type": (200, {"content-type": "application/pdf"}, b"%PDF-1.7"),
        "html": (200, {"content-type": "text/html; charset=utf-8"}, page),
        "html-as-json": (200, head, page),
        "redirect-foreign": (302, {"location": "http://127.0.0.2:9/steal?token=secret"}, b""),
        "redirect-near": (302, {"location": path.replace("/fault/redirect-near", "")}, b""),
        "redirect-loop": (302, {"location": path}, b""),
        "field": (200, head, renamed),
        "manifest": (200, head, altered),
        "empty": (200, head, b""),
        "echo-key": (200, JSON, json.dumps({"you": sent}).encode()),
        "refuse-key": (401, JSON, said),
    }


class Handler(BaseHTTPRequestHandler):
    """Serves one request."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[dict[str, int]] = {}
    lock = threading.Lock()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer, with a fault where the address names one."""
        parts = urlsplit(self.path)
        with self.lock:
            self.seen[self.path] = self.seen.get(self.path, 0) + 1
            count = self.seen[self.path]
        steps = parts.path.strip("/").split("/")
        if steps[0] == "count":
            self._send(200, {"content-type": "application/json"}, json.dumps(self.seen).encode())
            return
        fault = ""
        if steps[0] == "fault":
            fault, steps = steps[1], steps[2:]
        # Article titles stay percent-encoded while the path is cut, as a title may hold a slash.
        path = "/".join(unquote(step) for step in steps[1:])
        headers = {k.lower(): v for k, v in self.headers.items()}
        status, head, body = shapes.respond(steps[0], path, dict(parse_qsl(parts.query)), headers)
        if fault.endswith("-once"):
            fault = fault.removesuffix("-once") if count == 1 else ""
        if fault:
            self._fault(fault, status, head, body)
        else:
            self._send(status, head, body)

    def _send(self, status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "transfer-encoding" not in headers:
            self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _fault(self, name: str, status: int, head: dict[str, str], body: bytes) -> None:
        replaced = {**_limits(), **_replacements(self.path, self.headers.get("authorization", ""), head, body)}
        broken = {
            "slow": lambda: self._drip(status, head, body),
            "cut": lambda: self._cut(head, body),
            "huge": lambda: self._stream(head, 2_000_000_000, stated=False),
            "huge-stated": lambda: self._stream(head, 2_000_000_000, stated=True),
            "reset": self._reset,
        }
        if name in broken:
            broken[name]()
        elif name in replaced:
            self._send(*replaced[name])
        elif name == "gzip-bomb":
            self._send(200, {**head, "content-encoding": "gzip"}, gzip.compress(b" " * 300_000_000, 1))
        else:
            self._send(418, JSON, json.dumps({"error": f"no fault {name}"}).encode())

    def _cut(self, head: dict[str, str], body: bytes) -> None:
        self._send(200, head, body[: len(body) // 2], length=len(body))
        self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.connection.close()
        self.close_connection = True

    def _drip(self, status: int, head: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for header, value in head.items():
            self.send_header(header, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            for i in range(len(body)):
                self.wfile.write(body[i : i + 1])
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def _stream(self, head: dict[str, str], size: int, *, stated: bool) -> None:
        self.send_response(200)
        for header, value in head.items():
            self.send_header(header, value)
        if stated:
            self.send_header("content-length", str(size))
        self.end_headers()
        self.close_connection = True
        try:
            for _ in range(size // len(_CHUNK)):
                self.wfile.write(_CHUNK)
        except OSError:
            return


@contextmanager
def running() -> Iterator[str]:
    """Run the server as a process of its own; yield ``http://127.0.0.1:PORT``."""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sources.server"], stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port.isdigit(), "the server did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def main() -> None:
    """Serve until stopped."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
