"""The web process (python -m config.web): granian serving WSGI, its size taken from the machine."""

import socket
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces

from config.environment import Misconfigured, exit_clearly, ip, read, socket_path, whole_number
from config.size import web_threads, web_workers


def clear_away(uds: Path) -> None:
    """The socket of a server that was killed; one that answers is somebody's and stays."""
    with socket.socket(socket.AF_UNIX) as client:
        if client.connect_ex(str(uds)) != 0:
            uds.unlink(missing_ok=True)


def server() -> Granian:
    uds = read("CALLBOARD_WEB_SOCKET", socket_path, None)
    if uds:
        clear_away(uds)
    return Granian(
        "config.web_worker:application",
        address=read("CALLBOARD_HOST", ip, "127.0.0.1"),
        port=read("PORT", whole_number(1, 65535), 8000),
        uds=uds,
        uds_permissions=0o600,
        interface=Interfaces.WSGI,
        workers=web_workers(),
        blocking_threads=web_threads(),
        # A thread that ends takes its connection and its prepared statements along: keep it as long as allowed.
        blocking_threads_idle_timeout=600,
        # Connections taken at once, not work at once: what is more than the threads waits in line here.
        backlog=2048,
        backpressure=1024,
        websockets=False,
        respawn_failed_workers=True,
        # Calls take milliseconds; what has not ended by then is a worker that was still loading.
        workers_kill_timeout=3,
        log_level="warning",
    )


def main() -> None:
    try:
        granian = server()
    except Misconfigured as error:
        exit_clearly(error)
    granian.serve()


if __name__ == "__main__":
    main()
