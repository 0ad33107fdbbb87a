#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns a PSF1 font with a Unicode table into glyphs.c: 256 glyphs of 8x16 in the order of code
page 437, the one of VGA text mode, and the table from Unicode to that code page."""
import gzip
import struct
import sys

HEIGHT = 16
# What code page 437 shows for the control codes.
LOW = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
# Characters that the page lacks and what stands for them.
ALIASES = {
    "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "‐": "-",
    "‑": "-", "−": "-", "…": ".", "•": "\u2219", "×": "x", "→": ">", "←": "<", "≠": "#",
    "À": "A", "Á": "A", "Â": "A", "Ã": "A", "È": "E", "Ê": "E", "Ë": "E", "Ì": "I", "Í": "I",
    "Î": "I", "Ï": "I", "Ò": "O", "Ó": "O", "Ô": "O", "Õ": "O", "Ø": "O", "ø": "o", "Ù": "U",
    "Ú": "U", "Û": "U", "Ý": "Y", "ã": "a", "õ": "o", "ý": "y", "š": "s", "Š": "S", "ž": "z",
    "Ž": "Z", "č": "c", "Č": "C", "ć": "c", "ł": "l", "€": "E", "©": "c", "®": "R", "³": "3",
    "¹": "1", "\u00ad": "-", "\u202f": " ", "\u2009": " ", "╭": "┌", "╮": "┐", "╯": "┘", "╰": "└",
    "✓": "√", "μ": "µ", "β": "ß", "∆": "δ", "Ω": "Ω", "☃": "*",
}


def read_psf(path):
    """Returns {code point: glyph bytes}."""
    data = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
    if data[:2] != b"6\x04" or not data[2] & 2:
        sys.exit(f"{path}: not a PSF1 font with a Unicode table")
    if data[3] != HEIGHT:
        sys.exit(f"{path}: glyphs are {data[3]} pixels high, not {HEIGHT}")
    count = 512 if data[2] & 1 else 256
    glyphs, at = {}, 4 + count * HEIGHT
    for number in range(count):
        sequence = False
        while True:
            (code,) = struct.unpack_from("<H", data, at)
            at += 2
            if code == 0xFFFF:
                break
            sequence |= code == 0xFFFE  # a sequence of combining characters follows
            if not sequence:
                glyphs.setdefault(code, data[4 + number * HEIGHT:4 + (number + 1) * HEIGHT])
    return glyphs


def block_glyph(character):
    """The block elements that Debian's fonts leave out."""
    full, none = b"\xff", b"\0"
    shapes = {
        "▓": b"\xdd\x77" * 8, "▄": none * 8 + full * 8, "▀": full * 8 + none * 8,
        "▌": b"\xf0" * 16, "▐": b"\x0f" * 16,
    }
    return shapes.get(character)


def page_character(code):
    if code < 32:
        return LOW[code]
    return "⌂" if code == 127 else bytes([code]).decode("cp437")


def main():
    glyphs = read_psf(sys.argv[1])
    page = [page_character(code) for code in range(256)]
    rows = []
    for character in page:
        glyph = glyphs.get(ord(character)) or block_glyph(character) or bytes(HEIGHT)
        rows.append("    {" + ", ".join(f"0x{byte:02x}" for byte in glyph) + "},")
    to_page = {}
    for code, character in enumerate(page):
        if ord(character) > 126 and code != 0:
            to_page.setdefault(ord(character), code)
    to_page[0xA0] = 32
    for alias, character in ALIASES.items():
        to_page.setdefault(ord(alias), page.index(character))
    pairs = sorted(to_page.items())
    with open(sys.argv[2], "w", encoding="ascii") as out:
        out.write("/* SPDX-License-Identifier: MIT\n * Made by psf_to_c.py at build time. */\n")
        out.write('#include <terminal/glyphs.h>\n\n')
        out.write("const uint8_t glyph_bitmaps[256][GLYPH_HEIGHT] = {\n" + "\n".join(rows) + "\n};\n\n")
        out.write("const struct glyph_code glyph_codes[] = {\n")
        out.writelines(f"    {{0x{point:04x}, 0x{code:02x}}},\n" for point, code in pairs)
        out.write("};\n")
        out.write(f"const unsigned glyph_code_count = {len(pairs)};\n")


main()
