/* SPDX-License-Identifier: MIT
 * Boots the portable kernel on the host and plays its user programs.
 */
#include "host.h"

#include <arch/boot.h>
#include <arch/hooks.h>
#include <arch/timer.h>
#include <debug.h>
#include <frame.h>
#include <stdlib.h>
#include <string.h>
#include <system.h>
#include <trace.h>

static struct boot_info boot;
static uint64_t clean_used, clean_free;

void host_boot(void) {
    static bool booted;
    if (booted) {
        return;
    }
    booted = true;
    host_ram = aligned_alloc(PAGE_SIZE, HOST_RAM);
    memset(host_ram, 0xa5, HOST_RAM); /* nothing may count on zeroes */
    boot.range_count = 1;
    boot.ranges[0] = (struct boot_range){PAGE_SIZE, HOST_RAM};
    boot.memory_end = HOST_RAM;
    sched_init(cpu_here());
    account_init((frame_init(&boot) - 16) * PAGE_SIZE);
    system_init(&boot);
    ASSERT(memory_create(account_root, PAGE_SIZE, MEMORY_ANONYMOUS, &clock_memory) == OK);
    phys_t frame;
    ASSERT(memory_page(clock_memory, 0, true, &frame) == OK);
    clean_used = account_root->used;
    clean_free = frame_free_count();
}

void host_use_cpus(uint32_t count) {
    if (count > cpu_count) {
        sched_init(cpu_table[1]);
    }
    cpu_count = count;
}

void host_check_clean(void) {
    for (struct list *link; (link = list_first(&task_all)) != NULL;) {
        task_kill(LIST_ENTRY(link, struct task, all_link), 0);
    }
    for (uint32_t id = cpu_count; id-- > 0;) {
        host_cpu_enter(id);
        sched_exit();
        ASSERT(cpu_here()->arch.current == NULL && cpu_here()->ready == 0);
    }
    trace_drop();
    ASSERT(account_root->used == clean_used);
    ASSERT(frame_free_count() == clean_free);
}

struct task *host_task(const char *name, uint64_t limit, uint64_t arena_size, uint32_t priority) {
    struct account *account;
    struct memory *arena = NULL, *scratch;
    struct task *task;
    struct task_create parameters = {.priority = priority, .flags = arena_size != 0};
    strcpy(parameters.name, name);
    ASSERT(account_create(account_root, limit, &account) == OK);
    if (arena_size != 0) {
        ASSERT(arena_create(account, arena_size, &arena) == OK);
    }
    ASSERT(task_create(&parameters, account, NULL, arena, &task) == OK);
    ASSERT(memory_create(account, 16 * PAGE_SIZE, MEMORY_ANONYMOUS, &scratch) == OK);
    ASSERT(mapping_create(task, scratch, 0, HOST_SCRATCH, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
                          MAPPING_INITIAL) == OK);
    ASSERT(thread_create(task, 0x400000, 0x600000, 0, HOST_SCRATCH, priority, &task->main) == OK);
    object_put(&scratch->object);
    object_put(&account->object);
    if (arena != NULL) {
        object_put(&arena->object);
    }
    task_start(task);
    sched_exit();
    object_put(&task->object); /* task_all holds it */
    return task;
}

bool host_make_current(struct thread *thread) {
    struct cpu *cpu = cpu_here();
    if (thread->state == THREAD_RUNNING && thread->cpu != cpu->arch.id) {
        host_cpu_enter(thread->cpu);
    } else if (!sched_allowed(thread, cpu)) {
        host_cpu_enter(cpu->arch.id ^ 1);
    }
    sched_exit();
    cpu = cpu_here();
    struct thread *current = cpu->arch.current;
    if (current == thread && thread->state == THREAD_RUNNING) {
        return true;
    }
    if (thread->state != THREAD_READY || !sched_allowed(thread, cpu)) {
        return false;
    }
    sched_stop(thread, THREAD_NEW);
    if (current != NULL && current->state == THREAD_RUNNING) {
        sched_stop(current, THREAD_NEW);
        sched_wake(current);
    }
    thread->state = THREAD_RUNNING;
    thread->cpu = cpu->arch.id;
    cpu->arch.current = thread;
    cpu->arch.space = &thread->task->space;
    cpu->choose = false;
    if (thread->resume != RESUME_NONE) {
        thread_resume_work(thread);
    }
    return thread->state == THREAD_RUNNING;
}

int64_t host_thread_call(struct thread *thread, uint32_t op, const uint64_t *arguments,
                         unsigned count) {
    if (!host_make_current(thread)) {
        return HOST_BLOCKED;
    }
    struct arch_context *context = &thread->context;
    for (unsigned i = 0; i < count; i++) {
        ((uint64_t *)context)[1 + i] = arguments[i]; /* as context_argument */
    }
    context->rax = SYSCALL_NATIVE | op;
    object_get(&thread->object);
    struct arch_context *message = op == SYS_CALL             ? fast_call(thread)
                                   : op == SYS_COMMIT_RECEIVE ? fast_commit_receive(thread)
                                                              : NULL;
    if (message == NULL) {
        uint32_t last = SYSCALL_TABLE_SIZE - 1;
        int64_t status = syscall_table[op < last ? op : last](thread);
        if (status != SYSCALL_NO_RESULT) {
            context->rax = (uint64_t)status;
        }
        if (cpu_here()->choose) {
            sched_exit();
        }
    } else { /* as the exit does */
        struct arch_context *to = &cpu_current()->context;
        to->rsi = message->rsi;
        memcpy(context_words(to), context_words(message), MESSAGE_REGISTER_WORDS * 8);
    }
    int64_t result = (int64_t)context->rax;
    bool goes_on = (thread->state == THREAD_READY || thread->state == THREAD_RUNNING) &&
                   host_make_current(thread);
    object_put(&thread->object);
    return goes_on ? result : HOST_BLOCKED;
}

int64_t host_call(struct task *task, uint32_t op, const uint64_t *arguments, unsigned count) {
    return host_thread_call(task->main, op, arguments, count);
}

bool host_returned(struct task *task) {
    struct thread *thread = task->main;
    if (thread->state != THREAD_READY && thread->state != THREAD_RUNNING) {
        return false;
    }
    return host_make_current(thread);
}

struct arch_context *host_context(struct task *task) {
    return &task->main->context;
}

static bool touch(struct task *task, uint64_t address, void *buffer, size_t size, bool store) {
    if (!host_make_current(task->main)) {
        return false;
    }
    uint8_t *bytes = buffer;
    for (size_t i = 0; i < size; i++) {
        if (!host_mapped(&task->space, address + i, store ? PAGE_WRITE : PROT_READ)) {
            page_fault_handle(task->main, address + i, (store ? PAGE_FAULT_WRITE : 0));
            if (task->state == TASK_DEAD || !host_returned(task)) {
                return false;
            }
        }
        uint64_t *entry = arch_entry(&task->space, address + i);
        phys_t frame = *entry & ~(PAGE_SIZE - 1);
        uint8_t *byte = (uint8_t *)phys_to_virt(frame) + (address + i) % PAGE_SIZE;
        if (frame >= HOST_RAM) { /* a device's */
            continue;
        } else if (store) {
            *byte = bytes[i];
            *entry |= ARCH_ENTRY_DIRTY;
        } else {
            bytes[i] = *byte;
        }
    }
    return true;
}

bool host_store(struct task *task, uint64_t address, const void *from, size_t size) {
    return touch(task, address, (void *)(uintptr_t)from, size, true);
}

bool host_load(struct task *task, uint64_t address, void *to, size_t size) {
    return touch(task, address, to, size, false);
}

handle_t host_grant(struct task *task, struct object *object) {
    handle_t handle;
    ASSERT(handle_install(&task->handles, object, RIGHT_ALL, ENTRY_INITIAL, &handle) == OK);
    return handle;
}

void host_advance(uint64_t ns) {
    host_ticks += ns;
    timer_interrupt();
}

/* ---- an ELF file
 * --------------------------------------------------------------------------------- */

struct elf64 {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    struct {
        uint32_t type, flags;
        uint64_t offset, vaddr, paddr, filesz, memsz, align;
    } ph[2];
    uint64_t arena_content;
    uint8_t text[64];
};

size_t host_elf(unsigned char *to, bool arena) {
    struct elf64 elf = {
        .ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
        .type = 2,
        .machine = 62,
        .version = 1,
        .entry = 0x400000 + offsetof(struct elf64, text),
        .phoff = offsetof(struct elf64, ph),
        .phentsize = sizeof(elf.ph[0]),
        .phnum = arena ? 2 : 1,
        .ph = {{1, 5, 0, 0x400000, 0, sizeof(elf), sizeof(elf), PAGE_SIZE},
               {1, 6, offsetof(struct elf64, arena_content), ARENA_VA, 0, 8, 16, PAGE_SIZE}},
        .arena_content = 0x1122334455667788,
    };
    memset(elf.text, 0x90, sizeof(elf.text));
    memcpy(to, &elf, sizeof(elf));
    return sizeof(elf);
}
