/* SPDX-License-Identifier: MIT
 * ELF64 reader: System V gABI 4.1, chapters 4 (header, notes) and 5 (program header).
 */
#include <common/string.h>
#include <elf.h>
#include <stdbool.h>

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
};

enum { ET_EXEC = 2, EM_X86_64 = 62, PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3, PT_NOTE = 4 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

static bool header_good(const struct elf_header *header) {
    static const uint8_t ident[7] = {0x7f, 'E', 'L', 'F', 2 /* 64 bit */, 1 /* little */, 1};
    return memcmp(header->ident, ident, sizeof(ident)) == 0 && header->type == ET_EXEC &&
           header->machine == EM_X86_64 && header->phentsize == sizeof(struct elf_program_header) &&
           header->phnum > 0 && header->phnum <= 32;
}

static status_t add_segment(struct elf_file *out, const struct elf_program_header *ph,
                            uint64_t size) {
    if (ph->memsz == 0) {
        return OK;
    }
    if (out->segment_count == ELF_SEGMENTS || ph->filesz > ph->memsz || ph->offset > size ||
        ph->filesz > size - ph->offset || ph->vaddr < USER_LOWEST || ph->vaddr >= STARTUP_VA ||
        ph->memsz > STARTUP_VA - ph->vaddr || (ph->flags & (PF_W | PF_X)) == (PF_W | PF_X)) {
        return E_FORMAT;
    }
    uint64_t start = ph->vaddr & ~(PAGE_SIZE - 1);
    uint64_t end = (ph->vaddr + ph->memsz + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    for (uint32_t i = 0; i < out->segment_count; i++) {
        const struct elf_segment *other = &out->segments[i];
        uint64_t other_start = other->address & ~(PAGE_SIZE - 1);
        uint64_t other_end = other->address + other->memory_size;
        if (start < other_end && other_start < end) {
            return E_FORMAT;
        }
    }
    out->segments[out->segment_count++] = (struct elf_segment){
        .address = ph->vaddr,
        .memory_size = ph->memsz,
        .file_offset = ph->offset,
        .file_size = ph->filesz,
        .prot = PROT_READ | ((ph->flags & PF_W) != 0 ? PROT_WRITE : 0) |
                ((ph->flags & PF_X) != 0 ? PROT_EXEC : 0),
    };
    return OK;
}

/* Our note, if the segment begins with it; others are none of our business. */
static status_t read_note(elf_read_t read, void *context, const struct elf_program_header *ph,
                          uint64_t size, struct elf_file *out) {
    struct elf_note note;
    if (ph->filesz < sizeof(note) + sizeof(out->note) || ph->offset > size ||
        ph->filesz > size - ph->offset) {
        return OK;
    }
    status_t status = read(context, ph->offset, &note, sizeof(note));
    if (status == OK && note.type == 1 && note.name_size == 8 &&
        note.content_size == sizeof(out->note) && memcmp(note.name, "Axolotl", 8) == 0) {
        status = read(context, ph->offset + sizeof(note), &out->note, sizeof(out->note));
        out->note.name[IMAGE_NAME - 1] = '\0';
    }
    return status;
}

status_t elf_parse(elf_read_t read, void *context, uint64_t size, struct elf_file *out) {
    struct elf_header header;
    memset(out, 0, sizeof(*out));
    if (size < sizeof(header)) {
        return E_FORMAT;
    }
    status_t status = read(context, 0, &header, sizeof(header));
    if (status != OK) {
        return status;
    }
    uint64_t table = (uint64_t)header.phnum * sizeof(struct elf_program_header);
    if (!header_good(&header) || header.phoff > size || table > size - header.phoff) {
        return E_FORMAT;
    }
    bool entry_good = false;
    for (uint32_t i = 0; i < header.phnum; i++) {
        struct elf_program_header ph;
        status = read(context, header.phoff + i * sizeof(ph), &ph, sizeof(ph));
        if (status != OK) {
            return status;
        }
        if (ph.type == PT_DYNAMIC || ph.type == PT_INTERP) {
            return E_FORMAT;
        }
        if (ph.type == PT_NOTE) {
            status = read_note(read, context, &ph, size, out);
        } else if (ph.type == PT_LOAD) {
            status = add_segment(out, &ph, size);
            entry_good |=
                status == OK && (ph.flags & PF_X) != 0 && header.entry - ph.vaddr < ph.filesz;
        }
        if (status != OK) {
            return status;
        }
    }
    out->entry = header.entry;
    return entry_good ? OK : E_FORMAT;
}
