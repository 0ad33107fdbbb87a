/* SPDX-License-Identifier: MIT
 * execve: the program is replaced in its own task.
 */
#include <common/format.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/random.h>

#include "file.h"
#include "memory.h"
#include "process.h"
#include "procfs.h"
#include "signals.h"

#define HEAD_SIZE 4096u
#define SCRIPTS_MAX 4
#define TEXT_MAX (SCRATCH_SIZE - 0x8000)

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, align;
};
enum { PT_LOAD = 1, PT_INTERP = 3, PT_GNU_STACK = 0x6474e551 };
#define PF_X 1u
#define PF_W 2u
#define PF_R 4u

struct image {
    handle_t file;
    struct elf_header header;
    struct elf_segment segments[24];
    uint64_t bias;
    uint64_t end; /* behind the last segment: the heap begins there */
};

/* ---- strings ---- */

char *exec_scratch(void) {
    handle_t memory;
    static bool mapped;
    if (!mapped && memory_create(process.account, SCRATCH_SIZE, &memory) == OK) {
        mapped = memory_map(TASK_SELF, memory, 0, SCRATCH_VA, SCRATCH_SIZE,
                            PROT_READ | PROT_WRITE) == OK;
        handle_close(memory);
    }
    return mapped ? (char *)SCRATCH_VA : NULL;
}

static int64_t add_string(struct strings *strings, const char *text) {
    size_t size = strlen(text) + 1;
    if (size > TEXT_MAX - strings->used) {
        return -E2BIG;
    }
    memcpy(strings->text + strings->used, text, size);
    strings->used += size;
    return 0;
}

/* The strings that an array of the program points to. */
static int64_t add_strings(struct strings *strings, uint64_t array, uint64_t *count) {
    for (*count = 0; array != 0; (*count)++) {
        uint64_t pointer;
        int64_t result = user_read(&pointer, array + *count * 8, sizeof pointer);
        if (result != 0 || pointer == 0) {
            return result;
        }
        result = user_string(strings->text + strings->used, pointer, TEXT_MAX - strings->used);
        if (result != 0) {
            return result == -ENAMETOOLONG ? -E2BIG : result;
        }
        strings->used += strlen(strings->text + strings->used) + 1;
    }
    return 0;
}

/* Puts `first` (count strings, `size` bytes) in the place of the first `drop` strings. */
static int64_t replace_first(struct strings *strings, const char *first, size_t size,
                             uint64_t count, uint64_t drop) {
    size_t gone = 0;
    for (uint64_t i = 0; i < drop; i++) {
        gone += strlen(strings->text + gone) + 1;
    }
    if (strings->used - gone + size > TEXT_MAX) {
        return -E2BIG;
    }
    memmove(strings->text + size, strings->text + gone, strings->used - gone);
    memcpy(strings->text, first, size);
    strings->used = strings->used - gone + size;
    strings->argc = strings->argc - drop + count;
    return 0;
}

/* ---- files ---- */

/* "#!interpreter argument" in front; the script's path takes argv[0]'s place. */
static int64_t script(const char *head, const char *path, char program[FILE_PATH_MAX],
                      struct strings *strings) {
    char line[256];
    char words[256 + FILE_PATH_MAX];
    strlcpy(line, head + 2, sizeof line);
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return -ENOEXEC;
    }
    while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) {
        end--;
    }
    *end = 0;
    char *name = line;
    while (*name == ' ' || *name == '\t') {
        name++;
    }
    char *argument = name;
    while (*argument != 0 && *argument != ' ' && *argument != '\t') {
        argument++;
    }
    if (*argument != 0) {
        *argument++ = 0;
        while (*argument == ' ' || *argument == '\t') {
            argument++;
        }
    }
    if (*name == 0) {
        return -ENOEXEC;
    }
    size_t size = 0;
    uint64_t count = 0;
    const char *const parts[] = {name, argument, path};
    for (uint32_t i = 0; i < 3; i++) {
        if (*parts[i] != 0) {
            size += strlcpy(words + size, parts[i], sizeof words - size) + 1;
            count++;
        }
    }
    int64_t result = path_join_to(AT_FDCWD, name, program);
    return result != 0 ? result
                       : replace_first(strings, words, size, count, strings->argc == 0 ? 0 : 1);
}

static int64_t check_image(struct image *image, const char *head, uint64_t length) {
    const struct elf_header *header = &image->header;
    memcpy(&image->header, head, sizeof image->header);
    if (length < sizeof *header || memcmp(header->ident, "\177ELF\2\1", 6) != 0 ||
        header->machine != 62 || (header->type != 2 && header->type != 3) ||
        header->phentsize != sizeof(struct elf_segment) || header->phnum == 0 ||
        header->phnum > sizeof image->segments / sizeof image->segments[0] ||
        header->phoff + header->phnum * sizeof(struct elf_segment) > length) {
        return -ENOEXEC;
    }
    memcpy(image->segments, head + header->phoff, header->phnum * sizeof image->segments[0]);
    image->bias = header->type == 3 ? PIE_BASE : 0;
    for (uint32_t i = 0; i < header->phnum; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (segment->type == PT_INTERP) {
            return -ENOENT; /* a dynamic program: there is no interpreter for it */
        }
        if (segment->type != PT_LOAD) {
            continue;
        }
        uint64_t end = image->bias + segment->address + segment->memory_size;
        if (segment->memory_size < segment->file_size || segment->memory_size > (1ull << 30) ||
            (segment->address - segment->offset) % PAGE_SIZE != 0 ||
            image->bias + segment->address < SPACE_START || end >= MAPS_START ||
            (end > ARENA_VA - (2ull << 30) && image->bias + segment->address < ARENA_VA_END)) {
            return -ENOEXEC;
        }
        image->end = end > image->end ? end : image->end;
    }
    return image->end == 0 ? -ENOEXEC : 0;
}

/* Opens what is to run, through as many scripts as there are. */
static int64_t open_image(const char *path, struct image *image, struct strings *strings,
                          char program[FILE_PATH_MAX]) {
    char *head = (char *)SCRATCH_VA + SCRATCH_SIZE - HEAD_SIZE - PAGE_SIZE;
    strlcpy(program, path, FILE_PATH_MAX);
    procfs_follow(program);
    for (int depth = 0; depth <= SCRIPTS_MAX; depth++) {
        uint64_t type;
        uint64_t size;
        uint64_t length;
        char next[FILE_PATH_MAX];
        int64_t result = file_open_path(program, FILE_OPEN_READ, &image->file, &type, &size);
        if (result != 0 || type != FILE_REGULAR) {
            if (result == 0) {
                handle_close(image->file);
            }
            return result != 0 ? result : -EACCES;
        }
        memset(head, 0, HEAD_SIZE + 1);
        result = file_load(image->file, 0, head, HEAD_SIZE, &length);
        if (result == 0 && length > 2 && head[0] == '#' && head[1] == '!') {
            result = script(head, program, next, strings);
            handle_close(image->file);
            if (result != 0) {
                return result;
            }
            strlcpy(program, next, FILE_PATH_MAX);
            continue;
        }
        if (result == 0) {
            result = check_image(image, head, length);
        }
        if (result != 0) {
            handle_close(image->file);
        }
        return result;
    }
    return -ELOOP;
}

static int64_t load_segment(const struct image *image, const struct elf_segment *segment) {
    uint64_t start = (image->bias + segment->address) & ~(PAGE_SIZE - 1);
    uint64_t lead = (image->bias + segment->address) - start;
    uint32_t prot = ((segment->flags & PF_R) != 0 ? LINUX_PROT_READ : 0) |
                    ((segment->flags & PF_W) != 0 ? LINUX_PROT_WRITE : 0) |
                    ((segment->flags & PF_X) != 0 ? LINUX_PROT_EXEC : 0);
    uint64_t length = PAGE_ROUND_UP(lead + segment->memory_size);
    uint64_t done;
    int64_t result =
        memory_anonymous(start, length, LINUX_PROT_READ | LINUX_PROT_WRITE, REGION_PRIVATE);
    if (result < 0) {
        return result;
    }
    result = file_load(image->file, segment->offset, (void *)(uintptr_t)(start + lead),
                       segment->file_size, &done);
    if (result == 0 && done < segment->file_size) {
        result = -ENOEXEC;
    }
    return result == 0 && prot != 3 ? memory_change(start, length, prot) : result;
}

/* ---- the new stack ---- */

struct builder {
    uint64_t sp;
    bool bad;
};

static uint64_t push(struct builder *builder, const void *bytes, size_t size) {
    builder->sp -= size;
    builder->bad |= user_write(builder->sp, bytes, size) != 0;
    return builder->sp;
}

static int64_t build_stack(struct thread *thread, const struct image *image,
                           const struct strings *strings) {
    struct builder builder = {.sp = PROGRAM_STACK_TOP - 64};
    uint8_t random[16];
    random_fill(random, sizeof random);
    uint64_t name = push(&builder, process.program, strlen(process.program) + 1);
    uint64_t platform = push(&builder, "x86_64", 7);
    uint64_t random_at = push(&builder, random, sizeof random);
    uint64_t text = push(&builder, strings->text, strings->used);
    const uint64_t phdr =
        image->bias + image->segments[0].address - image->segments[0].offset + image->header.phoff;
    const uint64_t auxv[] = {3,  phdr,
                             4,  sizeof(struct elf_segment),
                             5,  image->header.phnum,
                             6,  PAGE_SIZE,
                             7,  0,
                             8,  0,
                             9,  image->bias + image->header.entry,
                             11, 0,
                             12, 0,
                             13, 0,
                             14, 0,
                             15, platform,
                             16, 0x178bfbff,
                             17, 100,
                             23, 0,
                             25, random_at,
                             31, name,
                             0,  0};
    uint64_t words = 1 + strings->argc + 1 + strings->envc + 1 + sizeof auxv / 8;
    builder.sp = ((builder.sp - words * 8) & ~15ull) + words * 8;
    (void)push(&builder, auxv, sizeof auxv);
    uint64_t at = builder.sp - (strings->argc + strings->envc + 3) * 8;
    builder.sp = at;
    const char *string = strings->text;
    uint64_t total = strings->argc + strings->envc;
    builder.bad |= user_write(at, &strings->argc, 8) != 0;
    for (uint64_t i = 0; i <= total; i++) {
        uint64_t slot = at + 8 + (i + (i >= strings->argc ? 1 : 0)) * 8;
        uint64_t address = i == total ? 0 : text + (uint64_t)(string - strings->text);
        const uint64_t zero = 0;
        if (i == strings->argc) {
            builder.bad |= user_write(slot - 8, &zero, 8) != 0;
        }
        builder.bad |= user_write(slot, &address, 8) != 0;
        string += i == total ? 0 : strlen(string) + 1;
    }
    memset(&thread->page, 0, sizeof thread->page);
    thread->page.rsp = builder.sp;
    thread->page.rip = image->bias + image->header.entry;
    thread->page.rflags = 0x202;
    return builder.bad ? -ENOMEM : 0;
}

static void tell_name(const char *path, const struct strings *strings) {
    const char *end = strings->text;
    for (uint64_t i = 0; i < strings->argc; i++) {
        end += strlen(end) + 1;
    }
    const size_t length = (size_t)(end - strings->text);
    const char *base = path;
    for (const char *at = base; *at != 0; at++) {
        base = *at == '/' ? at + 1 : base;
    }
    struct proc_command request = {.length = length < PROC_COMMAND_MAX ? length : PROC_COMMAND_MAX};
    strlcpy(request.name, base, sizeof request.name);
    memcpy(request.arguments, strings->text, request.length);
    memcpy(process.name, request.name, sizeof process.name);
    (void)call_simple(process.proc, PROC_EXECED, &request, sizeof request, NULL, 0);
}

int64_t exec_path(struct thread *thread, const char *path, struct strings *strings) {
    static struct image image;
    char program[FILE_PATH_MAX];
    memset(&image, 0, sizeof image);
    if (exec_scratch() == NULL) {
        return -ENOMEM;
    }
    int64_t result = open_image(path, &image, strings, program);
    if (result != 0) {
        return result;
    }
    if (!threads_end(thread)) {
        handle_close(image.file);
        return -EAGAIN;
    }
    memory_clear(); /* from here on there is no way back */
    strlcpy(process.program, program, sizeof process.program);
    for (uint32_t i = 0; i < image.header.phnum && result == 0; i++) {
        if (image.segments[i].type == PT_LOAD) {
            result = load_segment(&image, &image.segments[i]);
        }
    }
    memory_heap(image.end);
    handle_close(image.file);
    if (result == 0) {
        result = memory_stack();
    }
    if (result == 0) {
        result = build_stack(thread, &image, strings);
    }
    if (result != 0) {
        process_exit(SIGKILL);
    }
    descriptors_exec();
    signals_exec();
    thread->clear_tid = thread->robust = 0;
    thread->alt_base = thread->alt_size = 0;
    thread->alt_flags = SS_DISABLE;
    tell_name(path, strings);
    return NO_RESULT;
}

int64_t call_execve(struct thread *thread, const uint64_t *a) {
    struct strings strings = {.text = exec_scratch()};
    char path[FILE_PATH_MAX];
    if (strings.text == NULL) {
        return -ENOMEM;
    }
    int64_t result = path_text(AT_FDCWD, a[0], path);
    if (result == 0) {
        result = add_strings(&strings, a[1], &strings.argc);
    }
    if (result == 0 && strings.argc == 0) {
        result = add_string(&strings, "");
        strings.argc = 1;
    }
    if (result == 0) {
        result = add_strings(&strings, a[2], &strings.envc);
    }
    return result != 0 ? result : exec_path(thread, path, &strings);
}
