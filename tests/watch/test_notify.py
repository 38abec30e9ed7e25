"""Notifiers, against real local servers."""

import json
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from auditor.watch.config import Config, NotifyPart, SitePart, SourcePart
from auditor.watch.found import Found
from auditor.watch.notify import sender
from auditor.watch.notify.files import render
from auditor.watch.notify.smtp import message
from auditor.watch.notify.webhook import payload
from auditor.watch.outbox import NotifyError

HOSTILE = 'x"><script>alert(1)</script> @everyone <!channel>\r\nBcc: all@example.org \x00\ud800'


def found(entity="acme/model-1", **changes):
    return Found(
        "alarm", "alarm", "openrouter", entity, "2026-05-12", "2026-05-15", "2026-05-18", f"{entity} rose.", **changes
    )


def config(*notify, **settings):
    return Config(source=(SourcePart(name="openrouter"),), notify=notify or (NotifyPart(kind="stdout"),), **settings)


@pytest.fixture
def web():
    """A web server that answers what it is told to, and keeps what it got."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.got.append((self.path, dict(self.headers.items()), body))
            status = server.answers.pop(0) if server.answers else 200
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            self.end_headers()

        def log_message(self, *_args):
            pass

    class Server(HTTPServer):
        got: list[Any]
        answers: list[Any]

    server = Server(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def mail():
    """A mail server that takes one message after the other; ``answers`` replace its replies to MAIL FROM."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.say("220 test")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.say("354 go on")
                    lines = []
                    while (text := self.rfile.readline()) != b".\r\n":
                        lines.append(text)
                    server.got.append(b"".join(lines))
                    self.say("250 taken")
                elif word == b"QUIT":
                    return self.say("221 bye")
                elif word == b"MAIL" and server.answers:
                    self.say(server.answers.pop(0))
                else:
                    self.say("250 fine")
            return None

        def say(self, text):
            self.wfile.write(text.encode() + b"\r\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        got: list[Any]
        answers: list[Any]

    server = Server(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def hook(shape="json", **settings):
    return NotifyPart(kind="webhook", shape=shape, url_env="HOOK", **settings)


def deliver(part, item, environment, slept=None, **settings):
    said: list[str] = []
    send = sender(
        config(part), environment, echo=said.append, sleep=(slept if slept is not None else []).append, **settings
    )
    send(part, item)
    return said


@pytest.mark.parametrize("shape", ["json", "slack", "discord"])
def test_webhook_delivers_to_a_real_server(web, shape):
    part, item = hook(shape), found(report="openrouter/acme-model-1/2026-05-12")
    deliver(part, item, {"HOOK": f"http://127.0.0.1:{web.server_port}/secret"})
    ((path, headers, body),) = web.got
    assert path == "/secret"
    assert headers["idempotency-key"] == item.id
    assert json.loads(body) == payload(shape, item, config(part))
    assert item.id in body.decode()


def test_webhook_tries_again_and_waits_as_asked(web):
    web.answers = [503, 429]
    slept: list[float] = []
    deliver(hook(), found(), {"HOOK": f"http://127.0.0.1:{web.server_port}/"}, slept)
    assert len(web.got) == 3
    assert slept == [1.0, 7.0]


@pytest.mark.parametrize(("answers", "tries"), [([500, 500, 500], 3), ([404], 1)])
def test_webhook_that_refuses_is_told_without_its_address(web, answers, tries):
    web.answers = answers
    with pytest.raises(NotifyError) as error:
        deliver(hook(), found(), {"HOOK": f"http://127.0.0.1:{web.server_port}/secret"})
    assert len(web.got) == tries
    assert "secret" not in str(error.value)


def test_webhook_that_is_not_there(web):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NotifyError, match="could not be reached") as error:
        deliver(hook(tries=1), found(), {"HOOK": f"http://127.0.0.1:{port}/secret"})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("environment", [{}, {"HOOK": ""}, {"HOOK": "file:///etc/passwd"}])
def test_webhook_without_an_address(environment):
    with pytest.raises(NotifyError, match="HOOK"):
        deliver(hook(), found(), environment)


def test_names_from_a_leaderboard_call_nobody():
    slack = json.dumps(payload("slack", found(HOSTILE), config()))
    assert "<!channel>" not in slack.replace('"plain_text", "text": ', "").split('"header"')[0]
    assert "&lt;!channel&gt;" in slack
    assert payload("discord", found(HOSTILE), config())["allowed_mentions"] == {"parse": []}


def post(**settings):
    return NotifyPart(
        kind="smtp",
        host="127.0.0.1",
        sender="Audit <audit@example.org>",
        to=("a@example.org", "b@example.org"),
        tls="none",
        **settings,
    )


def test_mail_delivers_to_a_real_server(mail):
    part = post(port=mail.server_address[1])
    deliver(part, found(), {})
    (raw,) = mail.got
    assert b"Subject: watch: [alarm] Lasting rise: acme/model-1 (2026-05-15)" in raw
    assert f"Message-ID: <{found().id}.smtp@example.org>".encode() in raw
    assert b"acme/model-1 rose." in raw


def test_mail_put_off_is_tried_again(mail):
    mail.answers = ["451 later"]
    slept: list[float] = []
    deliver(post(port=mail.server_address[1]), found(), {}, slept)
    assert len(mail.got) == 1
    assert slept == [1.0]


def test_mail_refused_is_told_once(mail):
    mail.answers = ["550 no"]
    with pytest.raises(NotifyError, match="550"):
        deliver(post(port=mail.server_address[1]), found(), {})


def test_mail_needs_tls_unless_told_otherwise(mail):
    part = NotifyPart(
        kind="smtp", host="127.0.0.1", port=mail.server_address[1], sender="a@example.org", to=("b@example.org",)
    )
    with pytest.raises(NotifyError, match="no TLS"):
        deliver(part, found(), {})
    assert not mail.got


def test_mail_with_half_a_login():
    part = post(user_env="U", password_env="P")
    with pytest.raises(NotifyError, match="U and P"):
        deliver(part, found(), {"U": "me"})


def test_a_name_starts_no_header_of_its_own():
    mail = message(post(), found("x\r\nBcc: all@example.org"), config())
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]


def test_dry_run_sends_nothing(web):
    said = deliver(hook(), found(), {"HOOK": f"http://127.0.0.1:{web.server_port}/"}, dry_run=True)
    assert not web.got
    assert found().id in said[0]


@pytest.mark.parametrize(
    "items", [[], [found()], [found(HOSTILE), found("b", suppressed="because", resolved="2026-06-01")]]
)
def test_feed_is_well_formed_and_complete(items):
    part = NotifyPart(kind="atom")
    text = render(part, items, config(part, site=SitePart(url="https://example.org/audit/")), "2026-05-18")
    feed = ET.fromstring(text.encode("utf-8"))
    space = "{http://www.w3.org/2005/Atom}"
    ids = [e.findtext(f"{space}id") for e in feed.iter(f"{space}entry")]
    assert ids == [f"urn:audit:finding:{i.id}" for i in reversed(items) if not i.suppressed]
    for needed in ("title", "id", "updated"):
        assert feed.findtext(f"{space}{needed}")
    assert "<script>" not in text


def test_json_lines_and_markdown_hold_what_is_told():
    items = [found(), found(HOSTILE), found("old", old=True)]
    lines = (
        render(NotifyPart(kind="jsonl"), items, config(), "2026-05-18").encode("utf-8", "replace").decode().splitlines()
    )
    assert [json.loads(line)["id"] for line in lines] == [i.id for i in items[:2]]
    assert "<script>" not in render(NotifyPart(kind="markdown"), items, config(), "2026-05-18")
