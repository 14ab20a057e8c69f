import resource

import uvloop

from config.environment import Misconfigured, exit_clearly, read, whole_number
from config.front.server import Front
from config.size import web_threads, web_workers


def socket_path(name: str) -> str:
    path = read(name, str, "")
    if not path:
        raise Misconfigured(f"{name} is not set: give the path of the process's unix socket")
    return path


def main():
    try:
        host, port = read("CALLBOARD_HOST", str, "127.0.0.1"), read("PORT", whole_number(1, 65535), 8000)
        sockets = socket_path("CALLBOARD_WEB_SOCKET"), socket_path("CALLBOARD_STREAM_SOCKET")
        simulator = read("CALLBOARD_SIMULATOR_SOCKET", str, None)
        front = Front(*sockets, simulator, web_width=web_workers() * web_threads())
        # Every live stream takes two.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        uvloop.run(front.run(host, port))
    except Misconfigured as error:
        exit_clearly(error)


if __name__ == "__main__":
    main()
