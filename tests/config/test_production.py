"""Production as its files say: nginx, two web hosts, PgBouncer, Redis with a password; and a deploy under load."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts import tokens
from config.environment import REPOSITORY
from messaging.models import Delivery, Message
from tests.chaos.house import redis_program
from tests.messaging.conftest import start
from tests.nginx import nginx
from tests.pooler import pgbouncer, program
from tests.steps import Steps
from tests.waiting import PATIENCE, does_listen, free_port, wait_until
from tests.web import Answer, Web, read_answer, request

pytestmark = pytest.mark.slow

PASSWORD = "of-redis"
LOAD = 4
steps = Steps()


class Site:
    """Two web hosts, which are ports of this machine, behind nginx; between them and PostgreSQL a pool of three."""

    def __init__(self, stack: ExitStack, folder: Path):
        self.redis = self._redis(stack, folder)
        pool = stack.enter_context(pgbouncer(default_pool_size="3", reserve_pool_size="0"))
        self.environment = {
            "DATABASE_URL": pool.format(connection.settings_dict["NAME"]),
            "REDIS_URL": self.redis,
            "CALLBOARD_PREPARED_STATEMENTS": "off",
            "CALLBOARD_REAL_IP_HEADER": "X-Real-IP",
            "CALLBOARD_WEB_WORKERS": "1",
        }
        self.hosts = {}
        for _ in range(2):
            self.start(free_port())
        for web in self.hosts.values():
            wait_until(web.is_ready)
        stream_port = free_port()
        self.process(stack, "-m config.stream", CALLBOARD_STREAM_PORT=str(stream_port))
        wait_until(lambda: does_listen(stream_port))
        addresses = [f"127.0.0.1:{port}" for port in self.hosts]
        self.front = stack.enter_context(nginx(web=addresses, stream=[f"127.0.0.1:{stream_port}"]))
        stack.callback(self.stop)

    @staticmethod
    def _redis(stack: ExitStack, folder: Path) -> str:
        program, port = redis_program() or shutil.which("redis-server"), free_port()
        told = (REPOSITORY / "deploy" / "redis.conf").read_text().replace("change-this-password", PASSWORD)
        (folder / "redis.conf").write_text(told.replace("port 6379", f"port {port}") + f"dir {folder}\n")
        server = stack.enter_context(subprocess.Popen([program, folder / "redis.conf"], stdout=subprocess.DEVNULL))
        stack.callback(server.terminate)
        wait_until(lambda: does_listen(port))
        return f"redis://:{PASSWORD}@127.0.0.1:{port}/0"

    def process(self, stack: ExitStack, words: str, **more: str) -> subprocess.Popen:
        """Python, run with these words beside the web hosts, for as long as the stack is open."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
        kept |= {"DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": settings.SECRET_KEY}
        started = subprocess.Popen(
            [sys.executable, *words.split()],
            cwd=REPOSITORY,
            env=kept | self.environment | more,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(started.wait, PATIENCE)
        stack.callback(started.kill)
        return started

    def start(self, port: int) -> None:
        self.hosts[port] = Web(PORT=str(port), **self.environment)
        self.hosts[port].port = port

    def stop(self, *ports: int) -> None:
        for port in ports or self.hosts:
            self.hosts[port].process.terminate()
            self.hosts[port].process.wait(PATIENCE)

    def ask(self, method: str, path: str, body: dict | None = None, **headers: str) -> Answer:
        with socket.create_connection(("127.0.0.1", self.front.port), timeout=PATIENCE) as client:
            client.sendall(request(method, path, body, **headers))
            return read_answer(client)


@pytest.fixture
def site(transactional_db, tmp_path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack, tmp_path)


def test_production(site, cast, subtests, figure):
    steps.run(subtests, site=site, cast=cast, figure=figure, talk=start(cast, cast.mvp_dealer, cast.attendee))


def headers_of(user) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.issue(user=user)[1]}"}


@steps.add
def a_message_goes_through_all_of_it(site, talk, cast):
    headers = headers_of(cast.attendee)
    said = site.ask("POST", f"/api/v1/conversations/{talk.id}/messages", {"content": "Hi"}, **headers)
    assert said.status == 201, said.body
    assert Message.objects.filter(id=said.json["id"]).exists()
    with redis.Redis.from_url(site.redis) as known:
        assert known.exists(f"limit:person:{cast.attendee.id}"), "it was counted in that Redis"
    with pytest.raises(redis.AuthenticationError), redis.Redis.from_url(site.redis.replace(PASSWORD, "")) as stranger:
        stranger.ping()


@steps.add
def limits_count_the_address_that_nginx_sees(site):
    left = []
    for number in range(2):
        forged = dict.fromkeys(("X_Real_IP", "X_Forwarded_For", "Forwarded"), f"203.0.113.{number}")
        answer = site.ask("POST", "/api/v1/auth/login", {"username": f"no-{number}", "password": "x"}, **forged)
        assert answer.status == 401
        with redis.Redis.from_url(site.redis) as known:
            left.append(len(known.keys("limit:login-address:*")))
    assert left == [1, 1], "two addresses that a client claims are one"


@steps.add
def what_is_said_reaches_an_open_stream(site, talk, cast):
    """Nothing on the way holds it back until there is more of it."""
    with socket.create_connection(("127.0.0.1", site.front.port), timeout=PATIENCE) as client:
        client.sendall(request("GET", "/api/v1/stream", **headers_of(cast.attendee)))
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/event-stream")
        path = f"/api/v1/conversations/{talk.id}/messages"
        assert site.ask("POST", path, {"content": "Live"}, **headers_of(cast.mvp_dealer)).status == 201
        while b'"Live"' not in (line := answer.readline()):
            assert line, "it ended"


@steps.for_each(length=(300_000, 7_000_000))
def what_is_too_large_is_a_problem_document(site, length):
    with socket.create_connection(("127.0.0.1", site.front.port), timeout=PATIENCE) as client:
        head = f"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
        client.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode())
        if length < 1_000_000:
            client.sendall(b"x" * length)
        answer = read_answer(client)
    assert (answer.status, answer.json["code"]) == (413, "payload_too_large")
    assert answer.headers["Content-Type"] == "application/problem+json"


def roll(site: Site, port: int) -> None:
    """deploy/roll-web as it is delivered; this test is what restarts the process."""
    program("curl")
    asked, told = os.pipe(), os.pipe()
    command = ["bash", "-c", f"echo restart >&{asked[1]} && read -r done <&{told[0]}"]
    roller = subprocess.Popen(
        [REPOSITORY / "deploy" / "roll-web", f"127.0.0.1:{port}", *command],
        env=os.environ
        | {
            "CALLBOARD_UPSTREAMS": str(site.front.folder / "callboard-upstreams.conf"),
            "CALLBOARD_NGINX": " ".join(map(str, site.front.command)),
            "CALLBOARD_DRAIN_SECONDS": "1",
        },
        pass_fds=[asked[1], told[0]],
    )
    os.close(asked[1])
    os.close(told[0])
    with os.fdopen(asked[0]) as words, os.fdopen(told[1], "w") as answers:
        assert words.readline() == "restart\n"
        site.stop(port)
        assert not does_listen(port)
        site.start(port)
        answers.write("done\n")
    assert roller.wait(PATIENCE * 2) == 0


@steps.add
def a_deploy_host_by_host_fails_no_request(site, talk, cast, figure):
    people = [headers_of(cast.attendee), headers_of(cast.mvp_dealer)]
    is_over, wrong, said, began = threading.Event(), [], [], timezone.now()

    def keep_on(number: int) -> None:
        path = f"/api/v1/conversations/{talk.id}/messages"
        try:
            while not is_over.is_set():
                answer = site.ask("POST", path, {"content": "Hi"}, **people[number % 2])
                assert answer.status == 201, answer.body
                said.append(answer.json["id"])
                assert site.ask("GET", path, **people[number % 2]).status == 200
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=keep_on, args=(number,)) for number in range(LOAD)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(said) > LOAD or wrong)
        for port in list(site.hosts):
            roll(site, port)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    kept = {str(each) for each in Message.objects.filter(created_at__gte=began).values_list("id", flat=True)}
    figure("sends", len(said))
    figure("failed requests", len(wrong))
    figure("lost", len(set(said) - kept))
    figure("doubled", len(kept - set(said)))
    assert wrong == []
    assert kept == set(said)
    assert len(kept) == len(said), "each once"


WORKER = "-m celery -q -A config.celery worker -Q celery -n {}@%h --pool solo --without-gossip --without-mingle"


@steps.add
def workers_of_two_hosts_do_each_others_work(site, cast):
    path = f"/api/v1/events/{cast.event.id}/broadcasts"
    body, headers = (
        {"kind": "announcement", "content": "Doors open", "roles": ["attendee"]},
        headers_of(cast.mvp_dealer),
    )

    def announce() -> None:
        """Until it arrives: nobody sweeps here, so a wake-up that was lost is not made up for."""
        before = Delivery.objects.count()

        def has_arrived() -> bool:
            assert site.ask("POST", path, body, **headers).status == 201
            until = time.monotonic() + 5
            while Delivery.objects.count() == before and time.monotonic() < until:
                time.sleep(0.05)
            return Delivery.objects.count() > before

        wait_until(has_arrived, 2 * PATIENCE)

    with ExitStack() as stack:
        one, _ = (site.process(stack, WORKER.format(name)) for name in ("one", "two"))
        announce()
        one.kill()
        one.wait(PATIENCE)
        announce()


@steps.add
def with_no_web_process_left_the_answer_keeps_its_shape(site):
    site.stop()
    answer = site.ask("GET", "/api/v1/me")
    assert (answer.status, answer.json["code"]) == (503, "service_unavailable")
    assert answer.headers["Retry-After"] == "1"


# --- Files that no process of a test reads -----------------------------------------------------


@pytest.fixture
def units(tmp_path) -> list[Path]:
    """With this machine's Python and places, so that what they name is there."""
    made = []
    for unit in sorted((REPOSITORY / "deploy" / "systemd").iterdir()):
        told = unit.read_text().replace("/srv/callboard/.venv/bin/python", sys.executable)
        made.append(tmp_path / unit.name)
        made[-1].write_text(told)
    return made


def test_systemd_takes_the_units(units):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    ran = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    # Of other units of the machine it complains too.
    ours = [line for line in ran.stderr.splitlines() if "callboard" in line]
    assert ours == []


def test_the_units_run_what_the_procfile_runs(units):
    """And nothing else; the front is nginx, and the simulator has no place in production."""
    procfile = dict(
        line.split(": ", 1) for line in (REPOSITORY / "Procfile").read_text().splitlines() if line[0] != "#"
    )
    commands = [line for unit in units for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    for name in set(procfile) - {"front", "simulator"}:
        words = [word for word in procfile[name].split() if word.startswith(("config.", "worker", "beat", "celery,"))]
        assert any(all(word in command for word in words) for command in commands), name
