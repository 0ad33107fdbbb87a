/* SPDX-License-Identifier: MIT */
/* Tagged records. Each is an 8-byte head and its data, filled up to a multiple of 8. */
#include <ipc/records.h>

#include <common/string.h>

struct record_head {
    uint16_t tag, version;
    uint32_t length;
};
_Static_assert(sizeof(struct record_head) == 8, "stored form");
_Static_assert(sizeof(struct records_head) % 8 == 0, "stored form");

static size_t padded(size_t length) {
    return (length + 7) & ~(size_t)7;
}

uint64_t records_checksum(const void *start, size_t length) {
    const uint8_t *bytes = start;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t at = 0; at < length; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof word);
        hash = (hash ^ word) * 0x100000001b3u;
    }
    return hash;
}

/* ---- Writing ------------------------------------------------------------------------------ */

void records_begin(struct records_writer *writer, void *start, size_t size) {
    *writer = (struct records_writer){.start = start, .size = size & ~(size_t)7};
    if (writer->size < sizeof(struct records_head)) {
        writer->full = true;
        return;
    }
    memset(start, 0, sizeof(struct records_head));
    writer->used = sizeof(struct records_head);
}

void *record_add(struct records_writer *writer, uint16_t tag, uint16_t version, size_t length) {
    struct record_head head = {tag, version, (uint32_t)length};
    if (writer->full || length > UINT32_MAX - 8 ||
        padded(length) + sizeof head > writer->size - writer->used) {
        writer->full = true;
        return NULL;
    }
    uint8_t *at = writer->start + writer->used;
    memcpy(at, &head, sizeof head);
    memset(at + sizeof head, 0, padded(length));
    writer->used += sizeof head + padded(length);
    writer->count++;
    return at + sizeof head;
}

void record_put(struct records_writer *writer, uint16_t tag, uint16_t version, const void *data,
                size_t length) {
    void *to = record_add(writer, tag, version, length);
    if (to != NULL && length != 0) {
        memcpy(to, data, length);
    }
}

status_t records_end(struct records_writer *writer, const struct image_note *program) {
    if (writer->full) {
        return E_NO_SPACE;
    }
    size_t length = writer->used - sizeof(struct records_head);
    struct records_head head = {
        .magic = RECORDS_MAGIC,
        .length = length,
        .checksum = records_checksum(writer->start + sizeof head, length),
        .count = writer->count,
        .program = *program,
    };
    memcpy(writer->start, &head, sizeof head);
    return OK;
}

/* ---- Reading ------------------------------------------------------------------------------ */

bool record_next(struct records_reader *reader, struct record *record) {
    struct record_head head;
    if (reader->used + sizeof head > reader->size) {
        return false;
    }
    memcpy(&head, reader->start + reader->used, sizeof head);
    reader->used += sizeof head;
    if (padded(head.length) > reader->size - reader->used) {
        reader->used = reader->size + 1; /* damaged: never goes on */
        return false;
    }
    *record = (struct record){head.tag, head.version, head.length, reader->start + reader->used};
    reader->used += padded(head.length);
    return true;
}

void records_rewind(struct records_reader *reader) {
    reader->used = sizeof(struct records_head);
}

status_t records_open(struct records_reader *reader, const void *start, size_t size) {
    const struct records_head *head = start;
    if (size < sizeof *head || head->magic != RECORDS_MAGIC || head->length % 8 != 0 ||
        head->length > size - sizeof *head || !record_text(head->program.name, IMAGE_NAME)) {
        return E_FORMAT;
    }
    *reader = (struct records_reader){.start = start, .size = sizeof *head + head->length};
    reader->head = head;
    if (records_checksum(reader->start + sizeof *head, head->length) != head->checksum) {
        return E_CHECKSUM;
    }
    struct record record;
    uint64_t count = 0;
    for (records_rewind(reader); record_next(reader, &record); count++) {
        if (record.tag == 0) {
            return E_FORMAT;
        }
    }
    if (reader->used != reader->size || count != head->count) {
        return E_FORMAT;
    }
    records_rewind(reader);
    return OK;
}

void record_copy(const struct record *record, void *to, size_t size) {
    size_t length = record->length < size ? record->length : size;
    memcpy(to, record->data, length);
    memset((uint8_t *)to + length, 0, size - length);
}
