#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the boot archive: a USTAR file that is the same for the same input.

mkarchive.py OUTPUT [PATH FILE]...    PATH is the name in the archive (under /boot in the system)
"""
import io
import os
import sys
import tarfile


def add(archive: tarfile.TarFile, path: str, data: bytes | None) -> None:
    """Adds a file, or a directory when `data` is None."""
    info = tarfile.TarInfo(path)
    info.mode = 0o755 if data is None else 0o644
    info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
    info.size = 0 if data is None else len(data)
    archive.addfile(info, None if data is None else io.BytesIO(data))


def main() -> int:
    output, pairs = sys.argv[1], sys.argv[2:]
    if len(pairs) % 2:
        print("mkarchive: PATH and FILE come in pairs", file=sys.stderr)
        return 2
    files = dict(zip(pairs[0::2], pairs[1::2]))
    directories = set()
    for path in files:
        parent = os.path.dirname(path)
        while parent:
            directories.add(parent)
            parent = os.path.dirname(parent)
    with tarfile.open(output, "w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(directories | set(files)):
            if path in files:
                with open(files[path], "rb") as file:
                    add(archive, path, file.read())
            else:
                add(archive, path, None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
