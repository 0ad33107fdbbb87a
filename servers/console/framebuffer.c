/* SPDX-License-Identifier: MIT
 * Framebuffer renderer.
 */
#include "framebuffer.h"

#include <common/string.h>
#include <terminal/glyphs.h>

/* The 16 VGA colours, 0xrrggbb, slightly softened as Linux' console has them. */
static const uint32_t vga_palette[16] = {
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
    0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

static uint32_t channel(uint32_t value, uint32_t size, uint32_t shift) {
    return size >= 8 ? value << (size - 8) << shift : value >> (8 - size) << shift;
}

bool framebuffer_init(struct framebuffer *framebuffer) {
    bool layout = framebuffer->red_size != 0 && framebuffer->red_size <= 10 &&
                  framebuffer->green_size != 0 && framebuffer->green_size <= 10 &&
                  framebuffer->blue_size != 0 && framebuffer->blue_size <= 10 &&
                  framebuffer->red_shift < 24 && framebuffer->green_shift < 24 &&
                  framebuffer->blue_shift < 24;
    bool depth = framebuffer->bytes == 3 || framebuffer->bytes == 4;
    if (!layout || !depth || framebuffer->width < GLYPH_WIDTH ||
        framebuffer->height < GLYPH_HEIGHT ||
        framebuffer->pitch / framebuffer->bytes < framebuffer->width) {
        return false;
    }
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t rgb = vga_palette[i];
        framebuffer->palette[i] =
            channel(rgb >> 16, framebuffer->red_size, framebuffer->red_shift) |
            channel(rgb >> 8 & 0xff, framebuffer->green_size, framebuffer->green_shift) |
            channel(rgb & 0xff, framebuffer->blue_size, framebuffer->blue_shift);
    }
    return true;
}

/* Two pixels a store. */
static void draw_row_32(uint8_t *to, uint32_t bits, const uint64_t pairs[4]) {
    memcpy(to, &pairs[bits >> 6], 8);
    memcpy(to + 8, &pairs[bits >> 4 & 3], 8);
    memcpy(to + 16, &pairs[bits >> 2 & 3], 8);
    memcpy(to + 24, &pairs[bits & 3], 8);
}

static void draw_row_24(uint8_t *to, uint32_t bits, const uint32_t colours[2]) {
    for (uint32_t x = 0; x < GLYPH_WIDTH; x++) {
        memcpy(to + 3 * x, &colours[bits >> (GLYPH_WIDTH - 1 - x) & 1], 3);
    }
}

void framebuffer_draw(const struct framebuffer *framebuffer, uint32_t column, uint32_t row,
                      cell_t cell) {
    const uint8_t *glyph = glyph_bitmaps[cell & 0xff];
    uint64_t back = framebuffer->palette[cell >> 12 & 15];
    uint64_t fore = framebuffer->palette[cell >> 8 & 15];
    const uint64_t pairs[4] = {back | back << 32, back | fore << 32, fore | back << 32,
                               fore | fore << 32};
    const uint32_t colours[2] = {(uint32_t)back, (uint32_t)fore};
    uint8_t *to = framebuffer->pixels + (uint64_t)row * GLYPH_HEIGHT * framebuffer->pitch +
                  (uint64_t)column * GLYPH_WIDTH * framebuffer->bytes;
    for (uint32_t y = 0; y < GLYPH_HEIGHT; y++, to += framebuffer->pitch) {
        if (framebuffer->bytes == 4) {
            draw_row_32(to, glyph[y], pairs);
        } else {
            draw_row_24(to, glyph[y], colours);
        }
    }
}

void framebuffer_clear(const struct framebuffer *framebuffer) {
    for (uint32_t y = 0; y < framebuffer->height; y++) {
        memset(framebuffer->pixels + (uint64_t)y * framebuffer->pitch, 0,
               (uint64_t)framebuffer->width * framebuffer->bytes);
    }
}
