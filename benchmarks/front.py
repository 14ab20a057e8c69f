"""What the front costs: an empty DRF view asked directly, through the front, and through nginx where it is installed.

    .venv/bin/python -m benchmarks.front [seconds]

Needs wrk. Load, proxy and application share this machine, so the direct figure is the bound to compare with.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.nginx import tried_here

REPOSITORY = Path(__file__).resolve().parent.parent
VIEW = """
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="empty", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], INSTALLED_APPS=["rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [], "DEFAULT_PERMISSION_CLASSES": [], "UNAUTHENTICATED_USER": None,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)
django.setup()
from django.core.wsgi import get_wsgi_application
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

class Empty(APIView):
    def get(self, request):
        return Response({"ok": True})

urlpatterns = [path("api/v1/me", Empty.as_view())]
application = get_wsgi_application()
"""
GRANIAN = ["--interface", "wsgi", "--workers", "2", "--blocking-threads", "4", "--no-ws", "--log-level", "error"]


def start(command: list[str], folder: str, **environment: str) -> psutil.Process:
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{folder}", **environment}
    return psutil.Process(subprocess.Popen(command, cwd=folder, env=environment).pid)


def cpu_seconds(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(port: int):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(1)  # the backend behind it, and its workers
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def load(port: int, seconds: int) -> str:
    command = ["wrk", "-c", "64", "-t", "2", "-d", str(seconds), "--latency", f"http://127.0.0.1:{port}/api/v1/me"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def measure(name: str, port: int, seconds: int, web: psutil.Process, proxy: psutil.Process | None):
    wait_for(port)
    load(port, 2)
    processes = [process for process in (web, proxy) if process]
    before = [cpu_seconds(process) for process in processes]
    report = load(port, seconds)
    used = [cpu_seconds(process) - start for process, start in zip(processes, before, strict=True)]
    requests = int(re.search(r"(\d+) requests in", report)[1])
    median, p99 = (re.search(rf"{share}%\s+(\S+)", report)[1] for share in ("50", "99"))
    rate = float(re.search(r"Requests/sec:\s+(\S+)", report)[1])
    micros = [f"{1e6 * one / requests:.0f}" for one in used] + ["–"]
    bad = "  NOT ALL ANSWERED 200" if "Non-2xx" in report or "Socket errors" in report else ""
    print(f"{name:<22}{rate:>10,.0f}{median:>11}{p99:>11}{micros[0]:>12}{micros[1]:>12}{bad}")


def nginx_settings(folder: str, port: int) -> str:
    """deploy/nginx with our sockets and without TLS."""
    return tried_here(folder, port, web=[f"unix:{folder}/web.sock"], stream=[f"unix:{folder}/stream.sock"])


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    granian = str(Path(sys.executable).parent / "granian")
    with tempfile.TemporaryDirectory(prefix="front", dir="/tmp") as folder:
        Path(folder, "empty_view.py").write_text(VIEW)
        print(f"{'':<22}{'requests/s':>10}{'median':>11}{'p99':>11}{'web µs':>12}{'proxy µs':>12}   (CPU a request)")
        ports = [free_port() for _ in range(3)]
        web = start([granian, *GRANIAN, "--port", str(ports[0]), "empty_view:application"], folder)
        measure("granian directly", ports[0], seconds, web, None)
        stop(web)

        sockets = {"CALLBOARD_WEB_SOCKET": f"{folder}/web.sock", "CALLBOARD_STREAM_SOCKET": f"{folder}/stream.sock"}
        web = start([granian, *GRANIAN, "--uds", f"{folder}/web.sock", "empty_view:application"], folder)
        front = start([sys.executable, "-m", "config.front"], folder, PORT=str(ports[1]), **sockets)
        measure("front before granian", ports[1], seconds, web, front)
        stop(front)

        if shutil.which("nginx"):
            Path(folder, "nginx.conf").write_text(nginx_settings(folder, ports[2]))
            nginx = start(["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"], folder)
            measure("nginx before granian", ports[2], seconds, web, nginx)
            stop(nginx)
        stop(web)


def stop(process: psutil.Process):
    process.terminate()
    process.wait(10)


if __name__ == "__main__":
    main()
