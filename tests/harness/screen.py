# SPDX-License-Identifier: MIT
"""Reads text off the screen: from VGA text memory, or from a picture by comparing glyphs."""
import gzip
import struct
from collections import Counter

from PIL import Image

VGA_TEXT = 0xB8000
COLUMNS, ROWS = 80, 25


def text_of_vga(memory: bytes) -> list[str]:
    """80x25 cells of character and attribute to lines."""
    characters = memory[0:COLUMNS * ROWS * 2:2].decode("cp437").replace("\0", " ")
    return [characters[row * COLUMNS:(row + 1) * COLUMNS].rstrip() for row in range(ROWS)]


def attributes_of_vga(memory: bytes) -> list[bytes]:
    """The attribute bytes of each row."""
    attributes = memory[1:COLUMNS * ROWS * 2:2]
    return [attributes[row * COLUMNS:(row + 1) * COLUMNS] for row in range(ROWS)]


class Font:
    """A PSF (1 or 2) font with 8 pixels a row: glyph bitmap to character."""

    def __init__(self, path: str) -> None:
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rb") as file:
            data = file.read()
        if data[:2] == b"\x36\x04":
            mode, self.height = data[2], data[3]
            count, start = (512 if mode & 1 else 256), 4
        elif data[:4] == b"\x72\xb5\x4a\x86":
            _, start, _, count, _, self.height, width = struct.unpack("<7I", data[4:32])
            if width != 8:
                raise ValueError(f"{path}: {width} pixels wide")
        else:
            raise ValueError(f"{path}: no PSF font")
        self.characters = {}
        for code in range(min(count, 127) - 1, 31, -1):
            glyph = data[start + code * self.height:start + (code + 1) * self.height]
            self.characters[glyph] = chr(code)
        self.characters[bytes(self.height)] = " "


def text_of_picture(path: str, font: Font) -> list[str]:
    """Lines of a picture that shows text in cells of 8 x font.height from the upper left corner.
    A cell that is no glyph becomes "\N{REPLACEMENT CHARACTER}"."""
    image = Image.open(path).convert("RGB")
    pixels = image.load()
    lines = []
    for top in range(0, image.height - font.height + 1, font.height):
        line = ""
        for left in range(0, image.width - 7, 8):
            cell = [[pixels[left + x, top + y] for x in range(8)] for y in range(font.height)]
            colours = Counter(colour for row in cell for colour in row)
            found = None
            for background in colours if len(colours) == 2 else [cell[0][0]]:
                glyph = bytes(sum(0x80 >> x for x in range(8) if row[x] != background)
                              for row in cell)
                found = found or font.characters.get(glyph)
            line += found or "\N{REPLACEMENT CHARACTER}"
        lines.append(line.rstrip())
    return lines
