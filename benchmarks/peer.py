"""The same three things done by another message server, on the same PostgreSQL in the same run: Matrix' Synapse.

    script/bench --only peer

It is installed into an environment of its own (some 250 MB, kept in the cache folder), with its limits raised and
without federation, presence or encryption. What it does is not the same: it replicates rooms between servers, and
Callboard does not. The figures say what each costs an event that runs one server.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

from benchmarks import calls, table
from benchmarks.bounds import TEXT
from benchmarks.calls import Answers, Event
from benchmarks.load import Target
from benchmarks.promises import Outcome, Promise, outcome
from benchmarks.stand import NotReady, Stand, free_port

PACKAGES = ("matrix-synapse==1.163.2", "psycopg2-binary==2.9.13")
DATABASE = "peer"
PEOPLE, CONNECTIONS, SAID = 40, 16, 60
READY_WITHIN = 120
# As many as anybody may; what it would refuse says nothing about how fast it is.
UNLIMITED = {"per_second": 1e6, "burst_count": 1e6}
LIMITS = {
    **dict.fromkeys(("rc_message", "rc_registration", "rc_admin_redaction", "rc_room_creation"), UNLIMITED),
    "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), UNLIMITED),
    "rc_joins": {"local": UNLIMITED, "remote": UNLIMITED},
    "rc_invites": {"per_room": UNLIMITED, "per_user": UNLIMITED, "per_issuer": UNLIMITED},
}


def run(stand: Stand, event: Event, *, seconds: float) -> Outcome:
    with installed() as python, database(stand) as where, serving(python, where) as peer:
        rooms = peer.rooms()
        table.heading()
        theirs = {
            "send": _theirs(stand, "Synapse: send", peer, peer.sends(rooms), seconds),
            "start": _theirs(stand, "Synapse: make a room, as yet without a message", peer, peer.starts(), seconds),
            "read": _theirs(stand, "Synapse: 50 messages", peer, peer.reads(rooms), seconds),
        }
    answers = Answers()
    plan = {"connections": CONNECTIONS, "seconds": seconds}
    front = stand.front
    ours = {
        "send": table.measure(stand, front, calls.sends(front, event.senders()), on_answer=answers.sent, **plan),
        "start": table.measure(
            stand, front, calls.starts(front, event, event.strangers(20_000)), on_answer=answers.started, **plan
        ),
        "read": table.measure(stand, front, _pages(front, event), **plan),
    }
    for name, measured in ours.items():
        table.row(f"Callboard: {name}", measured)
    rates = {name: (ours[name].result.rate, theirs[name]) for name in ours}
    # A start is two calls there.
    rates["start"] = (ours["start"].result.rate, 1 / (1 / theirs["start"] + 1 / theirs["send"]))
    promises = [
        Promise(f"{words}, of Synapse's", mine / their, "times", note=f"{mine:,.0f} · {their:,.0f} a second")
        for words, (mine, their) in zip(
            ("sends", "starts with a first message", "reads of 50 messages"), rates.values(), strict=True
        )
    ]
    failed = sum(measured.result.failed for measured in ours.values())
    return outcome(*promises, is_whole=failed == 0 and answers.missing_messages(stand) == 0)


def _theirs(stand: Stand, name: str, peer: Peer, requests: Iterator[bytes], seconds: float) -> float:
    measured = table.measure(stand, peer.target, requests, connections=CONNECTIONS, seconds=seconds)
    table.row(name, measured)
    if not measured.result.answered:
        raise NotReady(f"{name}: nothing was answered")
    return measured.result.rate


def _pages(target: Target, event: Event) -> Iterator[bytes]:
    return itertools.cycle(
        target.request("GET", f"/api/v1/conversations/{conversation}/messages?limit=50", token=token)
        for token, conversation in event.senders()
    )


class Peer:
    """Its people, signed in, and the calls of its client API."""

    def __init__(self, port: int, secret: str):
        self.target, self.secret, self.tokens = Target(port=port), secret, []
        self.base = f"http://127.0.0.1:{port}"

    def ask(self, method: str, path: str, body: dict | None = None, token: str | None = None) -> dict:
        request = urllib.request.Request(self.base + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=60) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise NotReady(f"Synapse answered {path} with {error.code}: {error.read(300).decode()}") from None

    def register(self, name: str) -> None:
        nonce = self.ask("GET", "/_synapse/admin/v1/register")["nonce"]
        signed = "\0".join((nonce, name, name, "notadmin")).encode()
        body = {
            "nonce": nonce, "username": name, "password": name, "admin": False,
            "mac": hmac.new(self.secret.encode(), signed, hashlib.sha1).hexdigest(),
        }  # fmt: skip
        self.tokens.append(self.ask("POST", "/_synapse/admin/v1/register", body)["access_token"])

    def rooms(self) -> list[tuple[str, str]]:
        """(token, room) of both sides of each pair; each room has more than a page of messages."""
        for number in range(PEOPLE):
            self.register(f"person{number}")
        found = []
        for one, other in zip(self.tokens[::2], self.tokens[1::2], strict=True):
            room = self.ask("POST", "/_matrix/client/v3/createRoom", {"preset": "public_chat"}, one)["room_id"]
            self.ask("POST", f"/_matrix/client/v3/rooms/{room}/join", {}, other)
            found += [(one, room), (other, room)]
        for number in range(SAID):
            token, room = found[0]
            self.ask("PUT", f"{_send_path(room)}/{number}", {"msgtype": "m.text", "body": TEXT}, token)
        return found

    def sends(self, rooms: list[tuple[str, str]]) -> Iterator[bytes]:
        for number, (token, room) in enumerate(itertools.cycle(rooms)):
            body = json.dumps({"msgtype": "m.text", "body": f"{TEXT} {number}"}).encode()
            yield self.target.request("PUT", f"{_send_path(room)}/m{number}", body, token=token)

    def starts(self) -> Iterator[bytes]:
        for token in itertools.cycle(self.tokens):
            body = json.dumps({"preset": "trusted_private_chat", "is_direct": True}).encode()
            yield self.target.request("POST", "/_matrix/client/v3/createRoom", body, token=token)

    def reads(self, rooms: list[tuple[str, str]]) -> Iterator[bytes]:
        path = "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=50"
        return itertools.cycle(self.target.request("GET", path.format(room), token=token) for token, room in rooms)


def _send_path(room: str) -> str:
    return f"/_matrix/client/v3/rooms/{room}/send/m.room.message"


@contextmanager
def installed() -> Iterator[Path]:
    """The Python of an environment that has it; made once and kept in the cache of whoever runs this."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "callboard" / "-".join(PACKAGES)
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        print(f"peer: installing {', '.join(PACKAGES)} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        if subprocess.run(pip, check=False).returncode:
            raise NotReady("Synapse could not be installed; pip says above why")
        (folder / "whole").touch()
    yield python


@contextmanager
def database(stand: Stand) -> Iterator[dict]:
    """One of its own on the same server, and how it is reached."""
    with psycopg.connect(stand.database_url, autocommit=True) as opened:
        opened.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        opened.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
            ).format(sql.Identifier(DATABASE))
        )
        known = conninfo.conninfo_to_dict(stand.database_url)
        try:
            yield {**known, "dbname": DATABASE, "cp_min": 5, "cp_max": 16}
        finally:
            opened.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))


@contextmanager
def serving(python: Path, where: dict) -> Iterator[Peer]:
    with tempfile.TemporaryDirectory(prefix="callboard-peer-") as name:
        folder, port, secret = Path(name), free_port(), secrets.token_hex(16)
        file = folder / "homeserver.yaml"
        # What is JSON is YAML too.
        file.write_text(json.dumps(_settings(folder, port, secret, where)))
        (folder / "log.yaml").write_text(json.dumps({"version": 1, "root": {"level": "ERROR"}}))
        command = [python, "-m", "synapse.app.homeserver", "--config-path", file]
        subprocess.run([*command, "--generate-keys"], cwd=folder, check=True, capture_output=True)
        with open(folder / "said", "wb") as said:
            server = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
        try:
            _wait(server, port, folder / "said")
            yield Peer(port, secret)
        finally:
            server.terminate()
            server.wait(60)


def _settings(folder: Path, port: int, secret: str, where: dict) -> dict:
    listener = {
        "port": port, "type": "http", "bind_addresses": ["127.0.0.1"], "resources": [{"names": ["client"]}],
    }  # fmt: skip
    return {
        "server_name": "peer.localhost",
        "listeners": [listener],
        "database": {"name": "psycopg2", "args": where},
        "registration_shared_secret": secret,
        "macaroon_secret_key": secret,
        "form_secret": secret,
        "signing_key_path": str(folder / "signing.key"),
        "media_store_path": str(folder / "media"),
        "log_config": str(folder / "log.yaml"),
        "pid_file": str(folder / "pid"),
        "report_stats": False,
        "trusted_key_servers": [],
        "presence": {"enabled": False},
        "url_preview_enabled": False,
        **LIMITS,
    }


def _wait(server: subprocess.Popen, port: int, said: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and server.poll() is None:
        try:
            direct.open(f"http://127.0.0.1:{port}/_matrix/client/versions", timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    raise NotReady(f"Synapse did not start: {said.read_text()[-800:].strip()}")
