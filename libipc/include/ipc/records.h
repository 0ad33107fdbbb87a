/* SPDX-License-Identifier: MIT */
/*
 * A server's state as tagged records: what a program with another arena layout, or with a damaged
 * arena, starts from (docs/spec/upgrade.md). A tag and the meaning of its fields never change; a
 * record may grow at its end, and its version says what it has. A reader takes nothing on trust.
 * No system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <axolotl/abi.h>
#include <common/string.h>

#ifndef MUST_CHECK /* also in ipc/syscall.h, which is not for host tests */
#define MUST_CHECK __attribute__((warn_unused_result))
#endif

/* Where the exporting and the importing program have the records. */
#define RECORDS_VA 0x500000000000ull

#define RECORDS_MAGIC 0x73647263656c7861ull

/* Before the first record; written last, so that half an export is none. */
struct records_head {
    uint64_t magic;
    uint64_t length;   /* bytes of records */
    uint64_t checksum; /* of the records: FNV-1a over their 64-bit words */
    uint64_t count;
    struct image_note program; /* that exported them */
};

struct record {
    uint16_t tag; /* from 1; which kind of thing */
    uint16_t version;
    uint32_t length;  /* bytes of data */
    const void *data; /* aligned to 8 */
};

struct records_writer {
    uint8_t *start;
    size_t size, used;
    uint32_t count;
    bool full; /* something had no room: the export is void */
};

/* Prepares `size` bytes at `start` (aligned to 8). */
void records_begin(struct records_writer *writer, void *start, size_t size);

/* Appends a record of `length` bytes, zeroed, and returns where they are; NULL when it is full. */
void *record_add(struct records_writer *writer, uint16_t tag, uint16_t version, size_t length);

/* Appends a record with a copy of the data. */
void record_put(struct records_writer *writer, uint16_t tag, uint16_t version, const void *data,
                size_t length);

/* The checksum of `length` bytes of records, a multiple of 8. */
uint64_t records_checksum(const void *start, size_t length);

/* Makes what was written valid. E_NO_SPACE when something had no room. */
MUST_CHECK status_t records_end(struct records_writer *writer, const struct image_note *program);

struct records_reader {
    const uint8_t *start;
    size_t size, used;
    const struct records_head *head;
};

/* Opens what lies at `start`, of which `size` bytes can be read. E_FORMAT, E_CHECKSUM. Afterwards
 * the structure of all records is sound; their contents are still unchecked. */
MUST_CHECK status_t records_open(struct records_reader *reader, const void *start, size_t size);

/* The next record; false after the last. */
bool record_next(struct records_reader *reader, struct record *record);

/* From the first record again. */
void records_rewind(struct records_reader *reader);

/* Copies a record into a structure of `size` bytes: zero where the record is shorter (it was
 * written by an older program), without what it has beyond (by a newer one). */
void record_copy(const struct record *record, void *to, size_t size);

/* Whether a text array within a record ends in it. */
static inline bool record_text(const char *text, size_t size) {
    return memchr(text, '\0', size) != NULL;
}
