# SPDX-License-Identifier: MIT
"""Kills while a host fetches ten megabytes: the connection goes on, byte for byte."""
import hashlib
import http.server
import random
import subprocess
import threading
import time

import pytest

MEGABYTE = 1 << 20


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, silently."""

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def web(tmp_path):
    """An HTTP server on the host; `web.folder` is what it serves, `web.port` where."""
    folder = tmp_path / "web"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *args: Handler(*args, directory=str(folder)))
    server.folder, server.port = folder, server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def online(guest):
    """Waits for an address and returns what netinfo says."""
    deadline = time.monotonic() + 60
    while True:
        info = guest.cmd("netinfo")
        if "ip 10.0.2.15" in info:
            return info
        assert time.monotonic() < deadline, info
        time.sleep(0.5)


def fill(path, size, seed):
    """A file of random bytes; its checksum."""
    data = random.Random(seed).randbytes(size)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def curl(guest, path, output, background=False):
    """Fetches a file from httpd with curl."""
    words = ["curl", "-sS", "--fail", "--max-time", "300", "-o", str(output),
             f"http://127.0.0.1:{guest.port[80]}{path}"]
    if background:
        return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    done = subprocess.run(words, check=False, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return None


def checksum(path):
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("server", ["net", "e1000", "vfs", "devmgr"])
def test_kill_during_a_transfer(machine, web, tmp_path, server):
    """The connection goes on through five kills, byte for byte."""
    guest = machine(forward=(80,), smp=2)
    guest.boot()
    online(guest)
    expected = fill(web.folder / "big", 10 * MEGABYTE, server)
    guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=300)
    client = curl(guest, "/tmp/big", tmp_path / "back", background=True)
    for _ in range(5):
        time.sleep(0.3)
        guest.cmd(f"kill {server}")
    assert client.wait(timeout=300) == 0, client.stderr.read()
    assert checksum(tmp_path / "back") == expected
    assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")
