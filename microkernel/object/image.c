/* SPDX-License-Identifier: MIT
 * Program images: read from static ELF64 files (System V gABI 4.1, chapters 4 and 5), which are
 * never trusted; loading into tasks.
 */
#include <common/string.h>
#include <image.h>
#include <task.h>

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
    uint32_t name_size, content_size, type;
    char name[8];
    struct image_note content;
} __attribute__((packed));

enum { ET_EXEC = 2, EM_X86_64 = 62, PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3, PT_NOTE = 4 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

/* The file while it is read; `size` may be less than the memory's. */
struct file {
    struct memory *memory;
    uint64_t size;
};

static bool in_file(const struct file *file, uint64_t offset, uint64_t length) {
    return offset <= file->size && length <= file->size - offset;
}

static status_t read_file(const struct file *file, uint64_t offset, void *to, uint64_t length) {
    return in_file(file, offset, length)
               ? memory_copy(file->memory, offset, to, length, false, false)
               : E_FORMAT;
}

/* FNV-1a over 64-bit words: detects damage, not malice. */
static uint64_t checksum(struct memory *content) {
    uint64_t hash = 0xcbf29ce484222325ull, prime = 0x100000001b3ull;
    for (uint64_t page = 0; page < content->size / PAGE_SIZE; page++) {
        const uint64_t *words = phys_to_virt(memory_page_peek(content, page));
        for (unsigned i = 0; i < PAGE_SIZE / 8; i += 4) { /* each start of a server goes through */
            hash = ((hash ^ words[i]) * prime ^ words[i + 1]) * prime;
            hash = ((hash ^ words[i + 2]) * prime ^ words[i + 3]) * prime;
        }
    }
    return hash;
}

/* The bytes of the file in memory of the image's own, every page of it present. */
static status_t copy_content(struct image *image, struct segment *segment, const struct file *file,
                             const struct elf_program_header *ph) {
    uint64_t lead = ph->vaddr % PAGE_SIZE;
    TRY(memory_create(image->object.account, lead + ph->filesz, MEMORY_ANONYMOUS,
                      &segment->content));
    for (uint64_t done = 0, step; done < ph->filesz; done += step) {
        char *bytes;
        step = page_step(lead + done, ph->filesz - done);
        TRY(memory_bytes(segment->content, lead + done, true, &bytes));
        TRY(memory_copy(file->memory, ph->offset + done, bytes, step, false, false));
    }
    segment->checksum = checksum(segment->content);
    return OK;
}

static status_t add_segment(struct image *image, const struct file *file,
                            const struct elf_program_header *ph) {
    if (ph->memsz == 0) {
        return OK;
    }
    if (image->segment_count == IMAGE_SEGMENTS || ph->filesz > ph->memsz ||
        !in_file(file, ph->offset, ph->filesz) || ph->vaddr < USER_LOWEST ||
        ph->vaddr >= STARTUP_VA || ph->memsz > STARTUP_VA - ph->vaddr ||
        (ph->flags & (PF_W | PF_X)) == (PF_W | PF_X)) {
        return E_FORMAT;
    }
    uint64_t start = ph->vaddr & ~(PAGE_SIZE - 1);
    uint64_t end = PAGE_ROUND_UP(ph->vaddr + ph->memsz);
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct segment *other = &image->segments[i];
        if (start < other->address + other->memory_size && other->address < end) {
            return E_FORMAT;
        }
    }
    struct segment *segment = &image->segments[image->segment_count++];
    segment->address = start;
    segment->memory_size = end - start;
    segment->prot = PROT_READ | ((ph->flags & PF_W) != 0 ? PROT_WRITE : 0) |
                    ((ph->flags & PF_X) != 0 ? PROT_EXEC : 0);
    segment->arena = start >= ARENA_VA && start < ARENA_VA_END;
    if (segment->arena) {
        image->info.arena_minimum = end - ARENA_VA;
    } else {
        image->info.memory += segment->memory_size;
    }
    return ph->filesz == 0 ? OK : copy_content(image, segment, file, ph);
}

/* Our note, if the segment begins with it; others are none of our business. */
static status_t read_note(struct image *image, const struct file *file,
                          const struct elf_program_header *ph) {
    struct elf_note note;
    if (ph->filesz < sizeof(note) || !in_file(file, ph->offset, sizeof(note))) {
        return OK;
    }
    TRY(memory_copy(file->memory, ph->offset, &note, sizeof(note), false, false));
    if (note.type == 1 && note.name_size == sizeof(note.name) &&
        note.content_size == sizeof(note.content) && memcmp(note.name, "Axolotl", 8) == 0) {
        image->info.note = note.content;
        image->info.note.name[IMAGE_NAME - 1] = '\0';
        image->info.note.protocols[IMAGE_PROTOCOLS - 1] = '\0';
    }
    return OK;
}

static status_t read_elf(struct image *image, const struct file *file) {
    static const uint8_t ident[7] = {0x7f, 'E', 'L', 'F', 2 /* 64 bit */, 1 /* little */, 1};
    struct elf_header header;
    struct elf_program_header ph;
    TRY(read_file(file, 0, &header, sizeof(header)));
    if (memcmp(header.ident, ident, sizeof(ident)) != 0 || header.type != ET_EXEC ||
        header.machine != EM_X86_64 || header.phentsize != sizeof(ph) || header.phnum > 32) {
        return E_FORMAT;
    }
    image->info.entry = header.entry;
    image->info.memory = STACK_SIZE;
    bool entry_good = false;
    for (uint32_t i = 0; i < header.phnum; i++) {
        TRY(read_file(file, header.phoff + i * sizeof(ph), &ph, sizeof(ph)));
        if (ph.type == PT_DYNAMIC || ph.type == PT_INTERP) {
            return E_FORMAT;
        }
        if (ph.type == PT_NOTE) {
            TRY(read_note(image, file, &ph));
        } else if (ph.type == PT_LOAD) {
            TRY(add_segment(image, file, &ph));
            entry_good |= (ph.flags & PF_X) != 0 && header.entry - ph.vaddr < ph.filesz;
        }
    }
    return entry_good ? OK : E_FORMAT;
}

status_t image_create(struct account *account, struct memory *memory, uint64_t length,
                      struct image **out) {
    struct file file = {memory, length};
    struct image *image;
    if (length > memory->size) {
        return E_RANGE;
    }
    TRY(object_create(OBJECT_IMAGE, sizeof(*image), account, &image));
    status_t status = read_elf(image, &file);
    if (status != OK) {
        object_put(&image->object);
        return status;
    }
    *out = image;
    return OK;
}

void image_destroy(struct object *object) {
    struct image *image = (struct image *)object;
    for (uint32_t i = 0; i < image->segment_count; i++) {
        object_put(OBJECT_OF(image->segments[i].content));
    }
}

/* The content, checked, to `offset` of a memory, in an arena also to the committed image. */
static status_t copy_out(const struct segment *segment, struct memory *to, uint64_t offset) {
    struct memory *content = segment->content;
    if (content != NULL && checksum(content) != segment->checksum) {
        return E_CHECKSUM;
    }
    for (uint64_t at = 0; content != NULL && at < content->size; at += PAGE_SIZE) {
        void *page = phys_to_virt(memory_page_peek(content, at / PAGE_SIZE));
        TRY(memory_copy(to, offset + at, page, PAGE_SIZE, true, false));
        if (to->arena != NULL) {
            arena_keep(to->arena, (offset + at) / PAGE_SIZE, 0);
        }
    }
    return OK;
}

static status_t add_memory(struct task *task, const struct segment *segment) {
    struct memory *memory;
    TRY(memory_create(task->account, segment->memory_size, MEMORY_ANONYMOUS, &memory));
    status_t status = copy_out(segment, memory, 0);
    if (status == OK) {
        status = mapping_create(task, memory, 0, segment->address, segment->memory_size,
                                segment->prot, MAPPING_IMAGE | MAPPING_INITIAL | MAP_POPULATE);
    }
    object_put(&memory->object); /* the mapping holds it */
    return status;
}

status_t image_load(struct image *image, struct task *task) {
    static const struct segment stack = {.address = STACK_TOP_VA - STACK_SIZE,
                                         .memory_size = STACK_SIZE,
                                         .prot = PROT_READ | PROT_WRITE};
    static const struct segment buffer = {
        .address = MESSAGE_BUFFER_VA, .memory_size = PAGE_SIZE, .prot = PROT_READ | PROT_WRITE};
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct segment *segment = &image->segments[i];
        if (!segment->arena || task->arena == NULL) { /* a plain task has no other life */
            TRY(add_memory(task, segment));
        }
    }
    TRY(add_memory(task, &stack));
    return add_memory(task, &buffer);
}

status_t image_load_arena(struct image *image, struct arena *arena) {
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct segment *segment = &image->segments[i];
        if (segment->arena) {
            TRY(copy_out(segment, arena->memory, segment->address - ARENA_VA));
        }
    }
    return OK;
}
