/* SPDX-License-Identifier: MIT
 * Screen model, glyph table and framebuffer renderer.
 */
#include <terminal/screen.h>

#include <check.h>

#include "../framebuffer.h"
#include <terminal/glyphs.h>

static struct screen screen;

static void put(const char *text) {
    screen_write(&screen, text, strlen(text));
}

/* The text of a view row without trailing blanks. */
static const char *row_text(uint32_t row) {
    static char text[SCREEN_COLUMNS_MAX + 1];
    const cell_t *cells = screen_view_row(&screen, row);
    uint32_t length = 0;
    for (uint32_t i = 0; i < screen.columns; i++) {
        text[i] = (char)cells[i];
        if (text[i] != ' ') {
            length = i + 1;
        }
    }
    text[length] = 0;
    return text;
}

TEST(text_wraps_and_scrolls) {
    screen_init(&screen, 10, 3);
    put("abcdefghij");
    CHECK_EQ(screen.row, 0);
    CHECK_EQ(screen.column, 9);
    put("k\nl");
    CHECK_STR(row_text(0), "abcdefghij");
    CHECK_STR(row_text(1), "k");
    CHECK_STR(row_text(2), "l");
    put("\nm");
    CHECK_STR(row_text(0), "k");
    CHECK_STR(row_text(2), "m");
    CHECK_EQ(screen.history, 1);
}

TEST(full_row_and_line_feed_leave_no_empty_row) {
    screen_init(&screen, 5, 3);
    put("abcde\nf");
    CHECK_STR(row_text(1), "f");
}

TEST(scrollback_keeps_its_place) {
    screen_init(&screen, 20, 4);
    char line[32];
    for (int i = 0; i < 150; i++) {
        snprintf(line, sizeof(line), "line %d\n", i);
        put(line);
    }
    CHECK_STR(row_text(0), "line 147");
    CHECK(screen_scroll_view(&screen, 100));
    CHECK_STR(row_text(0), "line 47");
    put("more\nmore\n");
    CHECK_STR(row_text(0), "line 47");
    CHECK(screen_scroll_view(&screen, -10000));
    CHECK_EQ(screen.back, 0);
    CHECK(!screen_scroll_view(&screen, -1));
    screen_scroll_view(&screen, 100000);
    CHECK_EQ(screen.back, screen.history);
    CHECK_STR(row_text(0), "line 0");
}

TEST(scrollback_is_a_hundred_lines_at_least) {
    screen_init(&screen, SCREEN_COLUMNS_MAX, SCREEN_ROWS_MAX);
    for (int i = 0; i < 1000; i++) {
        put("x\n");
    }
    CHECK(screen.history >= 100);
    CHECK_EQ(screen.history + screen.rows, SCREEN_LINES);
}

TEST(cursor_movement) {
    screen_init(&screen, 20, 5);
    put("\33[3;5Hx");
    CHECK_STR(row_text(2), "    x");
    put("\33[A\33[Dy\33[2Bz\33[99;99H!\33[H@");
    CHECK_STR(row_text(1), "    y");
    CHECK_STR(row_text(3), "     z");
    CHECK_EQ((char)screen_view_row(&screen, 4)[19], '!');
    CHECK_STR(row_text(0), "@");
    put("\33[s\33[4;4H\33[uq\33[10Gr\t|\b\bs");
    CHECK_STR(row_text(0), "@q       r     s|");
}

TEST(erasing) {
    screen_init(&screen, 10, 3);
    put("abcdef\nghijkl\nmnopqr\33[2;3H\33[K");
    CHECK_STR(row_text(1), "gh");
    put("\33[1J");
    CHECK_STR(row_text(0), "");
    CHECK_STR(row_text(1), "");
    CHECK_STR(row_text(2), "mnopqr");
    put("\33[3;3H\33[2P");
    CHECK_STR(row_text(2), "mnqr");
    put("\33[2@");
    CHECK_STR(row_text(2), "mn  qr");
    put("\33[2J");
    CHECK_STR(row_text(2), "");
    put("\33[1;1Hone\ntwo\nthree\33[1;1H\33[L");
    CHECK_STR(row_text(0), "");
    CHECK_STR(row_text(1), "one");
    put("\33[2M");
    CHECK_STR(row_text(0), "two");
}

TEST(colours) {
    screen_init(&screen, 20, 2);
    put("\33[31mr\33[1;44mb\33[7mi\33[0mn\33[92mg\33[38;5;3my\33[48;2;1;2;3mz\33[m.");
    const cell_t *cells = screen_view_row(&screen, 0);
    CHECK_EQ(cells[0], CELL('r', 0x04));
    CHECK_EQ(cells[1], CELL('b', 0x1c));
    CHECK_EQ(cells[2], CELL('i', 0x41));
    CHECK_EQ(cells[3], CELL('n', 0x07));
    CHECK_EQ(cells[4], CELL('g', 0x0a));
    CHECK_EQ(cells[5], CELL('y', 0x06));
    CHECK_EQ(cells[6], CELL('z', 0x06));
    CHECK_EQ(cells[7], CELL('.', 0x07));
}

TEST(unicode_becomes_the_page) {
    screen_init(&screen, 20, 2);
    put("\xc3\xa9\xe2\x94\x80\xe2\x82\xac\xf0\x9f\x98\x80\xff\xc3z");
    const cell_t *cells = screen_view_row(&screen, 0);
    CHECK_EQ((uint8_t)cells[0], 0x82); /* é */
    CHECK_EQ((uint8_t)cells[1], 0xc4); /* ─ */
    CHECK_EQ((uint8_t)cells[2], 'E');  /* € */
    CHECK_EQ((uint8_t)cells[3], '?');  /* an emoji */
    CHECK_EQ((uint8_t)cells[4], '?');
    CHECK_EQ((uint8_t)cells[5], '?');
    CHECK_EQ((uint8_t)cells[6], 'z');
    for (unsigned i = 1; i < glyph_code_count; i++) {
        CHECK(glyph_codes[i - 1].point < glyph_codes[i].point);
    }
}

TEST(garbage_never_breaks_the_invariants) {
    screen_init(&screen, 80, 24);
    for (int round = 0; round < 20000; round++) {
        char text[24];
        static const char sample[] = "\33[;?0123456789ABCDHJKLMPX@msunr\n\r\b\tz\xc3\xa9";
        for (size_t i = 0; i < sizeof(text); i++) {
            bool wild = check_random_below(8) == 0;
            text[i] = wild ? (char)check_random() : sample[check_random_below(sizeof(sample))];
        }
        screen_write(&screen, text, sizeof(text));
        if (check_random_below(50) == 0) {
            screen_scroll_view(&screen, (int32_t)check_random_below(400) - 200);
        }
        REQUIRE(screen.row < screen.rows && screen.column < screen.columns);
        REQUIRE(screen.back <= screen.history);
        REQUIRE(screen.history + screen.rows <= SCREEN_LINES);
    }
}

/* ---- Framebuffer -------------------------------------------------------------------------- */

static uint8_t pixels[40 * 3 * 40 + 40 * 40 * 4];

static struct framebuffer make_framebuffer(uint32_t bytes, uint32_t padding) {
    struct framebuffer framebuffer = {
        .pixels = pixels,
        .pitch = 40 * bytes + padding,
        .width = 40,
        .height = 32,
        .bytes = bytes,
        .red_shift = 16,
        .red_size = 8,
        .green_shift = 8,
        .green_size = 8,
        .blue_shift = 0,
        .blue_size = 8,
    };
    memset(pixels, 0xee, sizeof(pixels));
    return framebuffer;
}

static uint32_t pixel(const struct framebuffer *framebuffer, uint32_t x, uint32_t y) {
    uint32_t value = 0;
    memcpy(&value, framebuffer->pixels + y * framebuffer->pitch + x * framebuffer->bytes,
           framebuffer->bytes);
    return value;
}

static void check_glyph(uint32_t bytes, uint32_t padding) {
    struct framebuffer framebuffer = make_framebuffer(bytes, padding);
    REQUIRE(framebuffer_init(&framebuffer));
    framebuffer_clear(&framebuffer);
    CHECK_EQ(pixel(&framebuffer, 39, 31), 0);
    framebuffer_draw(&framebuffer, 2, 1, CELL('A', 0x1e));
    unsigned set = 0;
    for (uint32_t y = 0; y < 16; y++) {
        for (uint32_t x = 0; x < 8; x++) {
            bool on = glyph_bitmaps['A'][y] >> (7 - x) & 1;
            set += on;
            CHECK_EQ(pixel(&framebuffer, 16 + x, 16 + y), on ? 0xffff55 : 0x0000aa);
        }
    }
    CHECK(set > 20);
    CHECK_EQ(pixel(&framebuffer, 15, 16), 0);
    CHECK_EQ(pixel(&framebuffer, 24, 16), 0);
    CHECK_EQ(pixel(&framebuffer, 16, 15), 0);
    if (padding != 0) {
        CHECK_EQ(pixels[40 * bytes], 0xee);
    }
}

TEST(framebuffer_32_bits) {
    check_glyph(4, 0);
    check_glyph(4, 12);
}

TEST(framebuffer_24_bits) {
    check_glyph(3, 0);
    check_glyph(3, 5);
}

TEST(framebuffer_other_layouts) {
    struct framebuffer framebuffer = make_framebuffer(4, 0);
    framebuffer.red_shift = 0;
    framebuffer.blue_shift = 16;
    REQUIRE(framebuffer_init(&framebuffer));
    CHECK_EQ(framebuffer.palette[4], 0x0000aa);
    framebuffer.bytes = 2;
    CHECK(!framebuffer_init(&framebuffer));
    framebuffer = make_framebuffer(4, 0);
    framebuffer.red_size = 0;
    CHECK(!framebuffer_init(&framebuffer));
    framebuffer = make_framebuffer(4, 0);
    framebuffer.pitch = 100;
    CHECK(!framebuffer_init(&framebuffer));
}
