"""A large body costs the server no memory, whoever sends it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

from tests.support.server import Server

SIZE_BYTES = 96 << 20
HEAD = b'--b\r\nContent-Disposition: form-data; name="archive"; filename="a"\r\nContent-Type: application/gzip\r\n\r\n'
TAIL = b"\r\n--b--\r\n"


def peak_bytes(pid: int) -> int:
    """The most memory a process had."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def body() -> Iterator[bytes]:
    yield HEAD
    for _ in range(SIZE_BYTES >> 20):
        yield b"\x1f\x8b" * (1 << 19)
    yield TAIL


def test_an_upload_passes_through_without_being_held(tmp_path):
    with Server(tmp_path / "data") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/signin/")
        connection.getresponse().read()
        before = peak_bytes(server.pid)
        length = len(HEAD) + SIZE_BYTES + len(TAIL)
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(length)}
        connection.request("POST", "/signin/", body(), headers)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (403, True), "a form without its token"
        assert peak_bytes(server.pid) - before < SIZE_BYTES // 2
        connection.close()
        assert server.stop() == 0
