"""Where webhooks may go, and what becomes of one that nobody takes: real servers, and every private address."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from api.outgoing import addresses
from tests.benchmarks.servers import serving


@pytest.fixture
def local(settings):
    settings.WEBHOOKS_MAY_BE_LOCAL = True


def answer(status: int) -> bytes:
    return f"HTTP/1.1 {status} Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


# --- What does not answer --------------------------------------------------------------------


def fault(url: str) -> str:
    with pytest.raises(addresses.Unreachable) as caught:
        addresses.post(url, b"{}", {})
    return str(caught.value)


def test_nobody_there(local):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert fault(f"http://127.0.0.1:{port}/") == "refused"


def test_no_such_name(local):
    assert fault("http://nothing.invalid/") == "name"


def test_no_http(local):
    with serving(lambda number: b"what?\r\n\r\n") as (_, target):
        assert fault(f"http://127.0.0.1:{target.port}/") == "broken"


def test_no_answer_at_all(local, monkeypatch):
    monkeypatch.setattr(addresses, "SECONDS", 0.3)
    gate = threading.Event()
    with serving(lambda number: gate.wait(30) and None) as (_, target):
        assert fault(f"http://127.0.0.1:{target.port}/") == "timeout"
        gate.set()


def test_who_is_reached_may_take_longer_to_answer_than_to_be_reached(local, monkeypatch):
    monkeypatch.setattr(addresses, "CONNECT_SECONDS", 0.2)
    with serving(lambda number: time.sleep(0.6) or answer(200)) as (_, target):
        assert addresses.post(f"http://127.0.0.1:{target.port}/", b"{}", {}) == 200


def test_a_slow_drip_does_not_hold_us(local, monkeypatch):
    monkeypatch.setattr(addresses, "SECONDS", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        with suppress(OSError):
            client, _ = listener.accept()
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while True:
                client.sendall(b"a")
                time.sleep(0.05)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        assert fault(f"http://127.0.0.1:{listener.getsockname()[1]}/") == "timeout"
    finally:
        listener.close()
        thread.join(30)
    assert not thread.is_alive()


def test_a_server_that_speaks_no_tls_is_held_for_one_that_never_answers(local, monkeypatch):
    monkeypatch.setattr(addresses, "SECONDS", 0.3)
    with serving(lambda number: answer(200)) as (_, target):
        assert fault(f"https://127.0.0.1:{target.port}/") == "timeout"


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes a certificate with openssl")
def test_a_certificate_that_nobody_vouches_for_is_refused(local, monkeypatch, tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with tls_server(context) as port:
        assert fault(f"https://127.0.0.1:{port}/") == "certificate"
        trusting = ssl.create_default_context(cafile=certificate)
        monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
        assert addresses.post(f"https://127.0.0.1:{port}/", b"{}", {}) == 204
        assert fault(f"https://localhost:{port}/") == "certificate"


@contextmanager
def tls_server(context: ssl.SSLContext):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(client, server_side=True) as secured:
                    # To its end: what is closed with something unread is reset under the answer.
                    asked = b""
                    while not asked.endswith(b"{}"):
                        asked += secured.recv(65536)
                    secured.sendall(answer(204))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(30)


# --- Where it may go -------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%lo",
    "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "::127.0.0.1",
    "::ffff:0:127.0.0.1", "64:ff9b:1::1", "100::1", "3fff::1", "5f00::1", "fec0::1", "4000::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address, figure):
    figure("private addresses", 1)
    assert addresses.is_public(address) is False


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses(address):
    assert addresses.is_public(address) is True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "127.1", "017700000001"])
def test_nothing_is_sent_to_this_machine_however_it_is_written(host, figure):
    with serving(lambda number: answer(200)) as (server, target):
        # A server refuses https as well; what counts is that nobody connects.
        assert fault(f"http://{host}:{target.port}/") in ("private", "name", "broken", "refused")
    figure("private addresses", 1)
    figure("private addresses reached", server.connections)
    assert server.connections == 0


def test_a_name_with_one_private_address_is_refused_and_no_second_answer_is_asked_for(monkeypatch):
    asked = []

    def lookup(host, port, **_):
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert fault("http://two.example/") == "private"
    assert asked == ["two.example"]
