/* SPDX-License-Identifier: MIT
 * Screen model: text, wrapping, scrolling, the ANSI parser.
 */
#include "screen.h"

#include <common/string.h>

#include "glyphs.h"

#define COLOUR_DEFAULT_FOREGROUND 7
#define COLOUR_DEFAULT_BACKGROUND 0
#define PARAMETER_LIMIT 9999

/* ANSI counts red, green, blue from the low bit; VGA blue, green, red. */
static const uint8_t vga_colours[8] = {0, 4, 2, 6, 1, 5, 3, 7};

static uint8_t screen_attribute(const struct screen *screen) {
    uint8_t foreground = screen->foreground;
    uint8_t background = screen->background;
    if (screen->bold) {
        foreground |= 8;
    }
    if (screen->inverse) {
        uint8_t other = foreground;
        foreground = background;
        background = other & 7;
    }
    return (uint8_t)((background & 7) << 4 | foreground);
}

static cell_t screen_blank(const struct screen *screen) {
    return CELL(' ', (screen->background & 7) << 4 | COLOUR_DEFAULT_FOREGROUND);
}

static cell_t *screen_row(struct screen *screen, uint32_t row) {
    return screen->cells[(screen->top + row) % SCREEN_LINES];
}

const cell_t *screen_view_row(const struct screen *screen, uint32_t row) {
    return screen->cells[(screen->top + SCREEN_LINES - screen->back + row) % SCREEN_LINES];
}

void screen_mark_all(struct screen *screen) {
    screen->dirty = ~0ull;
}

static void screen_mark(struct screen *screen, uint32_t row) {
    row += screen->back;
    if (row < screen->rows) {
        screen->dirty |= 1ull << row;
    }
}

static void screen_fill(struct screen *screen, uint32_t row, uint32_t from, uint32_t to) {
    cell_t *cells = screen_row(screen, row);
    cell_t blank = screen_blank(screen);
    for (uint32_t column = from; column < to; column++) {
        cells[column] = blank;
    }
    screen_mark(screen, row);
}

static void screen_reset_attributes(struct screen *screen) {
    screen->foreground = COLOUR_DEFAULT_FOREGROUND;
    screen->background = COLOUR_DEFAULT_BACKGROUND;
    screen->bold = false;
    screen->inverse = false;
}

static void screen_clear(struct screen *screen) {
    for (uint32_t row = 0; row < screen->rows; row++) {
        screen_fill(screen, row, 0, screen->columns);
    }
}

void screen_init(struct screen *screen, uint32_t columns, uint32_t rows) {
    memset(screen, 0, sizeof(*screen));
    screen->columns = (uint16_t)(columns < SCREEN_COLUMNS_MAX ? columns : SCREEN_COLUMNS_MAX);
    screen->rows = (uint16_t)(rows < SCREEN_ROWS_MAX ? rows : SCREEN_ROWS_MAX);
    screen->cursor_visible = true;
    screen_reset_attributes(screen);
    screen_clear(screen);
    screen_mark_all(screen);
}

bool screen_scroll_view(struct screen *screen, int32_t lines) {
    int64_t back = (int64_t)screen->back + lines;
    if (back < 0) {
        back = 0;
    }
    if (back > screen->history) {
        back = screen->history;
    }
    bool moved = screen->back != (uint32_t)back;
    screen->back = (uint32_t)back;
    if (moved) {
        screen_mark_all(screen);
    }
    return moved;
}

/* The top row goes to the history; a view that is scrolled back stays on its text. */
static void screen_scroll_up(struct screen *screen) {
    screen->top = (screen->top + 1) % SCREEN_LINES;
    if (screen->history < (uint32_t)SCREEN_LINES - screen->rows) {
        screen->history++;
    }
    if (screen->back != 0 && screen->back < screen->history) {
        screen->back++;
    }
    screen_fill(screen, screen->rows - 1u, 0, screen->columns);
    screen_mark_all(screen);
}

static void screen_line_feed(struct screen *screen) {
    screen->wrap_pending = false;
    if (screen->row + 1u < screen->rows) {
        screen->row++;
    } else {
        screen_scroll_up(screen);
    }
}

static void screen_put(struct screen *screen, uint32_t point) {
    if (screen->wrap_pending) {
        screen->column = 0;
        screen_line_feed(screen);
    }
    screen_row(screen, screen->row)[screen->column] =
        CELL(glyph_from_unicode(point), screen_attribute(screen));
    screen_mark(screen, screen->row);
    if (screen->column + 1u < screen->columns) {
        screen->column++;
    } else {
        screen->wrap_pending = true;
    }
}

static void screen_control(struct screen *screen, uint32_t code) {
    switch (code) {
    case '\n':
    case '\v':
    case '\f':
        screen->column = 0;
        screen_line_feed(screen);
        break;
    case '\r':
        screen->column = 0;
        screen->wrap_pending = false;
        break;
    case '\b':
        /* As xterm: from the pending position the step back goes to the last column but one. */
        screen->column = (uint16_t)(screen->column - (screen->column != 0));
        screen->wrap_pending = false;
        break;
    case '\t': {
        uint32_t column = (screen->column / SCREEN_TAB + 1u) * SCREEN_TAB;
        screen->column = (uint16_t)(column < screen->columns ? column : screen->columns - 1u);
        break;
    }
    case 0x1b:
        screen->state = SCREEN_ESCAPE;
        break;
    default:
        break; /* bell and the others show nothing */
    }
}

/* ---- Sequences ---------------------------------------------------------------------------- */

static uint32_t screen_parameter(const struct screen *screen, uint32_t index, uint32_t absent) {
    bool given = index < screen->parameter_count && screen->parameters[index] != 0;
    return given ? screen->parameters[index] : absent;
}

static void screen_move(struct screen *screen, int32_t row, int32_t column) {
    int32_t last_row = screen->rows - 1;
    int32_t last_column = screen->columns - 1;
    row = row < 0 ? 0 : row;
    column = column < 0 ? 0 : column;
    screen->row = (uint16_t)(row > last_row ? last_row : row);
    screen->column = (uint16_t)(column > last_column ? last_column : column);
    screen->wrap_pending = false;
}

static void screen_erase_display(struct screen *screen, uint32_t mode) {
    if (mode == 0) {
        screen_fill(screen, screen->row, screen->column, screen->columns);
    } else if (mode == 1) {
        screen_fill(screen, screen->row, 0, screen->column + 1u);
    } else if (mode == 3) {
        screen->history = 0;
        screen->back = 0;
        screen_mark_all(screen);
        return;
    }
    for (uint32_t row = 0; row < screen->rows; row++) {
        bool below = row > screen->row;
        bool above = row < screen->row;
        if (mode == 2 || (mode == 0 && below) || (mode == 1 && above)) {
            screen_fill(screen, row, 0, screen->columns);
        }
    }
}

static void screen_erase_line(struct screen *screen, uint32_t mode) {
    uint32_t from = mode == 0 ? screen->column : 0;
    uint32_t to = mode == 1 ? screen->column + 1u : screen->columns;
    if (mode <= 2) {
        screen_fill(screen, screen->row, from, to);
    }
}

/* Shifts the rest of the cursor's line: count characters out of it (DCH) or into it (ICH). */
static void screen_shift_line(struct screen *screen, uint32_t count, bool insert) {
    cell_t *cells = screen_row(screen, screen->row) + screen->column;
    uint32_t rest = screen->columns - screen->column;
    count = count < rest ? count : rest;
    uint32_t kept = rest - count;
    if (insert) {
        memmove(cells + count, cells, kept * sizeof(*cells));
        screen_fill(screen, screen->row, screen->column, screen->column + count);
    } else {
        memmove(cells, cells + count, kept * sizeof(*cells));
        screen_fill(screen, screen->row, screen->column + kept, screen->columns);
    }
}

/* Inserts (IL) or deletes (DL) whole lines at the cursor; nothing goes to the history. */
static void screen_shift_rows(struct screen *screen, uint32_t count, bool insert) {
    uint32_t rest = screen->rows - screen->row;
    count = count < rest ? count : rest;
    uint32_t kept = rest - count;
    size_t bytes = sizeof(cell_t) * screen->columns;
    for (uint32_t i = 0; i < kept; i++) {
        uint32_t to = insert ? screen->rows - 1u - i : screen->row + i;
        uint32_t from = insert ? to - count : to + count;
        memcpy(screen_row(screen, to), screen_row(screen, from), bytes);
    }
    uint32_t blank = insert ? screen->row : screen->row + kept;
    for (uint32_t i = 0; i < count; i++) {
        screen_fill(screen, blank + i, 0, screen->columns);
    }
    screen->column = 0;
    screen->wrap_pending = false;
    screen_mark_all(screen);
}

/* 38;5;N and 48;5;N: the first 16 colours; others and 24-bit colours are read over. */
static uint32_t screen_extended_colour(struct screen *screen, uint32_t at, uint8_t *colour) {
    uint32_t kind = screen_parameter(screen, at + 1, 0);
    if (kind == 5) {
        uint32_t number = screen_parameter(screen, at + 2, 0);
        if (number < 16) {
            *colour = (uint8_t)(vga_colours[number & 7] | (number & 8));
        }
        return at + 2;
    }
    return kind == 2 ? at + 4 : at;
}

static void screen_colours(struct screen *screen) {
    uint32_t count = screen->parameter_count == 0 ? 1 : screen->parameter_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = screen_parameter(screen, i, 0);
        if (value == 0) {
            screen_reset_attributes(screen);
        } else if (value == 1 || value == 22) {
            screen->bold = value == 1;
        } else if (value == 7 || value == 27) {
            screen->inverse = value == 7;
        } else if (value >= 30 && value <= 37) {
            screen->foreground = vga_colours[value - 30];
        } else if (value >= 40 && value <= 47) {
            screen->background = vga_colours[value - 40];
        } else if (value >= 90 && value <= 97) {
            screen->foreground = vga_colours[value - 90] | 8;
        } else if (value >= 100 && value <= 107) {
            screen->background = vga_colours[value - 100];
        } else if (value == 38) {
            i = screen_extended_colour(screen, i, &screen->foreground);
        } else if (value == 48) {
            i = screen_extended_colour(screen, i, &screen->background);
        } else if (value == 39) {
            screen->foreground = COLOUR_DEFAULT_FOREGROUND;
        } else if (value == 49) {
            screen->background = COLOUR_DEFAULT_BACKGROUND;
        }
    }
}

/* The cursor's row may change without its text: both rows are marked by the display. */
static bool screen_motion(struct screen *screen, char final) {
    int32_t count = (int32_t)screen_parameter(screen, 0, 1);
    int32_t row = screen->row;
    int32_t column = screen->column;
    switch (final) {
    case 'A':
        screen_move(screen, row - count, column);
        return true;
    case 'B':
    case 'e':
        screen_move(screen, row + count, column);
        return true;
    case 'C':
    case 'a':
        screen_move(screen, row, column + count);
        return true;
    case 'D':
        screen_move(screen, row, column - count);
        return true;
    case 'E':
        screen_move(screen, row + count, 0);
        return true;
    case 'F':
        screen_move(screen, row - count, 0);
        return true;
    case 'G':
    case '`':
        screen_move(screen, row, count - 1);
        return true;
    case 'd':
        screen_move(screen, count - 1, column);
        return true;
    case 'H':
    case 'f':
        screen_move(screen, count - 1, (int32_t)screen_parameter(screen, 1, 1) - 1);
        return true;
    default:
        return false;
    }
}

static void screen_sequence(struct screen *screen, char final) {
    uint32_t first = screen_parameter(screen, 0, 0);
    uint32_t count = first == 0 ? 1 : first;
    if (screen->private_sequence) {
        if (first == 25 && (final == 'h' || final == 'l')) {
            screen->cursor_visible = final == 'h';
        }
        return;
    }
    if (screen_motion(screen, final)) {
        return;
    }
    switch (final) {
    case 'J':
        screen_erase_display(screen, first);
        break;
    case 'K':
        screen_erase_line(screen, first);
        break;
    case 'L':
    case 'M':
        screen_shift_rows(screen, count, final == 'L');
        break;
    case '@':
    case 'P':
        screen_shift_line(screen, count, final == '@');
        break;
    case 'X':
        count = count < screen->columns - (uint32_t)screen->column
                    ? count
                    : screen->columns - (uint32_t)screen->column;
        screen_fill(screen, screen->row, screen->column, screen->column + count);
        break;
    case 'm':
        screen_colours(screen);
        break;
    case 's':
        screen->saved_row = screen->row;
        screen->saved_column = screen->column;
        break;
    case 'u':
        screen_move(screen, screen->saved_row, screen->saved_column);
        break;
    default:
        break;
    }
}

static void screen_csi(struct screen *screen, uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        if (screen->parameter_count == 0) {
            screen->parameter_count = 1;
        }
        uint32_t *value = &screen->parameters[screen->parameter_count - 1];
        if (*value < PARAMETER_LIMIT) {
            *value = *value * 10 + (byte - '0');
        }
    } else if (byte == ';' || byte == ':') {
        screen->parameter_count += screen->parameter_count == 0;
        if (screen->parameter_count < SCREEN_PARAMETERS) {
            screen->parameters[screen->parameter_count++] = 0;
        }
    } else if (byte >= '<' && byte <= '?') {
        screen->private_sequence = true;
    } else if (byte >= 0x40 && byte <= 0x7e) {
        screen->state = SCREEN_TEXT;
        screen_sequence(screen, (char)byte);
    } else if (byte < 0x20) {
        screen->state = SCREEN_TEXT;
        screen_control(screen, byte);
    }
}

static void screen_escape(struct screen *screen, uint8_t byte) {
    screen->state = SCREEN_TEXT;
    switch (byte) {
    case '[':
        memset(screen->parameters, 0, sizeof(screen->parameters));
        screen->parameter_count = 0;
        screen->private_sequence = false;
        screen->state = SCREEN_CSI;
        break;
    case ']':
        screen->state = SCREEN_OSC;
        break;
    case '(':
    case ')':
    case '#':
        screen->state = SCREEN_SKIP_ONE;
        break;
    case '7':
        screen->saved_row = screen->row;
        screen->saved_column = screen->column;
        break;
    case '8':
        screen_move(screen, screen->saved_row, screen->saved_column);
        break;
    case 'c':
        screen_reset_attributes(screen);
        screen->cursor_visible = true;
        screen_clear(screen);
        screen_move(screen, 0, 0);
        break;
    default:
        break;
    }
}

static void screen_text(struct screen *screen, uint8_t byte) {
    uint32_t points[2];
    unsigned count = utf8_decode(&screen->utf8, byte, points);
    for (unsigned i = 0; i < count; i++) {
        if (points[i] < 32 || points[i] == 127) {
            screen_control(screen, points[i]);
        } else {
            screen_put(screen, points[i]);
        }
    }
}

void screen_write(struct screen *screen, const char *text, size_t length) {
    screen_mark(screen, screen->row);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        switch (screen->state) {
        case SCREEN_ESCAPE:
            screen_escape(screen, byte);
            break;
        case SCREEN_CSI:
            screen_csi(screen, byte);
            break;
        case SCREEN_SKIP_ONE:
            screen->state = SCREEN_TEXT;
            break;
        case SCREEN_OSC: /* a title: up to bell or escape */
            screen->state = byte == 7 ? SCREEN_TEXT : byte == 0x1b ? SCREEN_SKIP_ONE : SCREEN_OSC;
            break;
        default:
            screen_text(screen, byte);
            break;
        }
    }
    screen_mark(screen, screen->row);
}
