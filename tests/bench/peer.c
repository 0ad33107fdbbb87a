/* SPDX-License-Identifier: MIT
 * See peer.h.
 */
#include "peer.h"

#include <ipc/cpu.h>
#include <ipc/message.h>
#include <ipc/thread.h>

#include "bench.h"

struct peers peers;

void wait_for(handle_t notification, uint64_t bits) {
    uint64_t taken;
    while (notification_wait(notification, bits, DEADLINE_NONE, &taken) != OK) {
    }
}

/* In the child: waits until its parent has given it the shared page. */
static _Noreturn void run_child(handle_t ready, void (*body)(uint64_t), uint64_t argument,
                                uint32_t priority) {
    wait_for(ready, 1);
    thread_schedule(HANDLE_NONE, priority, 0);
    body(argument);
    task_exit(0);
}

static bool share(handle_t task) {
    static handle_t memory;
    const uint32_t flags = PROT_READ | PROT_WRITE | MAP_POPULATE;
    if (memory == HANDLE_NONE &&
        (memory_create(peers.account, PAGE_SIZE, &memory) != OK ||
         memory_map(TASK_SELF, memory, 0, (uintptr_t)SHARED, PAGE_SIZE, flags) != OK)) {
        return false;
    }
    (void)memory_unmap(task, (uintptr_t)SHARED, PAGE_SIZE); /* the clone's own copy */
    return memory_map(task, memory, 0, (uintptr_t)SHARED, PAGE_SIZE, flags) == OK;
}

bool peer_start(void (*body)(uint64_t), uint64_t argument, uint32_t priority, handle_t *task) {
    handle_t ready;
    if (notification_create(peers.account, &ready) != OK) {
        return false;
    }
    static const char name[TASK_NAME] = "benchpeer";
    int64_t child = syscall_2(SYS_TASK_CLONE, peers.account, (uintptr_t)name);
    if (child == 0) {
        run_child(ready, body, argument, priority);
    }
    if (child < 0 || !share((handle_t)child)) {
        return false;
    }
    notification_signal(ready, 1);
    if (task != NULL) {
        *task = (handle_t)child;
    }
    return true;
}

void peer_finish(void) {
    notification_signal(peers.finished, 1);
}

void peer_report(const char *name, unsigned count) {
    wait_for(peers.finished, 1);
    measure_report(name, SHARED->samples, count);
}

/* ---- the server --------------------------------------------------------------------------------
 */

static uint64_t kept_count;
static handle_t kept[ROUNDS];

/* A fault is answered with registers beyond the instruction, which has two bytes; the next event.
 */
static void resume(struct bench_message *event) {
    const uint64_t *words = message_buffer()->words;
    struct message_registers answer = {
        .rdi = event->r14, .tag = TAG(FAULT_RESUME, 2, 0, 0), .r14 = RECEIVE_ALL};
    answer.words[0] = words[offsetof(struct fault_message, rip) / 8] + 2;
    answer.words[1] = words[offsetof(struct fault_message, rsp) / 8];
    syscall_message(SYS_COMMIT_RECEIVE, &answer);
    event->tag = answer.tag;
    event->r14 = answer.r14;
}

/* What is out of the ordinary; the tag of the answer. */
static uint64_t serve_other(struct bench_message *event) {
    static uint8_t bytes[PAGE_SIZE];
    while (TAG_LABEL(event->tag) == FAULT_LABEL_FAULT) {
        resume(event);
    }
    switch (TAG_LABEL(event->tag)) {
    case SERVE_WORDS:
        return TAG(OK, MESSAGE_WORDS, 0, 0);
    case SERVE_LEASE_READ:
        SHARED->start = cpu_cycles();
        syscall_6(SYS_LEASE_READ, event->r14, 0, 0, (uintptr_t)bytes, sizeof bytes, 0);
        SHARED->end = cpu_cycles();
        break;
    case SERVE_HANDLE:
        kept[kept_count++] = message_buffer()->handles[0].handle;
        break;
    case SERVE_DROP:
        while (kept_count > 0) {
            handle_close(kept[--kept_count]);
        }
        break;
    case FAULT_LABEL_PAGE:
        return TAG(memory_supply(event->r14, peers.page, 0), 0, 0, 0);
    default:
        break;
    }
    return TAG(OK, 3, 0, 0);
}

static void serve(uint64_t argument) {
    (void)argument;
    if (syscall_2(SYS_ACTOR_BIND, peers.endpoint, HANDLE_NONE) != OK) {
        return;
    }
    struct bench_message event = {.r14 = TOKEN_NONE};
    for (uint64_t answer = TAG(OK, 3, 0, 0);;) {
        event.rdi = event.r14;
        event.tag = answer;
        event.r14 = RECEIVE_ALL;
        bench_receive(&event);
        answer = TAG(OK, 3, 0, 0);
        if (TAG_LABEL(event.tag) != SERVE_NOTHING) {
            answer = serve_other(&event);
        }
    }
}

bool peers_start(handle_t account, handle_t system, uint32_t affinity) {
    peers = (struct peers){.account = account, .system = system, .affinity = affinity};
    thread_schedule(HANDLE_NONE, PRIORITY_HIGH, affinity);
    return notification_create(account, &peers.finished) == OK &&
           endpoint_create(account, &peers.endpoint) == OK &&
           session_create(peers.endpoint, 1, &peers.session) == OK &&
           memory_create(account, PAGE_SIZE, &peers.page) == OK &&
           memory_write(peers.page, 0, "x", 1) == OK && peer_start(serve, 0, PRIORITY_HIGH, NULL);
}
