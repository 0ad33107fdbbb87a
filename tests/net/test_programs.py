# SPDX-License-Identifier: MIT
"""The network's programs, against the host."""
import re
import socket
import subprocess
import threading

from harness.web import Web, exchange


def test_nettest_and_ping(machine):
    guest = machine()
    guest.boot()
    assert "1 received" in guest.cmd("ping -c 1 -s 1000 -W 1.5 10.0.2.2")
    lines = guest.cmd("nettest").splitlines()
    assert len(lines) == 8 and all(line.startswith("ok") for line in lines), lines
    assert re.search(r"round trip min/avg/max [\d.]+/[\d.]+/[\d.]+ ms",
                     guest.cmd("ping -c 3 -i 0.1 10.0.2.2"))
    assert "-i needs a number" in guest.cmd("ping -i")
    assert "'x' is not a number" in guest.cmd("ping -i x 10.0.2.2")


def test_frames_as_pcap(machine, tmp_path):
    guest = machine(forward=(80,))
    guest.boot()
    guest.cmd("ping -c 1 10.0.2.2")
    assert guest.cmd("netdump on") == ""
    assert "1 received" in guest.cmd("ping -c 1 10.0.2.2")
    shown = guest.cmd("netdump")
    assert re.search(r"tx 98 bytes 10\.0\.2\.15 > 10\.0\.2\.2 icmp echo request id \d+ seq 1", shown)
    assert re.search(r"rx 98 bytes 10\.0\.2\.2 > 10\.0\.2\.15 icmp echo reply id \d+ seq 1", shown)
    assert guest.cmd("netdump off") == ""
    assert re.fullmatch(r"\d+ frames", guest.cmd("netdump -w /tmp/frames.pcap"))
    path = tmp_path / "frames.pcap"
    subprocess.run(["curl", "--silent", "--fail", "--noproxy", "*", "--max-time", "100", "--output",
                    str(path), f"http://127.0.0.1:{guest.port[80]}/tmp/frames.pcap"], check=True)
    read = subprocess.run(["tshark", "-r", str(path), "-Y", "icmp"], check=True, text=True,
                          capture_output=True).stdout
    assert "Echo (ping) request" in read and "Echo (ping) reply" in read, read


def echo_once(listener):
    """Serves one TCP client: sends back what it got, in capitals."""
    with listener.accept()[0] as peer:
        text = b""
        while part := peer.recv(4096):
            text += part
        peer.sendall(text.upper())


def test_netcat_and_connections(machine):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    datagrams.settimeout(60)
    guest = machine(forward=(9000,))
    guest.boot()
    thread = threading.Thread(target=echo_once, args=(listener,))
    thread.start()
    assert guest.cmd(f"nc 10.0.2.2 {port} 'hello\\nthere\\n'") == "HELLO\nTHERE"
    thread.join()
    guest.cmd(f"udpsend 10.0.2.2 {datagrams.getsockname()[1]} one two")
    assert datagrams.recv(100) == b"one two"
    guest.send("nc -l 9000 'from the guest\\n'\r")
    assert exchange(guest.port[9000], b"from the host\n") == b"from the guest\n"
    assert "from the host" in guest.prompt()
    thread = threading.Thread(target=echo_once, args=(listener,))
    thread.start()
    assert guest.cmd(f"tcpconnect 10.0.2.2 {port}") == "connection 1"
    assert guest.cmd("tcpsend 1 'abc\\n'") == ""
    assert re.match(r"1 10\.0\.2\.15:\d+ 10\.0\.2\.2:\d+ open 0 bytes", guest.cmd("tcpstat"))
    assert "no connection 2" in guest.cmd("tcpsend 2 x")
    assert guest.cmd("tcpclose 1") == ""
    thread.join()
    assert guest.cmd("tcpstat") == ""
    assert "refused" in guest.cmd("tcpconnect 127.0.0.1 9")
    listener.close()


def test_httpget_redirections_and_status(machine, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").write_text("the index\n")
    (tmp_path / "folder" / "big").write_bytes(bytes(3 * 1024 * 1024))
    web = Web(tmp_path)
    guest = machine()
    guest.boot()
    assert guest.cmd(f"httpget http://10.0.2.2:{web.port}/folder") == "the index"
    text = guest.cmd(f"httpget -p http://10.0.2.2:{web.port}/folder/big > /tmp/big")
    assert re.search(r"\[#* *\] .* of 3\.0 MiB", text) and "3145728 bytes in" in text, text
    assert "status 404" in guest.cmd(f"httpget http://10.0.2.2:{web.port}/absent")
    assert guest.cmd("echo $?") == "404"
    web.stop()


def test_what_never_answers(machine):
    """A server that says nothing, addresses that nothing can be sent to: one line each."""
    guest = machine()
    guest.boot()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        assert guest.cmd(f"httpget -w 1 http://10.0.2.2:{port}/") == "httpget: 10.0.2.2: timed out"
    assert guest.cmd("ping 0.0.0.0") == "ping: 0.0.0.0: bad network address"
    assert guest.cmd("ping 255.255.255.255") == "ping: 255.255.255.255: invalid argument"
    assert guest.cmd("arp -d 10.0.2.200") == "arp: no such neighbour"
