"""The simulator as it runs, in a home of its own, and a small server in our place that keeps what is posted to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest
from django.conf import settings
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from config.environment import REPOSITORY
from messaging.sms.account import simulated_account
from tests.waiting import PATIENCE, does_listen, free_port, wait_until

SECRET = "the secret of the simulator's tests, which is long enough"
ACCOUNT = simulated_account(SECRET)
PHONE, OTHER_PHONE, SENDER = "+4915112345678", "+4915112345679", "+15005550006"
SERVICE = "MG" + "0" * 32


class Posted(NamedTuple):
    path: str
    params: dict[str, str]
    signature: str


class OurSide(ThreadingHTTPServer):
    """`answers` are the statuses of the next posts; then each is taken."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.posted: list[Posted] = []
        self.answers: list[int] = []
        self.twiml = ""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def statuses(self, sid: str | None = None) -> list[str]:
        return [
            post.params["MessageStatus"]
            for post in list(self.posted)
            if "MessageStatus" in post.params and sid in (None, post.params["MessageSid"])
        ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        params = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True))
        self.server.posted.append(Posted(self.path, params, self.headers["X-Twilio-Signature"]))
        status = self.server.answers.pop(0) if self.server.answers else 200
        body = self.server.twiml.encode() if "inbound" in self.path else b""
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ToTheSimulator(TwilioHttpClient):
    """The official client, with Twilio's address exchanged for ours."""

    def __init__(self, base: str, **options):
        super().__init__(**options)
        self.base = base

    def request(self, method, url, *arguments, **options):
        return super().request(method, url.replace("https://api.twilio.com", self.base), *arguments, **options)


class Simulator:
    def __init__(self, folder, ours: OurSide):
        self.folder, self.ours, self.port = folder, ours, free_port()
        self.base = f"http://127.0.0.1:{self.port}/simulator"
        self.start()

    def start(self) -> None:
        with open(self.folder / "simulator.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.simulator"], cwd=REPOSITORY, stdout=log, stderr=log,
                env={**os.environ, **self.environment()},
            )  # fmt: skip
        wait_until(lambda: does_listen(self.port) or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()

    def environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            # Of another home, which has no servers of its own.
            "DATABASE_URL": settings.DATABASE_URL,
            "REDIS_URL": settings.REDIS_URL,
            "SECRET_KEY": SECRET,
            "CALLBOARD_SMS_BACKEND": "simulator",
            "CALLBOARD_PUBLIC_URL": self.ours.url,
            "CALLBOARD_HOME": str(self.folder),
            "CALLBOARD_SIMULATOR_SOCKET": "",
            "CALLBOARD_SIMULATOR_PORT": str(self.port),
        }

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def log(self) -> str:
        return (self.folder / "simulator.log").read_text()

    def sdk(self, *, timeout: float = PATIENCE, **options) -> Client:
        http = ToTheSimulator(self.base, timeout=timeout, pool_connections=True)
        return Client(options.get("sid", ACCOUNT.sid), options.get("token", ACCOUNT.auth_token), http_client=http)

    def create(self, **fields):
        given = {"to": PHONE, "from_": SENDER, "body": "The doors are open.", "status_callback": self.callback()}
        return self.sdk().messages.create(**(given | fields))

    def callback(self, query: str = "delivery=1.signed%2Bpart") -> str:
        return f"{self.ours.url}/api/v1/webhooks/twilio/status?{query}"

    def ask(self, method: str, path: str, document=None, **headers) -> tuple[int, object, dict]:
        data = document if document is None or isinstance(document, bytes) else json.dumps(document).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=PATIENCE) as answer:
                return answer.status, read(answer), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, read(error), error.headers

    def set_faults(self, **shares) -> None:
        assert self.ask("PUT", "/faults", shares)[0] == 200

    def is_settled(self) -> bool:
        """No text is under way, and no callback."""
        counts = self.ask("GET", "/counts")[1]
        return counts["under_way"] == counts["callbacks_waiting"] == 0

    def arrived(self, phone: str = PHONE) -> list[dict]:
        return self.ask("GET", f"/messages?to=%2B{phone[1:]}&limit=1000")[1]["items"]

    def write(self, body: str, from_: str = PHONE, to: str = SENDER) -> dict:
        status, answer, _ = self.ask("POST", "/inbound", {"from": from_, "to": to, "body": body})
        assert status == 201, answer
        return answer


def read(answer) -> object:
    body = answer.read().decode()
    return json.loads(body) if "json" in answer.headers["Content-Type"] else body


def is_signed(post: Posted, base: str) -> bool:
    """As the official client checks it."""
    return RequestValidator(ACCOUNT.auth_token).validate(base + post.path, post.params, post.signature)


@pytest.fixture(scope="module")
def _running(tmp_path_factory):
    ours = OurSide()
    simulator = Simulator(tmp_path_factory.mktemp("simulator"), ours)
    yield simulator
    simulator.process.terminate()
    simulator.process.wait(PATIENCE)
    ours.shutdown()
    assert "Traceback" not in simulator.log()


@pytest.fixture
def ours(_running):
    """Nothing of an earlier test is still to come."""
    wait_until(_running.is_settled)
    _running.ours.posted, _running.ours.answers, _running.ours.twiml = [], [], ""
    return _running.ours


@pytest.fixture
def simulator(_running, ours):
    yield _running
    for name in _running.ask("GET", "/faults")[1]:
        _running.set_faults(**{name: 0})
    for phone in (PHONE, OTHER_PHONE):
        _running.write("START", phone)
