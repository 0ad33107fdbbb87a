# SPDX-License-Identifier: MIT
"""The boot archive with another manifest, or with more files."""
import io
import os
import tarfile

import machine

ARCHIVE = os.path.join(machine.BUILD, "boot", "boot.tar")


def program(name):
    """The stripped program of that name."""
    return os.path.join(machine.BUILD, "boot", name + ".bin")


def programs(*names):
    """The named programs as files for archive_with."""
    return {f"bin/{name}.elf": program(name) for name in names}


def archive_with(folder, manifest=str, files=None):
    """Writes the archive into `folder`; `manifest` maps the old text to the new, `files` are
    (name in the archive: path) added. Its path."""
    path = os.path.join(folder, "boot.tar")
    with tarfile.open(ARCHIVE) as old, tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as new:
        for member in old.getmembers():
            data = old.extractfile(member).read() if member.isfile() else b""
            if member.name == "manifest":
                data = manifest(data.decode()).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data))
        for name, source in (files or {}).items():
            member = tarfile.TarInfo(name)
            member.size = os.path.getsize(source)
            with open(source, "rb") as file:
                new.addfile(member, file)
    return path


def with_services(folder, text, *programs):
    """What to replace so that the manifest has more sections and the named programs are loaded."""
    replace = {name: program(name) for name in programs}
    replace["boot.tar"] = archive_with(folder, lambda old: old + "\n" + text)
    return replace
