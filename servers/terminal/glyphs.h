/* SPDX-License-Identifier: MIT
 * The console's characters. A cell holds a code of page 437, the one that VGA text mode shows; the
 * framebuffer draws the same codes from glyph_bitmaps. The tables are made at build time from a
 * Debian font by font/psf_to_c.py.
 */
#pragma once

#include <stdint.h>

#define GLYPH_WIDTH 8
#define GLYPH_HEIGHT 16
#define GLYPH_UNKNOWN '?'

/* One byte a row, most significant bit left. */
extern const uint8_t glyph_bitmaps[256][GLYPH_HEIGHT];

/* Sorted by code point; only those above 126. */
struct glyph_code {
    uint16_t point;
    uint8_t code;
};
extern const struct glyph_code glyph_codes[];
extern const unsigned glyph_code_count;

/* The code that shows a Unicode code point, GLYPH_UNKNOWN when there is none. */
uint8_t glyph_from_unicode(uint32_t point);
