# SPDX-License-Identifier: MIT
"""Sockets that QEMU makes some time after its start."""
import socket
import time


def connect(path: str, timeout: float) -> socket.socket:
    """A connection to the socket, as soon as it is there; its operations have the same limit."""
    deadline = time.monotonic() + timeout
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
            connection.settimeout(timeout)
            return connection
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
