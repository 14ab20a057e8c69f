"""Everything that takes part in sending a text, as real processes: Redis, web, the simulator, beats and workers.

Each process leads a group of its own, which is killed as a whole. Workers and beats are forks of a process that has
imported everything, so that many can be started and killed.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import uuid4

import psutil
import redis
from django.conf import settings
from django.db import connection
from twilio.request_validator import RequestValidator

from config import embedded_redis
from config.environment import REPOSITORY
from config.home import Unusable
from config.processes import _end_with_parent
from messaging.sms.account import simulated_account
from tests.waiting import PATIENCE, does_listen, free_port, wait_until

LEASE_SECONDS, SWEEP_SECONDS = 4, 1
BEAT = "beat -l INFO --max-interval 1 --schedule {folder}/{name}.schedule --pidfile="
WORKER = "worker -l INFO --without-gossip --without-mingle -n {name}@chaos "
GROUP, SOLO = "--concurrency 2", "--pool solo"


def redis_program() -> Path | None:
    try:
        return embedded_redis._program()
    except Unusable:
        return None


class House:
    def __init__(self, folder: Path):
        self.folder, self.running, self.words = folder, {}, {}
        self.web_port, self.simulator_port = free_port(), free_port()
        self.injected: Counter[str] = Counter()
        self.chance = random.Random(int(os.environ.get("CALLBOARD_CHAOS_SEED", "7")))
        self.environment = {**os.environ, **self._settings()}
        self.start_redis()
        self.web = self._process("web", "config.web")
        self.simulator = self._process("simulator", "config.simulator")
        self.forks = subprocess.Popen(
            [sys.executable, "-m", "tests.broadcasts.forks"], env=self.environment, cwd=REPOSITORY,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log("forks"), text=True,
            preexec_fn=_end_with_parent,
        )  # fmt: skip
        assert self.forks.stdout.readline() == "ready\n", self.logs()
        wait_until(lambda: does_listen(self.web_port) and does_listen(self.simulator_port))

    def _settings(self) -> dict[str, str]:
        parts = urlsplit(settings.DATABASE_URL)
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
            "REDIS_URL": f"unix://{self.folder}/redis.sock?db=0",
            "SECRET_KEY": settings.SECRET_KEY,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH")))),
            "PORT": str(self.web_port),
            "CALLBOARD_HOME": str(self.folder),
            "CALLBOARD_WEB_WORKERS": "1",
            "CALLBOARD_SIMULATOR_PORT": str(self.simulator_port),
            "CALLBOARD_SMS_BACKEND": "simulator",
            "TWILIO_BASE_URL": f"http://127.0.0.1:{self.simulator_port}/simulator",
            "CALLBOARD_SWEEP_SECONDS": str(SWEEP_SECONDS),
            "CALLBOARD_LEASE_SECONDS": str(LEASE_SECONDS),
            "CALLBOARD_SMS_RATE": "10000",
            # So that batches are under way when something goes wrong, and what is not known is soon looked at.
            "CALLBOARD_SMS_BATCH": "20",
            "CALLBOARD_SMS_SAFE_AGE_SECONDS": "6",
            "CALLBOARD_SMS_SETTLE_SECONDS": "2",
            "CALLBOARD_SMS_EVENT_LIMIT": "1000000",
            "CALLBOARD_SMS_DESTINATION_LIMIT": "1000000",
        }

    def _log(self, name: str):
        return open(self.folder / f"{name}.log", "ab")

    def _process(self, name: str, module: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", module], env=self.environment, cwd=REPOSITORY, stdin=subprocess.DEVNULL,
            stdout=self._log(name), stderr=self._log(name), start_new_session=True, preexec_fn=_end_with_parent,
        )  # fmt: skip

    # --- Workers and beats

    def start(self, name: str, words: str = "", **environment: str) -> None:
        """A beat, if it is called one; a worker otherwise. The same again where no words are given."""
        if words or name not in self.words:
            line = BEAT if name.startswith("beat") else WORKER + (words or GROUP)
            own = [f"{key}={value}" for key, value in environment.items()]
            self.words[name] = " ".join([*own, line.format(folder=self.folder, name=name)])
        self.forks.stdin.write(f"{self.folder}/{name}.log {self.words[name]}\n")
        self.forks.stdin.flush()
        self.running[name] = int(self.forks.stdout.readline())

    def lives(self, name: str) -> bool:
        try:
            return psutil.Process(self.running[name]).status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, KeyError):
            return False

    def kill(self, name: str) -> None:
        with suppress(ProcessLookupError):
            # First itself, which may not lead its group yet.
            os.kill(self.running[name], signal.SIGKILL)
            os.killpg(self.running[name], signal.SIGKILL)

    def kill_child(self, name: str) -> bool:
        """One that works for it; the worker itself goes on."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.running[name]).children()
            if children:
                self.chance.choice(children).kill()
                return True
        return False

    def end_work(self) -> None:
        """Nobody is left who could still write: neither of them, nor a statement of theirs."""
        for name in self.running:
            self.kill(name)
        self.running, self.words = {}, {}
        wait_until(self._nobody_writes)

    @staticmethod
    def _nobody_writes() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            return cursor.fetchone() == (0,)

    # --- Servers

    def start_redis(self) -> None:
        self.redis = subprocess.Popen(
            [redis_program(), "--port", "0", "--unixsocket", self.folder / "redis.sock", "--save", ""],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=_end_with_parent,
        )  # fmt: skip
        wait_until(lambda: does_listen(f"{self.folder}/redis.sock"))

    def restart_redis(self) -> None:
        self.redis.kill()
        self.redis.wait(PATIENCE)
        self.start_redis()

    def flush_redis(self) -> None:
        with redis.Redis(unix_socket_path=f"{self.folder}/redis.sock") as client:
            client.flushall()

    def restart_simulator(self) -> None:
        self.simulator.kill()
        self.simulator.wait(PATIENCE)
        self.simulator = self._process("simulator", "config.simulator")
        wait_until(lambda: does_listen(self.simulator_port))

    def cut_connections(self, most: int = 3) -> int:
        """Of workers and web, in the middle of whatever they are at."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM ("
                " SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND usename = current_user AND backend_type = 'client backend' ORDER BY random() LIMIT %s) AS chosen",
                [most],
            )
            return cursor.fetchone()[0]

    # --- The simulator

    def ask(self, method: str, path: str, document=None):
        client = http.client.HTTPConnection("127.0.0.1", self.simulator_port, timeout=PATIENCE)
        try:
            client.request(method, f"/simulator{path}", None if document is None else json.dumps(document))
            answer = client.getresponse()
            body = json.loads(answer.read())
        finally:
            client.close()
        assert answer.status < 300, body
        return body

    def set_faults(self, **shares: float) -> None:
        """Those, and no others."""
        self.ask("PUT", "/faults", dict.fromkeys(self.ask("GET", "/faults"), 0) | shares)

    def counts(self) -> Counter[str]:
        return Counter(self.ask("GET", "/counts"))

    def is_silent(self) -> bool:
        """The simulator has nothing more to tell."""
        counts = self.counts()
        return counts["under_way"] == counts["callbacks_waiting"] == 0

    def accepted(self) -> list[dict]:
        return self.ask("GET", "/messages?limit=20000")["items"]

    # --- The web process

    def write_to_us(self, phone: str, body: str) -> None:
        """As the provider passes on what a phone wrote; it is done when this returns."""
        url = f"http://127.0.0.1:{self.web_port}/api/v1/webhooks/twilio/inbound"
        fields = {"From": phone, "To": "+15005550006", "Body": body, "MessageSid": f"SM{uuid4().hex}"}
        signature = RequestValidator(simulated_account(settings.SECRET_KEY).auth_token).compute_signature(url, fields)
        client = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=PATIENCE)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        try:
            client.request("POST", urlsplit(url).path, urlencode(fields), headers)
            assert client.getresponse().status == 200
        finally:
            client.close()

    # --- The end

    def close(self) -> None:
        for name in self.running:
            self.kill(name)
        self.web.terminate()  # which has workers of its own to end
        for process in (self.forks, self.simulator, self.redis):
            process.kill()
        for process in (self.forks, self.simulator, self.redis, self.web):
            process.wait(PATIENCE)

    def logs(self) -> str:
        return "\n".join(
            f"--- {file.name}\n{file.read_text(errors='replace')[-2000:]}" for file in self.folder.glob("*.log")
        )
