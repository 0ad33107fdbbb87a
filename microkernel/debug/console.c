/* SPDX-License-Identifier: MIT
 * COM1 and the screen, without interrupts, allocation or locks: usable at any time after
 * layout_init (serial: from the first instruction in C). A panic takes both from their drivers.
 */
#include "console.h"

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/port.h>
#include <common/string.h>

#include "font.h"

#define COM1 0x3f8u
#define LINE_STATUS 5u
#define TRANSMIT_EMPTY 0x20u
#define TRANSMIT_SPINS 2000000u /* seconds: an emulator may be starved of processor time */
#define TEXT_ATTRIBUTE 0x4fu    /* white on red */
#define TEXT_COLUMNS 80u
#define TEXT_ROWS 25u
#define GLYPH_WIDTH 8u
#define GLYPH_HEIGHT 16u

extern struct boot_info boot_info;

static bool serial_present;
static volatile uint8_t *screen;
static uint32_t columns, rows, column, row;

/* 16550 registers: data/divisor low, interrupts/divisor high, FIFO, line, modem, status. */
void console_init(void) {
    port_out8(COM1 + 7, 0x5a); /* scratch register */
    serial_present = port_in8(COM1 + 7) == 0x5a;
    port_out8(COM1 + 1, 0);
    port_out8(COM1 + 3, 0x80);
    port_out8(COM1 + 0, 1);
    port_out8(COM1 + 1, 0);
    port_out8(COM1 + 3, 3);
    port_out8(COM1 + 2, 7);
    port_out8(COM1 + 4, 3);
}

/* A transmitter that stands still costs one long wait; bytes are lost until it goes on. */
static void serial_byte(char byte) {
    static uint32_t spins = TRANSMIT_SPINS;
    for (uint32_t i = 0; i < spins; i++) {
        if ((port_in8(COM1 + LINE_STATUS) & TRANSMIT_EMPTY) != 0) {
            port_out8(COM1, (uint8_t)byte);
            spins = TRANSMIT_SPINS;
            return;
        }
        cpu_relax();
    }
    spins = 1;
}

void console_serial(const char *text, size_t size) {
    for (size_t i = 0; i < size && serial_present; i++) {
        if (text[i] == '\n') {
            serial_byte('\r');
        }
        serial_byte(text[i]);
    }
}

static uint32_t pixel_of(const struct framebuffer_info *info, bool set) {
    uint32_t red = set ? 0xff : 0xa0;
    uint32_t other = set ? 0xff : 0;
    return (red >> (8 - info->red_size) << info->red_shift) |
           (other >> (8 - info->green_size) << info->green_shift) |
           (other >> (8 - info->blue_size) << info->blue_shift);
}

static void glyph_draw(const struct framebuffer_info *info, uint8_t character) {
    const uint32_t bytes = info->bpp / 8u;
    for (uint32_t y = 0; y < GLYPH_HEIGHT; y++) {
        uint8_t bits = font_glyphs[character % FONT_GLYPHS][y];
        volatile uint8_t *line = screen + (uint64_t)(row * GLYPH_HEIGHT + y) * info->pitch +
                                 (uint64_t)column * GLYPH_WIDTH * bytes;
        for (uint32_t x = 0; x < GLYPH_WIDTH; x++) {
            uint32_t pixel = pixel_of(info, (bits & 0x80u >> x) != 0);
            for (uint32_t byte = 0; byte < bytes; byte++) {
                line[x * bytes + byte] = (uint8_t)(pixel >> 8 * byte);
            }
        }
    }
}

static void cell_draw(uint8_t character) {
    const struct framebuffer_info *info = &boot_info.framebuffer;
    if (info->type == FRAMEBUFFER_RGB) {
        glyph_draw(info, character);
    } else {
        volatile uint8_t *cell = screen + (uint64_t)(row * columns + column) * 2;
        cell[0] = character;
        cell[1] = TEXT_ATTRIBUTE;
    }
}

static void line_end(void) {
    while (column < columns) {
        cell_draw(' ');
        column++;
    }
    column = 0;
    row++;
}

void console_screen_start(void) {
    const struct framebuffer_info *info = &boot_info.framebuffer;
    bool graphic = info->type == FRAMEBUFFER_RGB;
    if (graphic && info->red_size <= 8 && info->green_size <= 8 && info->blue_size <= 8) {
        screen = arch_map_device(info->address, (size_t)info->pitch * info->height);
        columns = info->width / GLYPH_WIDTH;
        rows = info->height / GLYPH_HEIGHT;
    } else if (info->type == FRAMEBUFFER_TEXT && info->address < 1u << 20) {
        screen = phys_to_virt(info->address);
        columns = info->width < TEXT_COLUMNS ? info->width : TEXT_COLUMNS;
        rows = info->height < TEXT_ROWS ? info->height : TEXT_ROWS;
    }
}

void console_screen(const char *text, size_t size) {
    for (size_t i = 0; i < size && screen != NULL && row < rows; i++) {
        if (text[i] == '\n') {
            line_end();
        } else {
            cell_draw((uint8_t)text[i]);
            if (++column == columns) {
                line_end();
            }
        }
    }
}
