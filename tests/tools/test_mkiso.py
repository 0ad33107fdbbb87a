# SPDX-License-Identifier: MIT
"""The ISO maker and the boot archive, without a kernel."""
import os
import subprocess
import sys
import tarfile
import tempfile

import machine

MKISO = os.path.join(machine.ROOT, "tools", "mkiso.py")
MKARCHIVE = os.path.join(machine.ROOT, "tools", "mkarchive.py")


def listing(iso):
    """Names in the ISO's folder /boot."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/boot",
                        scratch + "/boot"], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["chmod", "-R", "u+w", scratch], check=True)
        return sorted(os.listdir(scratch + "/boot"))


def content(iso, path, scratch):
    """A file's content in an ISO."""
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", path, scratch],
                   check=True, stderr=subprocess.DEVNULL)
    with open(scratch, encoding="ascii") as file:
        return file.read()


def build(tmp_path, names):
    """An ISO with text files as modules."""
    words = []
    for name in names:
        (tmp_path / name).write_text(f"this is {name}\n")
        words += [name, str(tmp_path / name)]
    (tmp_path / "kernel").write_text("kernel\n")
    iso = str(tmp_path / "built.iso")
    subprocess.run([sys.executable, MKISO, "build", "--output", iso, "--kernel",
                    str(tmp_path / "kernel"), "--modules", *words], check=True)
    return iso


def test_sizes_of_the_products():
    """What the loader reads stays small; the symbols are in the other file."""
    stripped = os.path.join(machine.BUILD, "boot", "axolotl.bin")
    assert 0 < os.path.getsize(stripped) <= 256 << 10
    assert 0 < os.path.getsize(machine.ISO) <= 16 << 20
    symbols = subprocess.run(["nm", machine.KERNEL], check=True, text=True, stdout=subprocess.PIPE)
    assert " T kernel_main\n" in symbols.stdout
    assert machine.KERNEL.endswith("/microkernel/axolotl.elf")


def test_build_has_four_entries_and_all_modules(tmp_path):
    iso = build(tmp_path, ["init", "boot.tar", "console", "vfs", "net", "shell"])
    assert listing(iso) == ["axolotl.elf", "boot.tar", "console.elf", "grub", "init.elf",
                                     "net.elf", "shell.elf", "vfs.elf"]
    menu = content(iso, "/boot/grub/grub.cfg", str(tmp_path / "menu"))
    entries = menu.split("menuentry ")[1:]
    assert len(entries) == 4
    assert "module2 /boot/net.elf net\n" in entries[0]
    assert "net.elf" not in entries[1] and "vfs.elf" in entries[1]
    assert "multiboot2 /boot/axolotl.elf verbose\n" in entries[2]
    rescued = [line.split()[2] for line in entries[3].splitlines() if "module2" in line]
    assert rescued == ["init", "boot.tar", "console", "shell"]


def test_variant_rewrites_the_menu_only(tmp_path):
    iso = build(tmp_path, ["init", "boot.tar", "vfs", "net"])
    copy = machine.make_variant(str(tmp_path / "v.iso"), iso, append="level=9 {it's} $x", without=("net",),
                                default=2, video="text")
    assert os.path.getsize(copy) == os.path.getsize(iso)
    menu = content(copy, "/boot/grub/grub.cfg", str(tmp_path / "menu"))
    assert "multiboot2 /boot/axolotl.elf level=9 '{it'\"'\"'s}' '$x'\n" in menu  # quoted for GRUB
    assert "set default=2\n" in menu and "set axolotl_video=text\n" in menu
    assert "net.elf" not in menu and "vfs.elf" in menu


def test_variant_replaces_and_adds_modules(tmp_path):
    iso = build(tmp_path, ["init", "boot.tar", "vfs", "net"])
    (tmp_path / "other").write_text("the other vfs\n")
    copy = machine.make_variant(str(tmp_path / "v.iso"), iso, without=("net",),
                                replace={"vfs": str(tmp_path / "other"),
                                         "extra": str(tmp_path / "other")})
    assert listing(copy) == ["axolotl.elf", "boot.tar", "extra.elf", "grub", "init.elf",
                                      "vfs.elf"]
    assert content(copy, "/boot/vfs.elf", str(tmp_path / "x")) == "the other vfs\n"
    assert "module2 /boot/extra.elf extra\n" in content(copy, "/boot/grub/grub.cfg",
                                                        str(tmp_path / "menu"))


def test_archive_is_ustar_sorted_and_reproducible(tmp_path):
    (tmp_path / "a").write_bytes(b"alpha")
    (tmp_path / "b").write_bytes(b"b" * 1000)
    outputs = []
    for name, order in (("one.tar", ["etc/motd", "a", "manifest", "b"]),
                        ("two.tar", ["manifest", "b", "etc/motd", "a"])):
        words = [w if i % 2 == 0 else str(tmp_path / w) for i, w in enumerate(order)]
        subprocess.run([sys.executable, MKARCHIVE, str(tmp_path / name), *words], check=True)
        outputs.append((tmp_path / name).read_bytes())
    assert outputs[0] == outputs[1]
    assert outputs[0][257:263] == b"ustar\0"
    with tarfile.open(tmp_path / "one.tar") as archive:
        assert archive.getnames() == ["etc", "etc/motd", "manifest"]
        assert archive.extractfile("etc/motd").read() == b"alpha"
