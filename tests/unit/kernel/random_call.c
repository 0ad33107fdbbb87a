/* SPDX-License-Identifier: MIT
 * See the header. Which arguments are handles of which type is read from the table of all calls.
 */
#include "random_call.h"

#include <arch/user_copy.h>
#include <machine.h>
#include <stdlib.h>

#include "fake_pci.h"
#include "host.h"

uint64_t random_seed = 1;

uint64_t below(uint64_t limit) { /* xorshift64* */
    random_seed ^= random_seed >> 12;
    random_seed ^= random_seed << 25;
    random_seed ^= random_seed >> 27;
    return (random_seed * 0x2545f4914f6cdd1d >> 16) % limit;
}

static const struct operation {
    const char *name;
    uint32_t wanted; /* byte n: the type, plus 1, of the handle that is argument n; 0: it is none */
} operations[SYS_COUNT] = {
#define HANDLE(n, type, right) | (OBJECT_##type + 1u) << 8 * n
#define SYSTEM(right) HANDLE(0, SYSTEM, right)
#define SYSCALL(number, NAME, name, class, handles) [number] = {#NAME, 0 handles},
#include <axolotl/syscall.def>
};

const char *random_operation_name(uint32_t op) {
    return op < SYS_COUNT ? operations[op].name : NULL;
}

handle_t random_handle(struct task *task, enum object_type type) {
    const struct handle_entry *entry;
    handle_t chosen = HANDLE_NONE;
    uint64_t seen = 0;
    for (uint32_t slot = 0; (entry = handle_table_next(&task->handles, &slot)) != NULL;) {
        if ((type == OBJECT_NONE || entry->object->type == type) && below(++seen) == 0) {
            chosen = (slot - 1) | (handle_t)entry->generation << 16;
        }
    }
    return chosen;
}

uint32_t random_operation(const struct thread *thread) {
    const struct call *call = thread->task->turn.call;
    static const uint8_t frequent[] = {SYS_CALL,           SYS_COMMIT_RECEIVE, SYS_REPLY,
                                       SYS_CALL_STAGE,     SYS_ACTOR_BIND,     SYS_SESSION_CREATE,
                                       SYS_HANDLE_CLOSE,   SYS_MEMORY_CREATE,  SYS_MAP,
                                       SYS_COMMIT_RECEIVE, SYS_COMMIT_RECEIVE, SYS_LEASE_READ,
                                       SYS_CALL,           SYS_HANDLE_CLOSE};
    if (call != NULL && call->page_memory != NULL && below(4) == 0) {
        return SYS_MEMORY_SUPPLY;
    }
    return below(2) != 0 ? frequent[below(sizeof(frequent))] : (uint32_t)below(SYS_COUNT + 2);
}

static uint64_t odd_number(void) {
    static const uint64_t odd[] = {
        0, 1, 2, 63, 64, 4096, 0x10000, HOST_SCRATCH, ARENA_VA, 1ull << 47, 1ull << 63, ~0ull};
    return below(3) != 0 ? odd[below(sizeof(odd) / sizeof(odd[0]))] : below(70000);
}

static token_t token_in(const struct list *list, size_t link_offset) {
    uint64_t length = list_length(list);
    const struct list *link = list;
    for (uint64_t steps = length == 0 ? 0 : 1 + below(length); steps > 0; steps--) {
        link = link->next;
    }
    return link == list ? TOKEN_NONE
                        : call_token((const struct call *)((const char *)link - link_offset));
}

/* A call that the task is to answer. */
static token_t incoming(const struct task *task) {
    const struct call *call = task->turn.kind == EVENT_CALL ? task->turn.call : NULL;
    return call != NULL && below(3) != 0 ? call_token(call)
                                         : token_in(&task->accepted, offsetof(struct call, link));
}

static uint64_t message_tag(bool leases) {
    uint64_t words = below(8) == 0 ? MESSAGE_WORDS - below(3) : below(9);
    return TAG(below(4), words, leases ? below(3) : 0, below(3));
}

static uint64_t deadline(void) {
    return below(4) == 0 ? ~0ull : host_ticks + below(100000);
}

static uint64_t scratch(void) {
    return HOST_SCRATCH + below(0xc000) / 8 * 8;
}

static void put(struct thread *thread, uint64_t address, const void *from, size_t size) {
    if (host_make_current(thread)) {
        (void)!copy_to_user(address, from, size);
    }
}

static void fill_message_buffer(struct thread *thread) {
    struct message_buffer buffer = {.deadline = deadline()};
    for (unsigned i = 0; i < MESSAGE_LEASES; i++) {
        buffer.leases[i] = (struct lease){below(4) != 0 ? scratch() : RANDOM_WINDOW, below(5000),
                                          1 + (uint32_t)below(3), 0};
        buffer.handles[i] = (struct handle_slot){random_handle(thread->task, OBJECT_NONE),
                                                 RIGHT_ALL | (below(2) != 0 ? HANDLE_MOVE : 0)};
    }
    put(thread, thread->message_buffer, &buffer, sizeof(buffer));
}

static uint64_t task_parameters(struct thread *thread) {
    struct task *task = thread->task;
    struct task_create parameters = {
        .account = random_handle(task, OBJECT_ACCOUNT),
        .image = below(3) != 0 ? random_handle(task, OBJECT_IMAGE) : HANDLE_NONE,
        .arena = below(3) == 0 ? random_handle(task, OBJECT_MEMORY) : HANDLE_NONE,
        .priority = (uint32_t)below(14),
        .affinity = (uint32_t)below(4),
        .flags = (uint32_t)below(2)};
    put(thread, HOST_SCRATCH + 0x1000, &parameters, sizeof(parameters));
    return HOST_SCRATCH + 0x1000;
}

/* ---- arguments that are no handles, by kind of call --------------------------------------------
 */

static void of_messages(struct thread *thread, uint32_t op, uint64_t a[10]) {
    struct task *task = thread->task;
    switch (op) {
    case SYS_CALL:
    case SYS_CALL_STAGE:
        a[1] = message_tag(true) | (below(4) == 0 ? TAG_TIMEOUT : 0);
        break;
    case SYS_REPLY:
        a[0] = incoming(task);
        a[1] = message_tag(false);
        break;
    case SYS_COMMIT_RECEIVE:
        a[0] = below(4) != 0 ? incoming(task) : TOKEN_NONE;
        a[1] = message_tag(false);
        a[8] =
            RECEIVE_ALL | (below(4) != 0 ? RECEIVE_POLL : 0) | (below(8) == 0 ? RECEIVE_NAMED : 0);
        a[9] = ARENA_RANGE(below(4) * PAGE_SIZE + below(512) * 8, below(65) * 8);
        break;
    case SYS_CALL_CANCEL:
        a[0] = token_in(&task->outgoing, offsetof(struct call, caller_link));
        break;
    default: /* leases */
        a[0] = incoming(task);
        a[1] = below(2);
        a[2] = below(64);
        a[3] = task->arena != NULL && below(2) != 0 ? ARENA_VA + below(0x3000) : scratch();
        a[4] = below(3000);
    }
}

static void of_memory(struct thread *thread, uint32_t op, uint64_t a[10]) {
    uint64_t place = RANDOM_WINDOW + below(RANDOM_WINDOW_PAGES) * PAGE_SIZE;
    switch (op) {
    case SYS_MEMORY_CREATE:
        a[1] = (1 + below(below(16) == 0 ? 1500 : 20)) * PAGE_SIZE;
        a[2] = below(3) == 0 ? random_handle(thread->task, OBJECT_SESSION) : HANDLE_NONE;
        a[3] = a[2] != HANDLE_NONE ? MEMORY_PAGED : MEMORY_ANONYMOUS;
        break;
    case SYS_MEMORY_READ:
    case SYS_MEMORY_WRITE:
        a[1] = below(0x3000);
        a[2] = scratch();
        a[3] = below(6000);
        break;
    case SYS_MEMORY_SUPPLY:
        a[0] = incoming(thread->task);
        a[2] = below(3) * PAGE_SIZE;
        break;
    case SYS_MAP:
        a[1] = random_handle(thread->task, OBJECT_MEMORY);
        a[2] = below(3) * PAGE_SIZE;
        a[3] = place;
        a[4] = (1 + below(3)) * PAGE_SIZE;
        a[5] = (1 + below(3)) | below(8) << 4;
        break;
    case SYS_UNMAP:
    case SYS_PROTECT:
        a[1] = below(12) == 0 ? HOST_SCRATCH + below(16) * PAGE_SIZE : place;
        a[2] = (1 + below(8)) * PAGE_SIZE;
        a[3] = below(8);
        break;
    case SYS_ARENA_CREATE:
        a[1] = (1 + below(6)) * PAGE_SIZE;
        break;
    case SYS_MEMORY_INFO:
        a[1] = scratch();
        break;
    default:
        break;
    }
}

static void of_threads(struct thread *thread, uint32_t op, uint64_t a[10]) {
    switch (op) {
    case SYS_THREAD_CREATE:
        a[1] = 0x400000;
        a[4] = HOST_SCRATCH + 0x2000 + below(8) * 0x400;
        a[5] = below(14);
        break;
    case SYS_THREAD_SLEEP:
        a[0] = deadline();
        break;
    case SYS_THREAD_SCHEDULE:
    case SYS_THREAD_INTERRUPT:
        a[0] = below(4) != 0
                   ? random_handle(thread->task, below(2) != 0 ? OBJECT_THREAD : OBJECT_TASK)
                   : a[0];
        a[1] = below(14);
        a[2] = below(4);
        break;
    case SYS_THREAD_SET_FOREIGN:
        a[1] = below(4) != 0 ? 0x400000 : 0;
        a[2] = HOST_SCRATCH + 0x5000;
        break;
    case SYS_FUTEX_WAIT:
    case SYS_FUTEX_WAKE:
        a[0] = HOST_SCRATCH + 0xf000 + below(2) * 4; /* nothing else is stored there */
        a[1] = op == SYS_FUTEX_WAKE || below(4) == 0;
        a[2] = deadline();
        break;
    default:
        a[0] = below(3);
        a[1] = below(2) != 0 ? HOST_SCRATCH : a[1];
    }
}

static void of_hardware(struct thread *thread, uint32_t op, uint64_t a[10]) {
    switch (op) {
    case SYS_DEVICE_CONFIG:
        a[0] = random_handle(thread->task, OBJECT_DEVICE);
        a[1] = below(256);
        a[2] = 1ull << below(3);
        a[4] = below(2);
        break;
    case SYS_DEVICE_BAR:
    case SYS_DEVICE_IRQ:
        a[1] = below(7);
        a[3] = below(40);
        a[4] = below(4);
        break;
    case SYS_DEVICE_DMA:
        a[1] = 1 + below(3 * PAGE_SIZE);
        break;
    case SYS_IRQ_BIND:
        a[2] = below(16);
        break;
    case SYS_PORT_DRAIN:
        a[1] = 5, a[2] = 1, a[3] = 0;
        a[4] = scratch();
        a[5] = below(66);
        break;
    case SYS_PORT_FILL:
        a[2] = scratch();
        a[3] = below(66);
        /* fall through */
    default: /* single accesses, interrupts */
        a[1] = below(9);
        a[2] = op == SYS_PORT_FILL ? a[2] : 1ull << below(3);
    }
}

static void of_system(uint32_t op, uint64_t a[10]) {
    switch (op) {
    case SYS_SYSTEM_INFO:
        a[1] = 1 + below(6);
        a[2] = below(6);
        a[3] = scratch();
        a[4] = below(600);
        break;
    case SYS_SYSTEM_PCI_READ:
        a[1] = host_pci[below(HOST_PCI_DEVICES)].address | below(256);
        a[2] = 1ull << below(3);
        break;
    case SYS_SYSTEM_IOPORT:
        a[1] = below(2) != 0 ? 0x100 : below(0x1000);
        a[2] = 1 + below(8);
        break;
    case SYS_SYSTEM_IRQ:
        a[1] = below(40);
        a[2] = below(8);
        break;
    case SYS_SYSTEM_DEVICE:
        a[1] = (1 + below(9)) << 40 | host_pci[below(HOST_PCI_DEVICES)].address;
        break;
    case SYS_SYSTEM_MEMORY:
        a[1] = 0xfd000000 + below(16) * PAGE_SIZE;
        a[2] = (1 + below(4)) * PAGE_SIZE;
        break;
    case SYS_SYSTEM_IOMMU:
        a[1] = 0xfed90000;
        break;
    case SYS_TRACE:
        a[2] = below(5);
        break;
    case SYS_TRACE_READ:
        a[1] = below(1000);
        a[2] = scratch();
        a[3] = below(600);
        break;
    default: /* the log */
        a[1] = op == SYS_LOG_WRITE ? scratch() : 0;
        a[2] = op == SYS_LOG_WRITE ? below(300) : scratch();
        a[3] = below(300);
    }
}

static void of_objects(struct thread *thread, uint32_t op, uint64_t a[10]) {
    switch (op) {
    case SYS_HANDLE_COPY:
    case SYS_HANDLE_GRANT:
        a[op - SYS_HANDLE_COPY == 0 ? 1 : 2] = below(4) == 0 ? below(RIGHT_ALL + 1) : RIGHT_ALL;
        break;
    case SYS_HANDLE_CLOSE:
        a[0] = random_handle(thread->task, OBJECT_NONE);
        break;
    case SYS_SESSION_CREATE:
        a[1] = below(4) == 0 ? BADGE_ROOT | below(9) : below(1000);
        break;
    case SYS_NOTIFICATION_SIGNAL:
    case SYS_NOTIFICATION_WAIT:
        a[1] = below(8) == 0 ? 0 : 1 + below(7);
        a[2] = deadline();
        break;
    case SYS_TIMER_SET:
        a[1] = below(4) != 0 ? host_ticks + below(50000) : below(3);
        break;
    case SYS_ACCOUNT_CREATE:
        a[1] = (1 + below(40)) * PAGE_SIZE;
        break;
    case SYS_IMAGE_CREATE:
        a[2] = below(8) != 0 ? 512 : below(9000);
        break;
    case SYS_IMAGE_INFO:
    case SYS_TASK_INFO:
        a[1] = scratch();
        break;
    case SYS_TASK_CREATE:
        a[0] = task_parameters(thread);
        break;
    case SYS_TASK_RESET:
        a[2] = below(8) != 0 ? below(16) : below(512);
        break;
    case SYS_TASK_CLONE:
        a[1] = below(2) != 0 ? 0 : scratch();
        break;
    case SYS_TIMER_CREATE:
        a[2] = below(16);
        break;
    default:
        break;
    }
}

void random_arguments(struct thread *thread, uint32_t op, uint64_t arguments[10]) {
    for (unsigned i = 0; i < 10; i++) {
        arguments[i] = odd_number();
    }
    const char *name = random_operation_name(op);
    if (name == NULL || below(16) == 0) {
        return; /* nonsense from beginning to end */
    }
    for (unsigned n = 0; n < 4; n++) {
        uint32_t wanted = operations[op].wanted >> 8 * n & 0xff;
        if (wanted != 0) {
            enum object_type type = below(32) != 0 ? wanted - 1 : OBJECT_NONE;
            arguments[n] = random_handle(thread->task, type);
            if (below(6) == 0 && type != OBJECT_NONE) {
                arguments[n] = HANDLE_NONE; /* many are optional */
            }
        }
    }
    if (op < SYS_ACTOR_BIND) {
        of_messages(thread, op, arguments);
    } else if (op < SYS_THREAD_CREATE) {
        of_objects(thread, op, arguments);
    } else if (op < SYS_MEMORY_CREATE) {
        of_threads(thread, op, arguments);
    } else if (op < SYS_IRQ_BIND) {
        of_memory(thread, op, arguments);
    } else if (op < SYS_SYSTEM_INFO) {
        of_hardware(thread, op, arguments);
    } else {
        of_system(op, arguments);
    }
    if (op <= SYS_CALL_STAGE && below(3) == 0) {
        fill_message_buffer(thread);
    }
}
