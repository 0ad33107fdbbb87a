#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes axolotl.iso: GRUB, the kernel and its modules; boots from CD and USB, BIOS and UEFI.

build     makes an ISO from the kernel and the modules
variant   copies an ISO with another menu: other command line, modules left out or replaced
"""
import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

# Menu entries: title, words added to the kernel command line, modules (None: all).
RESCUE = ["init", "boot.tar", "console", "shell"]
NETWORK = ["e1000", "virtio_net", "net", "httpd", "telnetd"]
MENU_SIZE = 16384
MENU_MARK = b"# Axolotl's modules: "


def entry(title: str, words: str, modules: list[str]) -> str:
    """One GRUB menu entry. gfxpayload is set last: multiboot2 itself sets it from the header."""
    lines = [f'menuentry "{title}" {{']
    lines.append(f"    multiboot2 /boot/axolotl.elf {words}".rstrip())
    for name in modules:
        lines.append(f"    module2 /boot/{file_name(name)} {name}")
    lines.append("    set gfxpayload=$axolotl_video")
    lines.append("}")
    return "\n".join(lines) + "\n"


def menu(modules: list[str], append: str = "", timeout: int = 1, default: int = 0,
         video: str = "") -> str:
    """The text of grub.cfg. `video` overrides the mode: text on BIOS, a framebuffer on UEFI."""
    text = MENU_MARK.decode() + " ".join(modules) + f"""
set timeout={timeout}
set default={default}
insmod all_video
if [ "$grub_platform" = "efi" ]; then
    set axolotl_video={video or '1024x768x32,auto'}
else
    set axolotl_video={video or 'text'}
fi

"""
    offline = [name for name in modules if name not in NETWORK]
    rescue = [name for name in modules if name in RESCUE]
    append = " ".join(shlex.quote(word) for word in append.split())  # GRUB's menu is a script
    entries = [
        ("Axolotl", "", modules),
        ("Axolotl without network", "", offline),
        ("Axolotl with a verbose log on the serial line", "verbose", modules),
        ("Rescue: init and console only", "rescue", rescue),
    ]
    for title, words, names in entries:
        text += entry(title, " ".join(w for w in (words, append) if w), names)
    return text


def pad(text: str) -> bytes:
    """Menus are padded to one size, so that a variant is a copy with the menu overwritten."""
    data = text.encode()
    if len(data) > MENU_SIZE:
        sys.exit("mkiso: the menu is too long")
    return data + b"\n" * (MENU_SIZE - len(data))


def file_name(name: str) -> str:
    """The module's file in /boot."""
    return "axolotl.elf" if name == "kernel" else name if "." in name else f"{name}.elf"


def rescue_image(stage: str, output: str) -> None:
    """grub-mkrescue on a folder; the output appears only when it is complete."""
    temporary = output + ".new"
    run(["grub-mkrescue", "-o", temporary, "--locales=", "--fonts=", "--themes=", stage,
         "--", "-volid", "AXOLOTL"])
    os.replace(temporary, output)


def make(args: argparse.Namespace) -> None:
    """Builds an ISO from nothing."""
    pairs = dict(zip(args.modules[0::2], args.modules[1::2]))
    with tempfile.TemporaryDirectory(prefix="axolotl-iso-") as stage:
        boot = os.path.join(stage, "boot")
        os.makedirs(os.path.join(boot, "grub"))
        for name, file in {"kernel": args.kernel, **pairs}.items():
            shutil.copy(file, os.path.join(boot, file_name(name)))
        with open(os.path.join(boot, "grub", "grub.cfg"), "wb") as file:
            file.write(pad(menu(list(pairs))))
        rescue_image(stage, args.output)
    if args.link:
        if os.path.lexists(args.link):
            os.unlink(args.link)
        os.link(args.output, args.link)


def variant(args: argparse.Namespace) -> None:
    """Copies an ISO and overwrites its menu; with other files in it, it is made anew."""
    with open(args.input, "rb") as file:
        image = bytearray(file.read())
    start = image.find(MENU_MARK)
    if start < 0:
        sys.exit(f"mkiso: {args.input} has no menu of ours")
    modules = image[start:image.index(b"\n", start)][len(MENU_MARK):].decode().split()
    replace = dict(word.split("=", 1) for word in args.replace)
    modules += [name for name in replace if name != "kernel" and name not in modules]
    modules = [name for name in modules if name not in args.without]
    text = pad(menu(modules, args.append, args.timeout, args.default, args.video))
    if not replace:
        image[start:start + MENU_SIZE] = text
        with open(args.output, "wb") as file:
            file.write(image)
        return
    with tempfile.TemporaryDirectory(prefix="axolotl-iso-") as stage:
        boot = os.path.join(stage, "boot")
        run(["xorriso", "-osirrox", "on", "-indev", args.input, "-extract", "/boot", boot])
        run(["chmod", "-R", "u+w", stage])
        keep = {file_name(name) for name in ["kernel", "boot.tar"] + modules} | {"grub"}
        for name in os.listdir(boot):
            if name not in keep:
                os.unlink(os.path.join(boot, name))
        shutil.rmtree(os.path.join(boot, "grub"))
        os.makedirs(os.path.join(boot, "grub"))
        for name, path in replace.items():
            shutil.copy(path, os.path.join(boot, file_name(name)))
        with open(os.path.join(boot, "grub", "grub.cfg"), "wb") as file:
            file.write(text)
        rescue_image(stage, args.output)


def run(command: list[str]) -> None:
    """Runs a tool, showing its output only when it fails."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if result.returncode != 0:
        sys.stderr.buffer.write(result.stdout)
        sys.exit(f"mkiso: {command[0]} failed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build")
    build.add_argument("--output", required=True)
    build.add_argument("--link", help="a second name for the result")
    build.add_argument("--kernel", required=True)
    build.add_argument("--modules", nargs="*", default=[], metavar="NAME FILE")
    other = commands.add_parser("variant")
    other.add_argument("--input", required=True)
    other.add_argument("--output", required=True)
    other.add_argument("--append", default="", help="words for the kernel command line")
    other.add_argument("--without", action="append", default=[], metavar="NAME")
    other.add_argument("--replace", action="append", default=[], metavar="NAME=FILE")
    other.add_argument("--timeout", type=int, default=0)
    other.add_argument("--default", type=int, default=0, help="menu entry to boot, from 0")
    other.add_argument("--video", default="", help="gfxpayload: text, 1024x768x32, ...")
    args = parser.parse_args()
    make(args) if args.command == "build" else variant(args)


if __name__ == "__main__":
    main()
