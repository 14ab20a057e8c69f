import asyncio
import signal
import sys
from math import inf
from time import monotonic

from config.environment import Misconfigured
from config.front.backend import Backend
from config.front.client import Client

STREAM_PATH = b"/api/v1/stream"
SIMULATOR_PATH = b"/simulator"
WEB_CONNECTIONS = 128  # more requests at once wait here for their turn, however slow those under way are
SWEEP_SECONDS, STOP_SECONDS = 1, 3


class Front:
    def __init__(
        self, web_socket: str, stream_socket: str, simulator_socket: str | None = None, *, web_width: float = inf
    ):
        self.web = Backend("web", web_socket, WEB_CONNECTIONS, web_width)
        self.stream = Backend("stream", stream_socket)
        # Where texts really go out there is none, and what its address is answered is web's to say.
        self.simulator = Backend("simulator", simulator_socket) if simulator_socket else self.web
        self.clients: set[Client] = set()
        self.is_stopping = False

    def backend_for(self, target: bytes) -> Backend:
        path = target.partition(b"?")[0]
        if path.startswith(SIMULATOR_PATH) and path[len(SIMULATOR_PATH) :][:1] in (b"", b"/"):
            return self.simulator
        return self.stream if path == STREAM_PATH else self.web

    async def run(self, host: str, port: int):
        loop, asked_to_stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked_to_stop.set)
        try:
            server = await loop.create_server(lambda: Client(self), host, port, backlog=2048)
        except OSError as error:
            raise Misconfigured(f"PORT={port} cannot be used on {host}: {error}") from None
        sweeper = loop.create_task(self.cut_off_the_late())
        sys.stderr.write(f"front: listening on {host}:{port}\n")
        await asked_to_stop.wait()
        server.close()
        await self.stop()
        sweeper.cancel()

    async def cut_off_the_late(self):
        """One timer for all connections: a timer each would cost more than the rest of a small request."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = monotonic()
            for client in [client for client in self.clients if client.is_late(now)]:
                client.transport.abort()

    async def stop(self):
        """Requests under way get their answer; live streams would never end, they are cut and come again."""
        self.is_stopping = True
        last = monotonic() + STOP_SECONDS
        for client in [client for client in self.clients if client.is_idle]:
            client.transport.close()
        while any(c.exchange is None or c.exchange.backend is not self.stream for c in self.clients):
            if monotonic() > last:
                break
            await asyncio.sleep(0.02)
        for client in list(self.clients):
            client.transport.abort()
