#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the ASCII glyphs of an 8x16 PSF1 font as C: font.py FONT.psf.gz OUTPUT"""
import gzip
import sys

source, output = sys.argv[1:]
data = gzip.open(source).read()
if data[:2] != b"\x36\x04" or data[3] != 16:
    sys.exit(f"font.py: {source} is not a PSF1 font of height 16")
with open(output, "w") as file:
    file.write('#include "font.h"\n\nconst uint8_t font_glyphs[FONT_GLYPHS][16] = {\n')
    for code in range(128):
        glyph = data[4 + 16 * code : 20 + 16 * code]
        file.write("    {" + ", ".join(f"0x{byte:02x}" for byte in glyph) + "},\n")
    file.write("};\n")
