"""An ASGI application as a process of its own: on a unix socket, or a port where none is named."""

from __future__ import annotations

from typing import Any

import uvicorn
from django.conf import settings

from config.environment import Misconfigured, exit_clearly, read, whole_number


def serve(make: Any, name: str, port: int, **options: Any) -> None:
    """`make` gives the application; CALLBOARD_<name>_SOCKET and _PORT say where it listens."""
    try:
        application = make()
        socket_path = read(f"CALLBOARD_{name}_SOCKET", str, None)
        port = read(f"CALLBOARD_{name}_PORT", whole_number(1, 65535), port)
        logging_settings = settings.LOGGING
    except Misconfigured as error:
        exit_clearly(error)
    uvicorn.run(
        application,
        **{
            "uds": socket_path,
            "port": port,
            "loop": "uvloop",
            "http": "httptools",
            "ws": "none",
            "lifespan": "on",
            "access_log": False,
            "server_header": False,
            "timeout_graceful_shutdown": 2,
            "log_config": logging_settings,
            **options,
        },
    )
