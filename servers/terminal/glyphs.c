/* SPDX-License-Identifier: MIT
 * Search in the table from Unicode to the console's page.
 */
#include "glyphs.h"

uint8_t glyph_from_unicode(uint32_t point) {
    if (point >= 32 && point < 127) {
        return (uint8_t)point;
    }
    unsigned low = 0;
    unsigned high = glyph_code_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (glyph_codes[middle].point == point) {
            return glyph_codes[middle].code;
        }
        if (glyph_codes[middle].point < point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return GLYPH_UNKNOWN;
}
