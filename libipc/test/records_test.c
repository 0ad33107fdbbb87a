/* SPDX-License-Identifier: MIT */
/* Records: what is written is read; what is cut, damaged or made up is refused or harmless. */
#include "check.h"

#include <ipc/records.h>

#define SPACE 4096

static const struct image_note program = {.layout = 5, .version = 3, .name = "tester"};

/* A buffer of exactly that size, so that ASan sees every step beyond it. */
static uint8_t *copy_of(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    memcpy(copy, bytes, size);
    return copy;
}

static size_t write_some(uint8_t *space, size_t size) {
    struct records_writer writer;
    records_begin(&writer, space, size);
    for (uint16_t i = 1; i <= 20; i++) {
        uint8_t data[64];
        memset(data, i, sizeof data);
        record_put(&writer, i, (uint16_t)(i * 2), data, i * 3u);
    }
    record_put(&writer, 21, 1, NULL, 0);
    return records_end(&writer, &program) == OK ? writer.used : 0;
}

TEST(what_is_written_is_read) {
    _Alignas(8) uint8_t space[SPACE];
    struct records_reader reader;
    struct record record;
    size_t size = write_some(space, sizeof space);
    REQUIRE(size != 0);
    for (int round = 0; round < 2; round++) {
        REQUIRE(records_open(&reader, space, size) == OK);
        CHECK_EQ(reader.head->program.version, 3);
        CHECK_STR(reader.head->program.name, "tester");
        for (uint16_t i = 1; i <= 20; i++) {
            uint8_t data[64];
            REQUIRE(record_next(&reader, &record));
            CHECK_EQ(record.tag, i);
            CHECK_EQ(record.version, i * 2);
            CHECK_EQ(record.length, i * 3u);
            CHECK_EQ((uintptr_t)record.data % 8, (uintptr_t)space % 8);
            record_copy(&record, data, sizeof data);
            CHECK_EQ(data[i * 3 - 1], i);
            CHECK_EQ(data[i * 3], 0);
            record_copy(&record, data, 2); /* an older program knows less of it */
            CHECK_EQ(data[1], i);
        }
        REQUIRE(record_next(&reader, &record));
        CHECK_EQ(record.length, 0);
        CHECK(!record_next(&reader, &record));
        CHECK(!record_next(&reader, &record));
        records_rewind(&reader);
        CHECK(record_next(&reader, &record));
        CHECK_EQ(record.tag, 1);
    }
}

TEST(what_has_no_room_makes_the_export_void) {
    _Alignas(8) uint8_t space[SPACE];
    size_t whole = write_some(space, sizeof space);
    for (size_t size = 0; size < SPACE; size++) {
        uint8_t *exact = malloc(size + 1);
        CHECK_EQ(write_some(exact, size) != 0, size >= whole);
        free(exact);
    }
}

TEST(half_an_export_is_none) {
    _Alignas(8) uint8_t space[SPACE] = {0};
    struct records_writer writer;
    struct records_reader reader;
    (void)write_some(space, sizeof space);
    records_begin(&writer, space, sizeof space);
    record_put(&writer, 1, 1, "x", 1);
    CHECK_EQ(records_open(&reader, space, sizeof space), E_FORMAT);
}

TEST(cut_records_are_refused) {
    _Alignas(8) uint8_t space[SPACE];
    struct records_reader reader;
    size_t whole = write_some(space, sizeof space);
    for (size_t size = 0; size < whole; size++) {
        uint8_t *cut = copy_of(space, size);
        CHECK(records_open(&reader, cut, size) != OK);
        free(cut);
    }
}

TEST(damaged_records_are_refused_or_harmless) {
    _Alignas(8) uint8_t space[SPACE];
    size_t size = write_some(space, sizeof space);
    unsigned accepted = 0, refused = 0;
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t *damaged = copy_of(space, size);
        for (uint64_t hits = 1 + check_random_below(3); hits > 0; hits--) {
            damaged[check_random_below(size)] = (uint8_t)check_random();
        }
        struct records_head *head = (struct records_head *)(void *)damaged;
        if (round % 2 == 0 && head->length <= size - sizeof *head && head->length % 8 == 0) {
            head->checksum = records_checksum(head + 1, head->length);
        }
        struct records_reader reader;
        if (records_open(&reader, damaged, size) == OK) {
            struct record record;
            uint8_t data[64];
            while (record_next(&reader, &record)) {
                CHECK(record.length <= size);
                record_copy(&record, data, sizeof data);
            }
            accepted++;
        } else {
            refused++;
        }
        free(damaged);
    }
    CHECK(accepted > 1000 && refused > 1000);
}
