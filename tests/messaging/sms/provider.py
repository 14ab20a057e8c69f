"""A provider of texts as small as it can be: a real HTTP server that answers as it was told beforehand."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

ACCOUNT = "AC" + "1" * 32


class Provider:
    """`script` holds what the next calls get, in turn; after that each is accepted.

    201 accepts; a status with a code refuses; "accept_then_500" and "accept_then_silence" do both; "hang_up" does
    nothing and closes the connection.
    """

    def __init__(self):
        self.script: list = []
        # What it has accepted, as its list shows it.
        self.messages: list[dict] = []
        self.calls: list[dict] = []
        self.lock = threading.Lock()
        self.silence = threading.Event()
        # Between a call's arrival and its answer.
        self.on_call = lambda fields: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/base"

    def close(self) -> None:
        self.silence.set()
        self.server.shutdown()
        self.server.server_close()

    def texts_to(self, phone: str) -> list[str]:
        return [message["body"] for message in self.messages if message["to"] == phone]

    def accept(self, fields: dict, *, created_at: float | None = None, **values) -> dict:
        message = {
            "sid": f"SM{uuid4().hex}",
            "body": fields["Body"],
            "to": fields["To"],
            "from": fields.get("From"),
            "status": "queued",
            "error_code": None,
            "error_message": None,
            "direction": "outbound-api",
            "date_created": formatdate(created_at or time.time()),
            "date_sent": None,
            "date_updated": formatdate(),
            "num_segments": "1",
            "num_media": "0",
            "account_sid": ACCOUNT,
            "api_version": "2010-04-01",
            "price": None,
            "price_unit": "USD",
            "uri": "",
            "messaging_service_sid": fields.get("MessagingServiceSid"),
            **values,
        }
        with self.lock:
            self.messages.append(message)
        return message

    def _handler(provider):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Heads and bodies leave together.
            wbufsize = -1

            def log_message(self, *_):
                pass

            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                fields = dict(parse_qsl(raw.decode(), keep_blank_values=True))
                with provider.lock:
                    provider.calls.append({**fields, "path": self.path, "authorization": self.headers["Authorization"]})
                    told = provider.script.pop(0) if provider.script else 201
                provider.on_call(fields)
                provider._answer(self, told, fields)

            def do_GET(self):
                parts = urlsplit(self.path)
                name = parts.path.removesuffix(".json").rsplit("/", 1)[1]
                with provider.lock:
                    told = provider.script.pop(0) if provider.script and provider.script[0] == "list_500" else None
                    found = list(provider.messages)
                if told:
                    self.answer(500, {"status": 500, "message": "no"})
                elif name == "Messages":
                    phone = dict(parse_qsl(parts.query)).get("To")
                    shown = [message for message in found if phone in (None, message["to"])]
                    self.answer(200, {"messages": shown[::-1], "next_page_uri": None})
                else:
                    one = next((message for message in found if message["sid"] == name), None)
                    self.answer(200, one) if one else self.answer(404, {"code": 20404, "status": 404, "message": "no"})

            def answer(self, status: int, body: dict):
                raw = json.dumps(body).encode()
                with suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)
                    self.wfile.flush()

        return Handler

    def _answer(self, handler, told, fields: dict) -> None:
        status, code = told if isinstance(told, tuple) else (told, None)
        if status == "hang_up":
            handler.close_connection = True
        elif status == "accept_then_silence":
            self.accept(fields)
            self.silence.wait(60)
            handler.close_connection = True
        elif status == "accept_then_500":
            self.accept(fields)
            handler.answer(500, {"status": 500, "message": "no"})
        elif status == 201:
            handler.answer(201, self.accept(fields))
        else:
            handler.answer(status, {"status": status, "code": code, "message": f"no {fields['To']}"})
