/* SPDX-License-Identifier: MIT
 * Program images: kept content, loading into a task, restoring a task from it.
 */
#include <common/string.h>
#include <debug.h>
#include <elf.h>
#include <image.h>
#include <task.h>

struct reader {
    struct memory *file;
};

static status_t read_file(void *context, uint64_t offset, void *to, uint64_t length) {
    return memory_copy_out(((struct reader *)context)->file, offset, to, length);
}

/* FNV-1a over 64-bit words: detects damage, not malice. */
static uint64_t checksum_page(uint64_t hash, const uint64_t *words) {
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++) {
        hash = (hash ^ words[i]) * 0x100000001b3ull;
    }
    return hash;
}

static uint64_t checksum(struct memory *content) {
    uint64_t hash = 0xcbf29ce484222325ull;
    for (uint64_t page = 0; page < content->size / PAGE_SIZE; page++) {
        phys_t frame = memory_page_peek(content, page);
        if (frame != 0) {
            hash = checksum_page(hash, phys_to_virt(frame));
        }
    }
    return hash;
}

static status_t copy_segment(struct memory *file, const struct elf_segment *from,
                             struct account *account, struct segment *to) {
    uint64_t lead = from->address % PAGE_SIZE;
    to->address = from->address - lead;
    to->memory_size = (lead + from->memory_size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    to->file_size = from->file_size == 0 ? 0 : lead + from->file_size;
    to->prot = from->prot;
    to->arena = from->address >= ARENA_VA && from->address < ARENA_VA_END;
    if (to->file_size == 0) {
        return OK;
    }
    status_t status = memory_create(account, to->file_size, MEMORY_ANONYMOUS, &to->content);
    for (uint64_t done = 0; status == OK && done < from->file_size;) {
        uint64_t at = lead + done;
        uint64_t step = PAGE_SIZE - at % PAGE_SIZE;
        step = step < from->file_size - done ? step : from->file_size - done;
        phys_t frame;
        status = memory_page(to->content, at / PAGE_SIZE, true, &frame);
        if (status == OK) {
            status = memory_copy_out(file, from->file_offset + done,
                                     (char *)phys_to_virt(frame) + at % PAGE_SIZE, step);
        }
        done += step;
    }
    if (status == OK) {
        to->checksum = checksum(to->content);
    }
    return status;
}

status_t image_create(struct account *account, struct memory *file, uint64_t length,
                      struct image **out) {
    struct elf_file elf;
    struct reader reader = {file};
    if (length > file->size) {
        return E_RANGE;
    }
    status_t status = elf_parse(read_file, &reader, length, &elf);
    if (status != OK) {
        return status;
    }
    struct image *image;
    status = object_create(OBJECT_IMAGE, sizeof(*image), account, &image);
    if (status != OK) {
        return status;
    }
    for (uint32_t i = 0; i < elf.segment_count && status == OK; i++) {
        struct segment *segment = &image->segments[image->segment_count++];
        status = copy_segment(file, &elf.segments[i], account, segment);
        if (segment->arena) {
            image->info.arena_minimum = segment->address + segment->memory_size - ARENA_VA;
        } else {
            image->info.memory += segment->memory_size;
        }
    }
    if (status != OK) {
        object_put(&image->object);
        return status;
    }
    image->info.entry = elf.entry;
    image->info.layout = elf.note.layout;
    image->info.version = elf.note.version;
    image->info.memory += STACK_SIZE;
    memcpy(image->info.name, elf.note.name, IMAGE_NAME);
    *out = image;
    return OK;
}

void image_destroy(struct object *object) {
    struct image *image = (struct image *)object;
    for (uint32_t i = 0; i < image->segment_count; i++) {
        if (image->segments[i].content != NULL) {
            object_put(&image->segments[i].content->object);
        }
    }
}

/* Content, then zeroes, over every page of the task's copy. */
static status_t fill(const struct segment *segment, struct memory *copy) {
    if (segment->content != NULL && checksum(segment->content) != segment->checksum) {
        return E_CHECKSUM;
    }
    for (uint64_t page = 0; page < copy->size / PAGE_SIZE; page++) {
        phys_t frame;
        phys_t from = segment->content != NULL && page < segment->content->size / PAGE_SIZE
                          ? memory_page_peek(segment->content, page)
                          : 0;
        status_t status = memory_page(copy, page, true, &frame);
        if (status != OK) {
            return status;
        }
        if (from != 0) {
            memcpy(phys_to_virt(frame), phys_to_virt(from), PAGE_SIZE);
        } else {
            memset(phys_to_virt(frame), 0, PAGE_SIZE);
        }
    }
    return OK;
}

static status_t add_memory(struct task *task, uint64_t address, uint64_t size, uint32_t prot,
                           const struct segment *segment) {
    struct memory *memory;
    status_t status = memory_create(task->account, size, MEMORY_ANONYMOUS, &memory);
    if (status != OK) {
        return status;
    }
    if (segment != NULL) {
        status = fill(segment, memory);
    }
    if (status == OK) {
        status = mapping_create(task, memory, 0, address, size, prot,
                                MAPPING_IMAGE | MAPPING_INITIAL | MAP_POPULATE, NULL);
    }
    object_put(&memory->object); /* the mapping holds it */
    return status;
}

status_t image_load(struct image *image, struct task *task) {
    status_t status = OK;
    for (uint32_t i = 0; i < image->segment_count && status == OK; i++) {
        const struct segment *segment = &image->segments[i];
        if (!segment->arena || task->arena == NULL) { /* a plain task has no other life */
            status =
                add_memory(task, segment->address, segment->memory_size, segment->prot, segment);
        }
    }
    if (status == OK) {
        status =
            add_memory(task, STACK_TOP_VA - STACK_SIZE, STACK_SIZE, PROT_READ | PROT_WRITE, NULL);
    }
    if (status == OK) {
        status = add_memory(task, MESSAGE_BUFFER_VA, PAGE_SIZE, PROT_READ | PROT_WRITE, NULL);
    }
    return status;
}

status_t image_restore(struct image *image, struct task *task) {
    static const struct segment zeroes;
    LIST_FOR_EACH(link, &task->mappings) {
        struct mapping *mapping = LIST_ENTRY(link, struct mapping, task_link);
        if ((mapping->flags & MAPPING_IMAGE) == 0) {
            continue;
        }
        const struct segment *segment = &zeroes;
        for (uint32_t i = 0; i < image->segment_count; i++) {
            if (image->segments[i].address == mapping->address) {
                segment = &image->segments[i];
            }
        }
        status_t status = fill(segment, mapping->memory);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

status_t image_load_arena(struct image *image, struct arena *arena) {
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct segment *segment = &image->segments[i];
        if (!segment->arena || segment->content == NULL) {
            continue;
        }
        for (uint64_t page = 0; page < segment->content->size / PAGE_SIZE; page++) {
            phys_t frame = memory_page_peek(segment->content, page);
            status_t status =
                frame == 0 ? OK
                           : arena_load(arena, segment->address - ARENA_VA + page * PAGE_SIZE,
                                        phys_to_virt(frame), PAGE_SIZE);
            if (status != OK) {
                return status;
            }
        }
    }
    return OK;
}
