/* SPDX-License-Identifier: MIT
 * The 8x16 font of the panic screen, converted at build time by font.py.
 */
#pragma once

#include <stdint.h>

#define FONT_GLYPHS 128

extern const uint8_t font_glyphs[FONT_GLYPHS][16]; /* ASCII */
