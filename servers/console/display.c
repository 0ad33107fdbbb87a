/* SPDX-License-Identifier: MIT
 * The screen: VGA text or a linear framebuffer. Row 0 is the status bar, the rows below show the
 * terminal in front. What is displayed is remembered outside the arena, so that only cells that
 * differ are drawn; a new incarnation remembers nothing and draws everything.
 */
#include <axolotl/abi.h>
#include <common/format.h>
#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/memory.h>
#include <ipc/startup.h>
#include <terminal/glyphs.h>

#include "console.h"
#include "framebuffer.h"

#define DISPLAY_VA 0x300000000000ull
#define TEXT_COLUMNS 80
#define TEXT_ROWS 25
#define BAR_ATTRIBUTE 0x70
#define BAR_ACTIVE_ATTRIBUTE 0x1f
#define CRTC_INDEX 0x14 /* port 0x3d4 */
#define CRTC_DATA 0x15
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW 0x0f

static uint32_t kind;                                     /* enum framebuffer_type */
static uint32_t columns = TEXT_COLUMNS, rows = TEXT_ROWS; /* with the bar */
static struct framebuffer framebuffer;
static volatile cell_t *text_cells;
static handle_t vga_ports; /* 0x3c0 to 0x3df */
static cell_t shown[SCREEN_ROWS_MAX + 1][SCREEN_COLUMNS_MAX];
static bool shown_valid;
static uint32_t cursor_row; /* of the screen, as drawn last */

uint32_t display_columns(void) {
    return columns;
}

uint32_t display_rows(void) {
    return rows - 1;
}

static bool display_map(handle_t memory, uint64_t size) {
    status_t status = memory_map(TASK_SELF, memory, 0, DISPLAY_VA, PAGE_ROUND_UP(size),
                                 PROT_READ | PROT_WRITE | MAP_PERSIST | MAP_WRITE_COMBINE);
    if (status != OK && status != E_EXISTS) {
        log_line("screen: can't map it (%d)", status);
        return false;
    }
    return true;
}

static bool display_open_text(void) {
    handle_t memory = startup_handle("vga-text");
    if (memory == HANDLE_NONE || !display_map(memory, TEXT_COLUMNS * TEXT_ROWS * sizeof(cell_t))) {
        return false;
    }
    text_cells = (volatile cell_t *)DISPLAY_VA;
    vga_ports = startup_handle("vga");
    return true;
}

static bool display_open_rgb(const struct framebuffer_info *info) {
    handle_t memory = startup_handle("framebuffer");
    uint64_t offset = info->address % PAGE_SIZE;
    framebuffer = (struct framebuffer){
        .pixels = (uint8_t *)(DISPLAY_VA + offset),
        .width = info->width,
        .height = info->height,
        .pitch = info->pitch,
        .bytes = info->bpp / 8u,
        .red_shift = info->red_shift,
        .red_size = info->red_size,
        .green_shift = info->green_shift,
        .green_size = info->green_size,
        .blue_shift = info->blue_shift,
        .blue_size = info->blue_size,
    };
    if (memory == HANDLE_NONE || !framebuffer_init(&framebuffer) ||
        !display_map(memory, offset + (uint64_t)info->pitch * info->height)) {
        return false;
    }
    columns = framebuffer.width / GLYPH_WIDTH;
    rows = framebuffer.height / GLYPH_HEIGHT;
    columns = columns < SCREEN_COLUMNS_MAX ? columns : SCREEN_COLUMNS_MAX;
    rows = rows < SCREEN_ROWS_MAX + 1 ? rows : SCREEN_ROWS_MAX + 1;
    return rows >= 2;
}

void display_start(void) {
    struct framebuffer_info info = {.type = FRAMEBUFFER_NONE};
    handle_t boot = startup_handle("boot");
    kind = FRAMEBUFFER_NONE;
    if (boot == HANDLE_NONE ||
        memory_read(boot, offsetof(struct boot_page, framebuffer), &info, sizeof(info)) != OK) {
        return;
    }
    if (info.type == FRAMEBUFFER_TEXT && display_open_text()) {
        kind = FRAMEBUFFER_TEXT;
    } else if (info.type == FRAMEBUFFER_RGB && display_open_rgb(&info)) {
        kind = FRAMEBUFFER_RGB;
        if (actor_incarnation() == 0) { /* later every cell is drawn again */
            framebuffer_clear(&framebuffer);
        }
    }
}

bool display_present(void) {
    return kind != FRAMEBUFFER_NONE;
}

void display_invalidate(void) {
    shown_valid = false;
}

static void display_cell(uint32_t row, uint32_t column, cell_t cell) {
    if (shown_valid && shown[row][column] == cell) {
        return;
    }
    shown[row][column] = cell;
    if (kind == FRAMEBUFFER_TEXT) {
        text_cells[row * TEXT_COLUMNS + column] = cell;
    } else {
        framebuffer_draw(&framebuffer, column, row, cell);
    }
}

static void display_bar(const struct screen *screen) {
    cell_t cells[SCREEN_COLUMNS_MAX];
    char text[SCREEN_COLUMNS_MAX + 1];
    size_t length = format(text, sizeof(text), " Axolotl   ");
    for (uint32_t i = 0; i < CONSOLE_TERMINALS; i++) {
        format_append(text, sizeof(text), &length, " %u ", i + 1);
    }
    if (screen->back != 0) {
        format_append(text, sizeof(text), &length, "   %u lines back, Shift+PgDn goes on",
                      screen->back);
    } else {
        format_append(text, sizeof(text), &length, "   Alt+F1-F6: terminal  Shift+PgUp: back");
    }
    uint32_t active = 11 + 3 * console.active;
    for (uint32_t column = 0; column < columns; column++) {
        bool front = column >= active && column < active + 3;
        cells[column] = CELL(column < length ? text[column] : ' ',
                             front ? BAR_ACTIVE_ATTRIBUTE : BAR_ATTRIBUTE);
        display_cell(0, column, cells[column]);
    }
}

/* Text mode has a cursor in hardware; on the framebuffer it is a cell with exchanged colours. */
static void display_hardware_cursor(uint32_t row, uint32_t column, bool visible) {
    static uint32_t position_shown;
    uint32_t position = visible ? row * TEXT_COLUMNS + column : TEXT_COLUMNS * TEXT_ROWS;
    if (vga_ports == HANDLE_NONE || (shown_valid && position == position_shown)) {
        return;
    }
    position_shown = position;
    port_write(vga_ports, CRTC_INDEX, 1, CRTC_CURSOR_HIGH);
    port_write(vga_ports, CRTC_DATA, 1, position >> 8);
    port_write(vga_ports, CRTC_INDEX, 1, CRTC_CURSOR_LOW);
    port_write(vga_ports, CRTC_DATA, 1, position & 0xff);
}

bool display_stale(void) {
    const struct screen *screen = &console.terminals[console.active].screen;
    return kind != FRAMEBUFFER_NONE && (!shown_valid || screen->dirty != 0);
}

void display_refresh(void) {
    struct screen *screen = &console.terminals[console.active].screen;
    if (!shown_valid) {
        screen_mark_all(screen);
    }
    bool visible = screen->cursor_visible && screen->back == 0;
    bool drawn = visible && kind == FRAMEBUFFER_RGB;
    uint64_t dirty = screen->dirty | 1ull << cursor_row | 1ull << screen->row;
    for (uint32_t row = 0; row < screen->rows; row++) {
        if ((dirty >> row & 1) == 0) {
            continue;
        }
        const cell_t *cells = screen_view_row(screen, row);
        for (uint32_t column = 0; column < screen->columns; column++) {
            cell_t cell = cells[column];
            if (drawn && row == screen->row && column == screen->column) {
                uint32_t attribute = cell >> 8;
                cell = CELL(cell, (attribute >> 4 | attribute << 4) & 0xff);
            }
            display_cell(row + 1, column, cell);
        }
    }
    display_bar(screen);
    if (kind == FRAMEBUFFER_TEXT) {
        display_hardware_cursor(screen->row + 1u, screen->column, visible);
    }
    cursor_row = screen->row;
    screen->dirty = 0;
    shown_valid = true;
}
