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

struct framebuffer_tag {
    uint32_t type, size;
    uint64_t address;
    uint32_t pitch, width, height;
    uint8_t bpp, kind;
    uint16_t reserved;
    uint8_t red_shift, red_size, green_shift, green_size, blue_shift, blue_size;
};
#define FRAMEBUFFER_TAG_SIZE 32u /* without the colour fields */

static void text_copy(char *to, size_t room, const char *from, size_t size) {
    size_t length = strnlen(from, size);
    if (length >= room) {
        length = room - 1;
    }
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
    struct {
        uint32_t start, end;
    } place;
    if (size < 16 || info->module_count == BOOT_MODULES) {
        return;
    }
    memcpy(&place, tag + 8, sizeof(place));
    if (place.end < place.start) {
        return;
    }
    struct boot_module_info *module = &info->modules[info->module_count++];
    module->start = place.start;
    module->size = place.end - place.start;
    text_copy(module->command, sizeof(module->command), (const char *)tag + 16, size - 16);
}

static void range_insert(struct boot_info *info, phys_t start, phys_t end) {
    uint32_t at = info->ram_count;
    if (at == BOOT_RANGES) {
        return;
    }
    while (at > 0 && info->ram[at - 1].start > start) {
        info->ram[at] = info->ram[at - 1];
        at--;
    }
    info->ram[at] = (struct boot_range){start, end};
    info->ram_count++;
}

/* Removes [start, end) from a sorted list; the count may grow by one. */
static void ranges_cut(struct boot_range *ranges, uint32_t *count, phys_t start, phys_t end) {
    for (uint32_t i = 0; i < *count;) {
        struct boot_range *range = &ranges[i];
        if (range->end <= start || range->start >= end) {
            i++;
        } else if (range->start < start && range->end > end) {
            if (*count < BOOT_RANGES) {
                memmove(range + 2, range + 1, (*count - i - 1) * sizeof(*range));
                range[1] = (struct boot_range){end, range->end};
                (*count)++;
            }
            range->end = start; /* without room the upper part is lost, not the cut */
            return;
        } else if (range->start < start) {
            range->end = start;
            i++;
        } else if (range->end > end) {
            range->start = end;
            i++;
        } else {
            memmove(range, range + 1, (*count - i - 1) * sizeof(*range));
            (*count)--;
        }
    }
}

static void ranges_merge(struct boot_info *info) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < info->ram_count; i++) {
        struct boot_range range = info->ram[i];
        if (count > 0 && range.start <= info->ram[count - 1].end) {
            if (range.end > info->ram[count - 1].end) {
                info->ram[count - 1].end = range.end;
            }
        } else {
            info->ram[count++] = range;
        }
    }
    info->ram_count = count;
}

#define PHYSICAL_LIMIT (1ull << 46) /* what the direct map can hold */

static bool entry_bounds(const struct memory_entry *entry, phys_t *start, phys_t *end) {
    if (entry->base >= PHYSICAL_LIMIT) {
        return false;
    }
    uint64_t room = PHYSICAL_LIMIT - entry->base;
    *start = entry->base;
    *end = entry->base + (entry->length < room ? entry->length : room);
    return *start < *end;
}

/* Usable entries first, then everything else is cut out: reserved wins where they overlap. */
static void memory_map_read(struct boot_info *info, const uint8_t *tag, size_t size) {
    uint32_t entry_size;
    if (size < 16) {
        return;
    }
    memcpy(&entry_size, tag + 8, sizeof(entry_size));
    if (entry_size < sizeof(struct memory_entry)) {
        return;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t at = 16; at + sizeof(struct memory_entry) <= size && size - at >= entry_size;
             at += entry_size) {
            struct memory_entry entry;
            phys_t start, end;
            memcpy(&entry, tag + at, sizeof(entry));
            if (!entry_bounds(&entry, &start, &end)) {
                continue;
            }
            if (pass == 0 && entry.type == MEMORY_USABLE) {
                start = (start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
                end &= ~(PAGE_SIZE - 1);
                if (start < end) {
                    range_insert(info, start, end);
                }
            } else if (pass == 1 && entry.type != MEMORY_USABLE) {
                ranges_cut(info->ram, &info->ram_count, start & ~(PAGE_SIZE - 1),
                           (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
            }
        }
        ranges_merge(info);
    }
}

/* GRUB with no display passes a tag of a bogus type: only RGB and text are believed. */
static void framebuffer_read(struct boot_info *info, const uint8_t *data, size_t size) {
    struct framebuffer_tag tag = {0};
    memcpy(&tag, data, size < sizeof(tag) ? size : sizeof(tag));
    bool rgb = tag.kind == FRAMEBUFFER_RGB && size >= sizeof(tag) - 2 &&
               (tag.bpp == 16 || tag.bpp == 24 || tag.bpp == 32) &&
               (uint64_t)tag.width * tag.bpp <= (uint64_t)tag.pitch * 8;
    bool text = tag.kind == FRAMEBUFFER_TEXT && size >= FRAMEBUFFER_TAG_SIZE - 2;
    if ((!rgb && !text) || tag.address == 0 || tag.width == 0 || tag.height == 0 ||
        tag.address >= PHYSICAL_LIMIT || tag.height > 16384 || tag.pitch > 131072) {
        return;
    }
    struct framebuffer_info *out = &info->framebuffer;
    out->address = tag.address;
    out->pitch = tag.pitch;
    out->width = tag.width;
    out->height = tag.height;
    out->bpp = tag.bpp;
    out->type = tag.kind;
    if (rgb) {
        out->red_shift = tag.red_shift;
        out->red_size = tag.red_size;
        out->green_shift = tag.green_shift;
        out->green_size = tag.green_size;
        out->blue_shift = tag.blue_shift;
        out->blue_size = tag.blue_size;
    }
}

static void rsdp_copy(struct boot_info *info, const uint8_t *tag, size_t size) {
    size_t length = size - sizeof(struct tag);
    memset(info->rsdp_copy, 0, sizeof(info->rsdp_copy));
    memcpy(info->rsdp_copy, tag + sizeof(struct tag),
           length < sizeof(info->rsdp_copy) ? length : sizeof(info->rsdp_copy));
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
        if (info->rsdp_copy[15] < 2) { /* the new one wins, whatever the order */
            rsdp_copy(info, tag, size);
        }
        break;
    case TAG_RSDP_NEW:
        rsdp_copy(info, tag, size);
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
    for (uint32_t i = 0; i < info->ram_count; i++) {
        info->ranges[i] = info->ram[i];
        info->memory_total += info->ram[i].end - info->ram[i].start;
        info->memory_end = info->ram[i].end;
    }
    info->range_count = info->ram_count;
}

void boot_range_remove(struct boot_info *info, phys_t start, phys_t end) {
    ranges_cut(info->ranges, &info->range_count, start & ~(PAGE_SIZE - 1),
               (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
}
