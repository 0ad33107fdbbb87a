# SPDX-License-Identifier: MIT
"""The driver of the network is swapped for that of another card while a file is being fetched."""
import socket

import pytest

from harness.expected import services
from harness.guest import free_ports
from harness.web import fill, online

MEGABYTE = 1 << 20


@pytest.mark.parametrize("iommu", [False, pytest.param(True, marks=pytest.mark.long)])
def test_between_e1000_and_virtio(machine, web, iommu):
    """Two cards on one network and one connection, which goes on over either."""
    port, = free_ports(1)
    cards = ["-netdev", f"user,id=world,hostfwd=tcp:127.0.0.1:{port}-:80",
             "-netdev", "hubport,hubid=0,id=hub0,netdev=world"]
    virtio = "virtio-net-pci" + ",disable-legacy=on,iommu_platform=on,ats=off" * iommu
    for number, card in enumerate(("e1000", virtio), 1):
        cards += ["-netdev", f"hubport,hubid=0,id=hub{number}",
                  "-device", f"{card},netdev=hub{number}"]
    guest = machine(nic="none", extra=cards, append="without=virtio_net", smp=2, mem=256,
                    iommu=iommu)
    guest.boot()
    online(guest)
    fill(web.folder / "big", 20 * MEGABYTE, "swap")
    expected = (web.folder / "big").read_bytes()
    guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=300)
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(b"GET /tmp/big HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n")
        got = b""
        for number, (driver, card) in enumerate((("virtio_net", "1af4:10"), ("e1000", "8086:100e"),
                                                 ("virtio_net", "1af4:10")), 1):
            while len(got) < number * len(expected) // 5:
                got += connection.recv(1 << 16)
            output = guest.cmd(f"swap e1000 /boot/bin/{driver}.elf")
            assert "version 1, no state to take over" in output
            rows = [row for row in guest.cmd("lspci").splitlines() if "[e1000]" in row]
            assert len(rows) == 1 and card in rows[0], rows
        while piece := connection.recv(1 << 16):
            got += piece
    assert got.split(b"\r\n\r\n", 1)[1] == expected
    assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")
    assert services(guest)["e1000"][1:3] == ["running", "4"]
