/* SPDX-License-Identifier: MIT
 * Multiboot2 information (specification 2.0, section 3.6): a list of tags, each 8-byte aligned.
 * Firmware and loader are not trusted to be tidy: sizes are checked, memory map entries may be
 * unsorted or overlap, strings may lack their NUL.
 */
#include "multiboot.h"

#include <common/string.h>

enum {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_EFI32 = 11,
    TAG_EFI64 = 12,
    TAG_RSDP_OLD = 14,
    TAG_RSDP_NEW = 15,
    TAG_EFI_MAP = 17,
};

struct tag {
    uint32_t type, size;
};

struct memory_entry {
    uint64_t base, length;
    uint32_t type, reserved;
};

#define MEMORY_USABLE 1u

_Static_assert(offsetof(struct framebuffer_info, type) == 21, "the tag of Multiboot2");
_Static_assert(offsetof(struct framebuffer_info, blue_size) == 27, "the tag of Multiboot2");

static void text_copy(char *to, size_t room, const char *from, size_t size) {
    size_t length = strnlen(from, size < room ? size : room - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

static bool word_present(const char *text, const char *word) {
    size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += length) {
        bool starts = at == text || at[-1] == ' ';
        if (starts && (at[length] == '\0' || at[length] == ' ')) {
            return true;
        }
    }
    return false;
}

static void module_add(struct boot_info *info, const uint8_t *tag, size_t size) {
    uint32_t place[2]; /* start, end */
    if (size < 16 || info->module_count == BOOT_MODULES) {
        return;
    }
    memcpy(place, tag + 8, sizeof(place));
    if (place[1] < place[0]) {
        return;
    }
    struct boot_module_info *module = &info->modules[info->module_count++];
    module->start = place[0];
    module->size = place[1] - place[0];
    text_copy(module->command, sizeof(module->command), (const char *)tag + 16, size - 16);
}

/* To the end of a sorted list: what touches the last range makes that longer. */
static void range_append(struct boot_range *ranges, uint32_t *count, phys_t start, phys_t end) {
    if (start >= end) {
        return;
    }
    if (*count > 0 && ranges[*count - 1].end == start) {
        ranges[*count - 1].end = end;
    } else if (*count < BOOT_RANGES) {
        ranges[(*count)++] = (struct boot_range){start, end};
    }
}

static phys_t page_below(phys_t address) {
    return address & ~(PAGE_SIZE - 1);
}

#define PHYSICAL_LIMIT (1ull << 46) /* what the direct map can hold */

/* Usable memory is rounded inwards to pages, all else outwards. An empty entry has start >= end. */
static struct boot_range entry_range(const struct memory_entry *entry) {
    phys_t start = entry->base < PHYSICAL_LIMIT ? entry->base : PHYSICAL_LIMIT;
    phys_t room = PHYSICAL_LIMIT - start;
    phys_t end = start + (entry->length < room ? entry->length : room);
    if (entry->type == MEMORY_USABLE || start == end) {
        return (struct boot_range){PAGE_ROUND_UP(start), page_below(end)};
    }
    return (struct boot_range){page_below(start), PAGE_ROUND_UP(end)};
}

/* Goes up from one edge of an entry to the next: RAM is what lies in usable entries only. */
static void memory_map_read(struct boot_info *info, const uint8_t *tag, size_t size) {
    uint32_t entry_size = 0;
    memcpy(&entry_size, tag + 8, size < 16 ? 0 : sizeof(entry_size));
    if (entry_size < sizeof(struct memory_entry)) {
        return;
    }
    info->ram_count = 0;
    for (phys_t at = 0, next; at < PHYSICAL_LIMIT; at = next) {
        bool usable = false;
        bool reserved = false;
        next = PHYSICAL_LIMIT;
        for (size_t offset = 16; offset + entry_size <= size; offset += entry_size) {
            struct memory_entry entry;
            memcpy(&entry, tag + offset, sizeof(entry));
            struct boot_range range = entry_range(&entry);
            bool inside = range.start <= at && range.end > at;
            phys_t edge = inside ? range.end : range.start;
            next = edge > at && edge < next ? edge : next;
            usable |= inside && entry.type == MEMORY_USABLE;
            reserved |= inside && entry.type != MEMORY_USABLE;
        }
        if (usable && !reserved) {
            range_append(info->ram, &info->ram_count, at, next);
        }
    }
}

/* The tag is struct framebuffer_info with a reserved word before the colours, which text lacks.
 * GRUB with no display passes a tag of a bogus type: only RGB and text are believed. */
static void framebuffer_read(struct boot_info *info, const uint8_t *tag, size_t size) {
    struct framebuffer_info found = {0};
    if (size < 30) {
        return;
    }
    memcpy(&found, tag + 8, 22);
    memcpy(&found.red_shift, tag + 32, size < 38 ? 0 : 6);
    bool rgb = found.type == FRAMEBUFFER_RGB && size >= 38 &&
               (found.bpp == 16 || found.bpp == 24 || found.bpp == 32) &&
               (uint64_t)found.width * found.bpp <= (uint64_t)found.pitch * 8;
    if ((rgb || found.type == FRAMEBUFFER_TEXT) && found.address != 0 && found.width != 0 &&
        found.height != 0 && found.address < PHYSICAL_LIMIT && found.height <= 16384 &&
        found.pitch <= 131072) {
        info->framebuffer = found;
    }
}

static void tag_read(struct boot_info *info, uint32_t type, const uint8_t *tag, size_t size) {
    switch (type) {
    case TAG_COMMAND_LINE:
        text_copy(info->command_line, sizeof(info->command_line), (const char *)tag + 8, size - 8);
        info->verbose = word_present(info->command_line, "verbose");
        break;
    case TAG_MODULE:
        module_add(info, tag, size);
        break;
    case TAG_MEMORY_MAP:
        memory_map_read(info, tag, size);
        break;
    case TAG_FRAMEBUFFER:
        framebuffer_read(info, tag, size);
        break;
    case TAG_RSDP_OLD:
    case TAG_RSDP_NEW:
        if (type == TAG_RSDP_NEW || info->rsdp_copy[15] < 2) { /* it wins, whatever the order */
            size_t length = size - 8 < sizeof(info->rsdp_copy) ? size - 8 : sizeof(info->rsdp_copy);
            memcpy(info->rsdp_copy, tag + 8, length);
        }
        break;
    case TAG_EFI32:
    case TAG_EFI64:
    case TAG_EFI_MAP:
        info->uefi = true;
        break;
    default:
        break;
    }
}

void multiboot_parse(struct boot_info *info, const void *data, size_t size) {
    const uint8_t *bytes = data;
    size_t at = 8;
    while (at + sizeof(struct tag) <= size) {
        struct tag tag;
        memcpy(&tag, bytes + at, sizeof(tag));
        if (tag.type == TAG_END || tag.size < sizeof(tag) || tag.size > size - at) {
            break;
        }
        tag_read(info, tag.type, bytes + at, tag.size);
        at += ((size_t)tag.size + 7) & ~(size_t)7;
    }
    memcpy(info->ranges, info->ram, sizeof(info->ranges));
    for (uint32_t i = 0; i < info->ram_count; i++) {
        info->memory_total += info->ram[i].end - info->ram[i].start;
        info->memory_end = info->ram[i].end;
    }
    info->range_count = info->ram_count;
}

void boot_range_remove(struct boot_info *info, phys_t start, phys_t end) {
    struct boot_range old[BOOT_RANGES];
    uint32_t count = info->range_count;
    start = page_below(start);
    end = PAGE_ROUND_UP(end);
    memcpy(old, info->ranges, sizeof(old));
    info->range_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        phys_t below = old[i].end < start ? old[i].end : start;
        phys_t above = old[i].start > end ? old[i].start : end;
        range_append(info->ranges, &info->range_count, old[i].start, below);
        range_append(info->ranges, &info->range_count, above, old[i].end);
    }
}
