# SPDX-License-Identifier: MIT
"""An HTTP server on the host for guests to fetch from, and what tests of traffic share."""
import errno
import hashlib
import http.server
import random
import socket
import subprocess
import threading
import time


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, silently. /slow/NAME answers when Web.go is set."""

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):
        """A file, at once or when it may."""
        if self.path.startswith("/slow/"):
            self.path = self.path[5:]
            self.server.asked.set()
            self.server.go.wait(300)
        super().do_GET()


class Web(http.server.ThreadingHTTPServer):
    """`folder` is what it serves, `port` where; the guest sees the loopback as 10.0.2.2, fec0::2."""

    daemon_threads = True

    def __init__(self, folder, address: str = "127.0.0.1") -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), lambda *args: Handler(*args, directory=str(folder)))
        folder.mkdir(exist_ok=True)
        self.folder, self.port = folder, self.server_address[1]
        self.asked, self.go = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A guest that leaves is no error."""

    def stop(self) -> None:
        """Ends it."""
        self.go.set()
        self.shutdown()
        self.server_close()


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


def curl(guest, path, output, *options, background=False):
    """Fetches a file from httpd with curl."""
    words = ["curl", "-sS", "--fail", "--max-time", "300", *options, "-o", str(output),
             f"http://{guest.address}:{guest.port[80]}{path}"]
    if background:
        return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    done = subprocess.run(words, check=False, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return None


# What a connection that was reset says, by what was tried first.
RESET = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)


def exchange(port, text, length=None):
    """Sends text to a listener in the guest and returns the `length` bytes that come; without a
    length, ends our side and returns all. QEMU takes a connection also before anybody listens in
    the guest, and resets it then: it is tried again."""
    got = b""
    while not got:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
            try:
                peer.sendall(text)
                if length is None:
                    peer.shutdown(socket.SHUT_WR)
                while (length is None or len(got) < length) and (part := peer.recv(65536)):
                    got += part
            except OSError as error:
                if error.errno not in RESET:
                    raise
    return got


def checksum(path):
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
