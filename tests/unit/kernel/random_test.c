/* SPDX-License-Identifier: MIT
 * Random system calls of several tasks on one processor and on two, good and bad, with faults,
 * interrupts, resets and ends in between. The oracle: oracle.h all the while, the kernel's own
 * assertions, the sanitizers, and at the end nothing is left.
 *
 * More, and others:   AXOLOTL_CALLS=10000000 AXOLOTL_SEED=7 kernel_random
 * Each round's seed is printed then; AXOLOTL_CALLS=1 AXOLOTL_SEED=that makes the round again, and
 * AXOLOTL_CHECK=1 checks after each step.
 */
#include "host.h"

#include <arch/hooks.h>
#include <arch/iommu.h>
#include <arch/irq.h>
#include <check.h>
#include <stdlib.h>
#include <system.h>

#include "fake_pci.h"
#include "oracle.h"
#include "random_call.h"

#define PLAYERS 5u
#define TASKS_MAX 20u /* with those that the players make */
#define PAGED 0x900000ull
#define STEPS 6000u /* of a round */

static struct task *players[PLAYERS];
static struct image *image;
static struct memory *file;
static uint64_t made[SYS_COUNT], good[SYS_COUNT], calls;

static uint64_t number_from(const char *variable, uint64_t otherwise) {
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static void grant_new(struct task *task, struct object *object) {
    (void)host_grant(task, object);
    object_put(object);
}

/* Its basic objects, and sessions to one another to make it interesting. */
static void equip(struct task *task, unsigned index) {
    struct endpoint *endpoint;
    struct notification *notification;
    CHECK_EQ(endpoint_create(task->account, &endpoint), OK);
    CHECK_EQ(notification_create(task->account, &notification), OK);
    for (unsigned i = 0; i < PLAYERS; i++) {
        struct session *session;
        struct task *other = players[i];
        uint64_t badge = (index == 0 ? BADGE_ROOT : 0) | (1000 + i);
        if (other != NULL && other->state != TASK_DEAD &&
            session_create(endpoint, account_root, badge, &session) == OK) {
            if (index == 0) {
                task_supervise(other, session, notification, 1ull << i);
            }
            grant_new(other, &session->object);
        }
    }
    endpoint_bind(endpoint, task);
    task->pending = true;
    grant_new(task, &endpoint->object);
    grant_new(task, &notification->object);
    (void)host_grant(task, &task->account->object);
    (void)host_grant(task, &task->object);
    (void)host_grant(task, &file->object);
    (void)host_grant(task, &image->object);
    if (index < 3) {
        struct ioport *port;
        CHECK_EQ(ioport_create(task->account, 0x100, 8, &port), OK);
        grant_new(task, &port->object);
        (void)host_grant(task, system_object);
    }
}

/* Player 0 supervises the task, and is the pager of some memory of its own. */
static void serve(struct task *task, struct endpoint *endpoint) {
    struct session *session;
    struct memory *paged;
    CHECK_EQ(session_create(endpoint, account_root, BADGE_ROOT, &session), OK);
    task_supervise(task, session, NULL, 0);
    CHECK_EQ(memory_create(task->account, 8 * PAGE_SIZE, MEMORY_PAGED, &paged), OK);
    paged->pager = session;
    CHECK_EQ(mapping_create(task, paged, 0, PAGED, 8 * PAGE_SIZE, PROT_READ | PROT_WRITE,
                            MAPPING_INITIAL),
             OK);
    grant_new(task, &paged->object);
}

/* False: others still hold too much that dead players have paid for. */
static bool start(unsigned index) {
    struct task_create parameters = {.priority = 4 + (uint32_t)below(4), .name = "player"};
    struct account *account;
    struct memory *arena = NULL, *scratch;
    struct task *task;
    if (account_create(account_root, 700000, &account) != OK) {
        return false;
    }
    if (players[index] != NULL) {
        object_put(&players[index]->object);
    }
    if (index % 2 == 0) {
        CHECK_EQ(arena_create(account, 4 * PAGE_SIZE, &arena), OK);
    }
    CHECK_EQ(task_create(&parameters, account, image, arena, &task), OK);
    task->priority_limit = 12;
    CHECK_EQ(memory_create(account, 16 * PAGE_SIZE, MEMORY_ANONYMOUS, &scratch), OK);
    CHECK_EQ(mapping_create(task, scratch, 0, HOST_SCRATCH, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
                            MAPPING_INITIAL),
             OK);
    object_put(&scratch->object);
    object_put(&account->object);
    object_put(OBJECT_OF(arena));
    players[index] = task; /* with task_create's reference, so that we can see it dead */
    equip(task, index);
    if (index != 0 && players[0] != NULL && players[0]->endpoint != NULL) {
        serve(task, players[0]->endpoint);
    }
    task_start(task);
    return true;
}

/* A thread that can run, or NULL. */
static struct thread *some_thread(void) {
    struct thread *chosen = NULL;
    uint64_t seen = 0;
    LIST_FOR_EACH(task_link, &task_all) {
        const struct task *task = LIST_ENTRY(task_link, struct task, all_link);
        LIST_FOR_EACH(link, &task->threads) {
            struct thread *thread = LIST_ENTRY(link, struct thread, task_link);
            if ((thread->state == THREAD_READY || thread->state == THREAD_RUNNING) &&
                below(++seen) == 0) {
                chosen = thread;
            }
        }
    }
    return chosen;
}

static struct task *some_task(void) {
    struct list *link = task_all.next;
    for (uint64_t steps = below(list_length(&task_all)); steps > 0; steps--) {
        link = link->next;
    }
    return LIST_ENTRY(link, struct task, all_link);
}

static void one_call(struct thread *thread) {
    uint64_t arguments[10];
    uint32_t op = random_operation(thread);
    object_get(&thread->object);
    random_arguments(thread, op, arguments);
    if (thread->state == THREAD_READY || thread->state == THREAD_RUNNING) {
        int64_t result = host_thread_call(thread, op, arguments, 10);
        calls++;
        if (random_operation_name(op) != NULL) {
            made[op]++;
            good[op] += result >= 0 || result == HOST_BLOCKED;
        }
    }
    object_put(&thread->object);
}

/* What the machine tells the kernel of a thread that runs. */
static void exception(struct thread *thread) {
    static const uint64_t places[] = {HOST_SCRATCH, RANDOM_WINDOW, ARENA_VA, IMAGE_VA, PAGED, 0};
    uint64_t address = places[below(6)] + below(8) * PAGE_SIZE + below(8);
    if (!host_make_current(thread)) {
        return;
    }
    switch (below(8)) {
    case 0:
        exception_handle(thread, (uint32_t)below(20), 0);
        break;
    case 1: /* a foreign system call */
        thread->context.rax = 5;
        (void)syscall_table[SYSCALL_TABLE_SIZE - 1](thread);
        sched_exit();
        break;
    default:
        page_fault_handle(thread, address, below(2) != 0 ? PAGE_FAULT_WRITE : below(32));
    }
}

/* The program changes its arena. */
static void store(struct task *task) {
    struct thread *main = task->main;
    uint64_t value = below(1000);
    if (task->arena != NULL && main != NULL &&
        (main->state == THREAD_READY || main->state == THREAD_RUNNING)) {
        (void)host_store(task, ARENA_VA + below(task->arena->size / 8) * 8, &value, 8);
    }
}

static void interrupt(void) {
    switch (below(4)) {
    case 0:
        irq_handle(IRQ_VECTOR_FIRST + (uint32_t)below(48));
        break;
    case 1:
        host_fifo_put("random bytes");
        break;
    case 2:
        host_cpu_enter((uint32_t)below(cpu_count));
        break;
    default:
        host_advance(below(50000));
    }
}

/* From outside: what a supervisor or an operator does. */
static void meddle(void) {
    struct task *task = some_task();
    uint64_t dice = below(20);
    if (dice == 0) {
        task_kill(task, 1);
    } else if (dice < 12) {
        task_reset(task, NULL, below(8) << 1, NULL); /* also poison and stop, by system calls */
        task_start(task);
    } else if (task->main != NULL) {
        thread_interrupt(task->main);
    }
    sched_exit();
}

/* False: the round is at its end. */
static bool step(void) {
    uint64_t dice = below(1000);
    unsigned player = (unsigned)below(PLAYERS);
    if (players[player]->state == TASK_DEAD && !start(player)) {
        return false;
    }
    while (list_length(&task_all) > TASKS_MAX) {
        task_kill(some_task(), 0);
    }
    struct thread *thread = some_thread();
    if (dice < 15) {
        meddle();
    } else if (dice < 70 || thread == NULL) {
        interrupt();
    } else if (dice < 150) {
        store(some_task());
    } else if (dice < 200) {
        exception(thread);
    } else {
        one_call(thread);
    }
    return true;
}

static void check(void) {
    struct object *held[PLAYERS + 2] = {&image->object, &file->object};
    for (unsigned i = 0; i < PLAYERS; i++) {
        held[2 + i] = &players[i]->object;
    }
    oracle_check(held, PLAYERS + 2);
}

static void play(uint64_t seed) {
    unsigned char bytes[512];
    uint64_t every = number_from("AXOLOTL_CHECK", 32);
    random_seed = seed ^ 0x9e3779b97f4a7c15;
    host_use_cpus(1 + (uint32_t)(seed & 1));
    host_pci_plug(0, PCI_ADDRESS(0, 2, 0, 0), 0);
    host_pci_plug(1, PCI_ADDRESS(0, 3, 0, 0), HOST_PCI_MSI | HOST_PCI_MSI64);
    host_pci_plug(2, PCI_ADDRESS(0, 4, 0, 0), HOST_PCI_MSIX);
    size_t size = host_elf(bytes, true);
    CHECK(size <= sizeof(bytes));
    CHECK_EQ(memory_create(account_root, size, MEMORY_ANONYMOUS, &file), OK);
    CHECK_EQ(memory_copy(file, 0, bytes, size, true, false), OK);
    CHECK_EQ(image_create(account_root, file, size, &image), OK);
    memset(players, 0, sizeof(players));
    for (unsigned i = PLAYERS; i-- > 0;) { /* the supervisor last */
        CHECK(start(i));
    }
    for (unsigned i = 0; i < STEPS && step(); i++) {
        if (i % every == 0) {
            check();
        }
    }
    for (unsigned i = 0; i < PLAYERS; i++) {
        task_kill(players[i], 0);
        object_put(&players[i]->object);
    }
    while (!list_empty(&task_all)) {
        task_kill(some_task(), 0);
    }
    object_put(&image->object);
    object_put(&file->object);
    host_check_clean();
    host_use_cpus(1);
    iommu_units = 0;
}

TEST(random_calls_keep_every_invariant) {
    uint64_t wanted = number_from("AXOLOTL_CALLS", 200000);
    uint64_t seed = number_from("AXOLOTL_SEED", 1);
    bool loud = getenv("AXOLOTL_CALLS") != NULL;
    host_boot();
    do {
        if (loud) {
            printf("# seed %llu\n", (unsigned long long)seed);
        }
        play(seed);
        seed = seed * 0x5851f42d4c957f2d + 1;
    } while (calls < wanted);
    printf("# %llu calls\n", (unsigned long long)calls);
}

TEST(random_calls_are_every_call) {
    if (calls < 100000) {
        return;
    }
    for (uint32_t op = 0; op < SYS_COUNT; op++) {
        const char *name = random_operation_name(op);
        if (name != NULL && !CHECK(good[op] > 0)) {
            printf("# %s: %llu made, none good\n", name, (unsigned long long)made[op]);
        }
    }
}
