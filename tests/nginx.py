"""nginx, as the files in deploy/nginx set it up, with ports of this machine and without TLS. Debian's."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from config.environment import REPOSITORY
from tests.pooler import program
from tests.waiting import PATIENCE, does_listen, free_port, wait_until

FILES = REPOSITORY / "deploy" / "nginx"
_SERVERS = re.compile(r"(upstream callboard_(web|stream) \{.*?)((?:^ *server [^\n]*\n)+)", re.DOTALL | re.MULTILINE)


def tried_here(folder: str, port: int, *, web: Sequence[str], stream: Sequence[str]) -> str:
    """The whole of an nginx.conf; where the processes listen stands in a file of its own, as it is delivered."""
    listen = {"web": web, "stream": stream}
    upstreams = _SERVERS.sub(
        lambda found: found[1] + "".join(f"    server {address};\n" for address in listen[found[2]]),
        (FILES / "callboard-upstreams.conf").read_text(),
    )
    Path(folder, "callboard-upstreams.conf").write_text(upstreams)
    server = re.sub(r" *(ssl_certificate|listen \[::\]).*\n", "", (FILES / "callboard.conf").read_text())
    server = server.replace("listen 443 ssl http2", f"listen 127.0.0.1:{port}")
    who = "user root;" if os.geteuid() == 0 else ""
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""{who} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{ access_log off; {temporary} include {folder}/callboard-upstreams.conf; {server} }}"""


class Nginx:
    def __init__(self, folder: str, web: Sequence[str], stream: Sequence[str]):
        self.port, self.folder = free_port(), Path(folder)
        file = self.folder / "nginx.conf"
        file.write_text(tried_here(folder, self.port, web=web, stream=stream))
        self.command = [program("nginx"), "-p", folder, "-c", str(file), "-e", f"{folder}/nginx.log"]
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        wait_until(lambda: does_listen(self.port) or self.process.poll() is not None)
        assert self.process.poll() is None, (self.folder / "nginx.log").read_text()


@contextmanager
def nginx(*, web: Sequence[str], stream: Sequence[str]) -> Iterator[Nginx]:
    with tempfile.TemporaryDirectory(prefix="cb-nginx-", dir="/tmp") as folder:
        started = Nginx(folder, web, stream)
        try:
            yield started
        finally:
            started.process.terminate()
            started.process.wait(PATIENCE)
