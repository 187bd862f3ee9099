"""`manage.py serve` from outside: a process, its terminal, its port and its end."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.management.conftest import ROOT, Place

pytestmark = pytest.mark.e2e
LINK = re.compile(r"http://127\.0\.0\.1:\d+/signin/link/[\w-]+")


class Server:
    """A running server and what it has printed."""

    def __init__(self, place: Place, port: int) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(port)]
        self.process = subprocess.Popen(
            command, env=place.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.port = port
        self.first = self.process.stdout.readline()

    def get(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), body

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        rest, err = self.process.communicate(timeout=30)
        return self.process.returncode, rest, err


@pytest.fixture
def port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def start(empty_place, port):
    started = []

    def begin(place=empty_place, at=port):
        started.append(Server(place, at))
        return started[-1]

    yield begin
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def test_an_empty_place_becomes_a_server_one_can_sign_in_to(start):
    server = start()
    assert f"port {server.port}" in server.first
    link = LINK.search(server.process.stdout.readline()).group()  # flushed at once: the server is still running
    status, headers, _ = server.get(urlsplit(link).path)
    assert status == 302
    cookie = headers["Set-Cookie"].split(";")[0]
    status, _, body = server.get(headers["Location"], Cookie=cookie)
    assert status in {200, 302}, body[:500]
    assert server.get(urlsplit(link).path)[0] == 404  # once
    code, rest, err = server.stop()
    assert (code, rest) == (0, "")
    assert "Traceback" not in err


def test_no_other_url_with_a_path_is_printed(start):
    server = start()
    line = server.process.stdout.readline()
    assert LINK.search(line)
    _, rest, _ = server.stop()
    assert re.findall(r"https?://[^\s/]+/\S+", server.first + rest) == []


def test_a_link_is_printed_on_every_start_until_an_admin_has_a_password(start, empty_place):
    for _ in range(2):
        server = start()
        assert LINK.search(server.process.stdout.readline())
        server.stop()
    script = (
        "import django; django.setup(); from sessions_app.models import User; u = User.objects.get(); "
        "u.set_password('x'); u.save()"
    )
    environment = {**empty_place.environment(), "DJANGO_SETTINGS_MODULE": "controlui.settings"}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, check=True)
    code, rest, _ = start().stop()
    assert (code, rest) == (0, "")


def test_a_second_server_on_the_directory_is_refused_with_the_pid_of_the_first(start, empty_place):
    server = start()
    said = empty_place.manage("serve", "--port", str(server.port + 1))
    assert said.code == 5
    assert f"process {server.process.pid}," in said.err


def test_a_busy_port_is_named_and_never_a_hang(empty_place, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        said = empty_place.manage("serve", "--port", str(port))
    assert said.code == 6
    assert f"port {port}" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("word", ["0", "65536", "http"])
def test_a_port_that_is_none_is_a_wrong_command_line(empty_place, word):
    assert empty_place.manage("serve", "--port", word).code == 2


def test_a_killed_server_leaves_nothing_in_the_way(start):
    first = start()
    first.process.kill()
    first.process.communicate()
    code, _, _ = start().stop()
    assert code == 0


def test_the_commands_work_beside_a_running_server(start, empty_place):
    server = start()
    said = empty_place.manage("signin_link", "admin")
    assert said.out.startswith(f"http://127.0.0.1:{server.port}/signin/link/")
    assert server.get(urlsplit(said.out.strip()).path)[0] == 302
