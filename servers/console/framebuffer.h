/* SPDX-License-Identifier: MIT
 * Cells on a linear framebuffer of 24 or 32 bits a pixel. Only ever written, never read: reading
 * video memory is slow.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <terminal/screen.h>

struct framebuffer {
    uint8_t *pixels;
    uint32_t pitch, width, height; /* bytes, pixels, pixels */
    uint32_t bytes;                /* of a pixel: 3 or 4 */
    uint8_t red_shift, red_size, green_shift, green_size, blue_shift, blue_size;
    uint32_t palette[16]; /* VGA colours as pixel values */
};

/* Computes the palette from the colour layout. False when the format is none that can be drawn. */
bool framebuffer_init(struct framebuffer *framebuffer);

/* Draws a cell with its upper left corner at (column, row) of the grid of 8x16 cells. */
void framebuffer_draw(const struct framebuffer *framebuffer, uint32_t column, uint32_t row,
                      cell_t cell);

/* Blackens everything. */
void framebuffer_clear(const struct framebuffer *framebuffer);
