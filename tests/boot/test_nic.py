# SPDX-License-Identifier: MIT
"""The device manager and the NIC drivers: where a card may sit, its cable, its driver's death."""
import hashlib
import subprocess
import threading
import time

import pytest

from harness.web import fill

# The card, its driver, its interface.
CARDS = {
    "e1000": ("e1000", "eth0"),
    "e1000e": ("e1000", "eth0"),
    "virtio-net-pci": ("virtio_net", "eth1"),
}
USER = ["-netdev", "user,id=card"]
ROOT_PORT = ["-device", "pcie-root-port,id=root1,slot=1,chassis=1"]
PLACES = {
    "behind a PCIe port": ("q35", ROOT_PORT + ["-device", "e1000e,bus=root1,netdev=card"],
                           "01:00.0 8086:10d3"),
    "behind two bridges": ("q35", ROOT_PORT + ["-device", "pcie-pci-bridge,id=bridge,bus=root1",
                                               "-device", "e1000,bus=bridge,addr=5,netdev=card"],
                           "02:05.0 8086:100e"),
    "behind a PCI bridge": ("pc", ["-device", "pci-bridge,id=bridge,chassis_nr=1",
                                   "-device", "e1000,bus=bridge,addr=6,netdev=card"],
                            "01:06.0 8086:100e"),
    "beside a second one": ("pc", ["-device", "e1000,addr=5,netdev=card",
                                   "-netdev", "user,id=other", "-device", "e1000,netdev=other"],
                            "00:05.0 8086:100e"),
}


def pings(guest):
    assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")


def wait_link(guest, interface, state):
    """Until net knows the state of the cable."""
    for _ in range(60):
        if f"{interface}: up, link {state}" in guest.cmd("netinfo"):
            return
        time.sleep(0.5)
    pytest.fail(f"the link never went {state}")


@pytest.mark.parametrize("place", PLACES)
def test_place(machine, place):
    """The card is found, its interrupt arrives, and the driver gets it again after a kill."""
    board, devices, line = PLACES[place]
    guest = machine(machine=board, nic="none", extra=USER + devices)
    guest.boot()
    guest.expect_in_log(r"eth0: address 10\.0\.2\.15/24")
    cards = [row for row in guest.cmd("lspci").splitlines() if "[e1000]" in row]
    if place != "beside a second one":
        assert len(cards) == 1 and cards[0].startswith(line), cards
    assert len(cards) == 1, cards
    pings(guest)
    guest.cmd("kill e1000")
    pings(guest)
    assert [row for row in guest.cmd("lspci").splitlines() if "[e1000]" in row] == cards


@pytest.mark.parametrize("nic", CARDS)
def test_cable(machine, nic):
    """Pulled and put back: net knows, and traffic goes on; so after a kill while it is out."""
    driver, interface = CARDS[nic]
    guest = machine(nic=nic)
    guest.boot()
    guest.expect_in_log(rf"{interface}: address")
    pings(guest)
    for kill in (False, True):
        guest.qmp.monitor("set_link net0 off")
        wait_link(guest, interface, "down")
        assert "network is down" in guest.cmd("ping -c 1 10.0.2.2")
        if kill:
            guest.cmd(f"kill {driver}")
        guest.qmp.monitor("set_link net0 on")
        wait_link(guest, interface, "up")
        pings(guest)


@pytest.mark.parametrize("iommu", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("nic", CARDS)
def test_killed_under_traffic(machine, web, nic, iommu):
    """30 MB each way; the driver, net and the device manager are killed while they come back."""
    expected = fill(web.folder / "big", 30_000_000, nic)
    driver, interface = CARDS[nic]
    guest = machine(nic=nic, mem=256, forward=(80,), iommu=iommu)
    guest.boot()
    guest.expect_in_log(rf"{interface}: address")
    output = guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=120)
    assert "30000000 bytes" in output, output
    kills = 0
    while kills < 8:  # a slow machine gets a few kills only into one of the host's downloads
        curl = subprocess.Popen(["curl", "-sS", "--max-time", "300", "--limit-rate", "8M",
                                 f"http://127.0.0.1:{guest.port[80]}/tmp/big"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        result = []
        reader = threading.Thread(target=lambda: result.extend(curl.communicate()))
        reader.start()
        while reader.is_alive() and kills < 60:
            guest.cmd(f"kill {(driver, driver, 'net', 'devmgr')[kills % 4]}")
            kills += 1
            reader.join(0.1)
        reader.join()
        assert result[1] == b"" and curl.returncode == 0
        assert hashlib.sha256(result[0]).hexdigest() == expected
    pings(guest)
    assert "blocked" not in guest.cmd("log")
