# SPDX-License-Identifier: MIT
"""A network of the host's own making: a namespace with a TAP device whose other end is the guest's
card. The host's Linux stack and Debian's servers are the peers. Needs no privileges outside."""
import json
import os
import re
import subprocess
import time

import machine
from harness.peer import PORT

HOST4, HOST6 = "10.9.0.1", "fd09::1"
GUEST4 = "10.9.0.15"  # of a guest with fixed_address()
GUEST_MAC = "52:54:00:12:34:56"
TAP = ["-netdev", "tap,id=net0,ifname=tap0,script=no,downscript=no"]
NAMES = ["--host-record=both.test,10.9.0.77,fd09::77", "--host-record=four.test,10.9.0.4",
         "--host-record=six.test,fd09::6", "--cname=alias.test,four.test"]

FOLDERS = ":".join(os.path.join(machine.ROOT, name) for name in ("tests", "tools"))
# How a program of Lan.client begins: that guest, for harness.clients.
CLIENT = f"""
import sys, threading, types
from harness import clients
from harness.peer import Peer, sequence
guest = types.SimpleNamespace(address="{GUEST4}", port={{{PORT}: {PORT}}})
"""

# Runs in the namespace: carries frames between tap0 and QEMU's socket, and spoils them as its
# argument says: probabilities of loss, doubling, damage, and of being held back by some frames.
WIRE = """
import fcntl, json, os, random, select, socket, struct, sys
rates, ours, theirs = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
dice = random.Random(1)
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"tap0", 0x1002))
guest = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
guest.bind(("127.0.0.1", ours))
held = []
def deliver(frame, send):
    if dice.random() < rates.get("loss", 0):
        return
    if dice.random() < rates.get("damage", 0):
        place = dice.randrange(14, len(frame))
        frame = frame[:place] + bytes([frame[place] ^ 1 << dice.randrange(8)]) + frame[place + 1:]
    if dice.random() < rates.get("late", 0):
        held.append([dice.randrange(1, 9), frame, send])
        return
    for _ in range(2 if dice.random() < rates.get("double", 0) else 1):
        send(frame)
def release(everything):
    for entry in list(held):
        entry[0] -= 1
        if everything or entry[0] <= 0:
            held.remove(entry)
            entry[2](entry[1])
def to_guest(frame):
    guest.sendto(frame, ("127.0.0.1", theirs))
def to_host(frame):
    os.write(tap, frame)
print("ready", flush=True)
while True:
    ready = select.select([tap, guest], [], [], 0.05)[0]
    if tap in ready:
        deliver(os.read(tap, 2048), to_guest)
    if guest in ready:
        deliver(guest.recv(2048), to_host)
    release(not ready)
"""


def missing() -> str:
    """Why this host allows no such network; empty: it does."""
    done = subprocess.run(["unshare", "-Urnm", "ip", "tuntap", "add", "dev", "tap0", "mode", "tap"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.strip() or "not allowed" if done.returncode else ""


def fixed_address(manifest: str) -> str:
    """The manifest with an address for net: nobody gives one without dnsmasq()."""
    return manifest.replace("args dhcp fallback=10.0.2.15/24 gateway=10.0.2.2 dns=10.0.2.3",
                            f"args address={GUEST4}/24")


class Lan:
    """One namespace: tap0 is 10.9.0.1/24 and fd09::1/64."""

    def __init__(self, work: str) -> None:
        self.work = work
        self.children: list[subprocess.Popen] = []
        self.holder = subprocess.Popen(
            ["unshare", "-Urnm", "sh", "-c", "echo ready; exec sleep infinity"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=machine.end_with_parent)
        said = self.holder.stdout.readline().strip()
        assert said == "ready", f"no namespace: {said}"
        for line in ("link set lo up", "tuntap add dev tap0 mode tap", "link set tap0 up",
                     f"addr add {HOST4}/24 dev tap0", f"addr add {HOST6}/64 dev tap0 nodad"):
            self.run("ip", *line.split())

    @property
    def prefix(self) -> list[str]:
        """Words that run a program in the namespace."""
        return ["nsenter", "-t", str(self.holder.pid), "-U", "-n", "-m", "--preserve-credentials"]

    def run(self, *words: str, check: bool = True, timeout: float = 300):
        """Runs a program to its end; its output, errors included, is stdout."""
        done = subprocess.run([*self.prefix, *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=timeout)
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}"
        return done

    def spawn(self, *words: str) -> str:
        """Starts a program that runs until stop(); returns the path of its output."""
        path = os.path.join(self.work, f"{os.path.basename(words[0])}{len(self.children)}.log")
        with open(path, "wb") as log:
            self.children.append(subprocess.Popen(
                [*self.prefix, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=machine.end_with_parent))
        return path

    def start(self, *words: str) -> subprocess.Popen:
        """Starts a program to talk with by its stdin and stdout."""
        self.children.append(subprocess.Popen(
            [*self.prefix, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=machine.end_with_parent))
        return self.children[-1]

    def options(self) -> dict:
        """Options of a machine with fixed_address(). It is reached at once, also while its network
        is dead and does not answer when it is asked for its address."""
        self.run("ip", "neigh", "add", GUEST4, "lladdr", GUEST_MAC, "dev", "tap0")
        return {"netdev": TAP, "prefix": self.prefix, "address": GUEST4}

    def client(self, program: str) -> subprocess.Popen:
        """Starts a program in Python that begins with CLIENT."""
        return self.start("env", "PYTHONPATH=" + FOLDERS, "python3", "-c", CLIENT + program)

    def dnsmasq(self) -> str:
        """DHCP, router advertisements and names; the path of its log."""
        path = self.spawn(
            "dnsmasq", "-k", "--log-facility=-", "--log-dhcp", "--conf-file=/dev/null",
            "--no-resolv", "--no-hosts", "--user=root", "--group=", "--pid-file=",
            f"--dhcp-leasefile={self.work}/leases", "--interface=tap0", "--bind-interfaces",
            "--dhcp-range=10.9.0.50,10.9.0.60,255.255.255.0,10m",
            "--dhcp-option=option:router,10.9.0.1", "--dhcp-option=option:ntp-server,10.9.0.1",
            "--dhcp-range=fd09::,ra-only,64,10m", "--enable-ra", *NAMES)
        wait_line(path, "dnsmasq-dhcp")
        return path

    def web(self, folder: str) -> None:
        """A web server at port 8000 of every address of the host's side."""
        self.spawn("python3", "-m", "http.server", "8000", "--directory", folder, "--bind", "::")
        end = time.monotonic() + 60
        while ":8000 " not in self.run("ss", "-tlnH").stdout:
            assert time.monotonic() < end, "nobody listens at port 8000"
            time.sleep(0.1)

    def bad_wire(self, **rates: float) -> list[str]:
        """QEMU's words for a network whose frames, both ways, fare as the rates say."""
        self.run("ip", "link", "set", "tap0", "up")
        path = self.spawn("python3", "-c", WIRE, json.dumps(rates), "7001", "7002")
        wait_line(path, "ready")
        return ["-netdev", "socket,id=net0,udp=127.0.0.1:7001,localaddr=127.0.0.1:7002"]

    def beyond(self, far4: str, far6: str) -> list[str]:
        """Makes this host a router to another one, at the end of link far0; returns the words that
        run a program there."""
        script = "echo ready; exec sleep infinity"
        other = self.start("unshare", "-n", "sh", "-c", script)
        assert other.stdout.readline() == "ready\n"
        prefix = ["nsenter", "-t", str(other.pid), "-n"]
        near4, near6 = far4.rpartition(".")[0] + ".1", far6.rpartition(":")[0] + ":1"
        for line in (f"ip link add far0 type veth peer name near0 netns {other.pid}",
                     f"ip addr add {near4}/24 dev far0", f"ip addr add {near6}/64 dev far0 nodad",
                     "ip link set far0 up", "sysctl -q net.ipv4.ip_forward=1",
                     "sysctl -q net.ipv6.conf.all.forwarding=1"):
            self.run(*line.split())
        for line in (f"addr add {far4}/24 dev near0", f"addr add {far6}/64 dev near0 nodad",
                     "link set near0 up", f"route add default via {near4}",
                     f"-6 route add default via {near6}"):
            self.run(*prefix, "ip", *line.split())
        return prefix

    def stop(self) -> None:
        """Ends all that was started here."""
        for process in [*self.children, self.holder]:
            process.kill()
            process.wait()
        self.children = []


def leased(guest, name: str = "eth0") -> str:
    """The IPv4 address that dnsmasq() gives the guest; waits for it."""
    end = time.monotonic() + 120
    while (found := re.search(r"  ip ([\d.]+) mask 255\.255\.255\.0 gateway 10\.9\.0\.1 "
                              r"dns 10\.9\.0\.1 \(DHCP\)",
                              shown := guest.cmd(f"ifconfig {name}"))) is None:
        assert time.monotonic() < end, shown
        time.sleep(0.2)
    return found.group(1)


def wait_line(path: str, text: str, timeout: float = 60) -> str:
    """Waits until a line of a file holds the text; returns the last such line."""
    end = time.monotonic() + timeout
    while True:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = [line for line in file if text in line]
        if found:
            return found[-1]
        assert time.monotonic() < end, f"no {text!r} in {path}"
        time.sleep(0.2)
