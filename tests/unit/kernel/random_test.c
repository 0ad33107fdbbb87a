/* SPDX-License-Identifier: MIT
 * Random system calls of several tasks, good and bad, with resets and ends in between. The oracle:
 * the kernel's own assertions, the sanitizers, and at the end nothing is left.
 */
#include "host.h"

#include <arch/timer.h>
#include <check.h>
#include <machine.h>
#include <system.h>

#define TASKS 5
#define RECENT 24

struct player {
    struct task *task;
    uint64_t recent[RECENT]; /* handles, tokens and other numbers that came back */
    unsigned next;
    bool actor;
};

static struct player players[TASKS];
static unsigned calls_made, calls_good;

static void remember(struct player *player, uint64_t value) {
    /* The first four, its own basic objects, stay. */
    unsigned slot = player->next < RECENT ? player->next : 4 + player->next % (RECENT - 4);
    player->recent[slot] = value;
    player->next++;
}

static void start(struct player *player, unsigned index) {
    char name[8];
    snprintf(name, sizeof(name), "p%u", index);
    if (player->task != NULL) {
        object_put(&player->task->object);
    }
    player->actor = index % 2 == 0;
    player->task = host_task(name, 600000, player->actor ? 4 * PAGE_SIZE : 0,
                             4 + (uint32_t)check_random_below(4));
    player->task->priority_limit = 12;
    object_get(&player->task->object); /* so that we can see it dead */
    memset(player->recent, 0, sizeof(player->recent));
    player->next = 0;
    struct endpoint *endpoint;
    struct notification *notification;
    CHECK_EQ(endpoint_create(player->task->account, &endpoint), OK);
    remember(player, host_grant(player->task, &endpoint->object));
    object_put(&endpoint->object);
    CHECK_EQ(notification_create(player->task->account, &notification), OK);
    remember(player, host_grant(player->task, &notification->object));
    object_put(&notification->object);
    remember(player, host_grant(player->task, &player->task->account->object));
    remember(player, host_grant(player->task, &player->task->object));
    for (unsigned i = 0; i < TASKS; i++) { /* sessions to one another make it interesting */
        if (players[i].task == NULL || players[i].task->state == TASK_DEAD) {
            continue;
        }
        struct session *session;
        if (session_create(endpoint, account_root, 1000 + i, &session) == OK) {
            remember(&players[i], host_grant(players[i].task, &session->object));
            object_put(&session->object);
        }
    }
}

static uint64_t argument(const struct player *player) {
    static const uint64_t odd[] = {
        0, 1, 2, 63, 64, 4096, 0x10000, HOST_SCRATCH, ARENA_VA, 1ull << 47, 1ull << 63, ~0ull};
    switch (check_random_below(8)) {
    case 0:
        return odd[check_random_below(sizeof(odd) / sizeof(odd[0]))];
    case 1:
        return check_random_below(8);
    case 2:
        return HOST_SCRATCH + check_random_below(0x4000) / 8 * 8;
    case 3:
        return check_random_below(16) * PAGE_SIZE;
    case 4:
        return TAG(check_random_below(4), check_random_below(9), check_random_below(3),
                   check_random_below(3));
    default:
        return player->recent[check_random_below(RECENT)];
    }
}

/* Now and then a message buffer with sensible content. */
static void fill_buffer(struct player *player) {
    struct message_buffer buffer = {.deadline = host_ticks + check_random_below(100000)};
    for (unsigned i = 0; i < MESSAGE_LEASES; i++) {
        buffer.leases[i] =
            (struct lease){HOST_SCRATCH + check_random_below(0xc000), check_random_below(5000),
                           1 + (uint32_t)check_random_below(3), 0};
        buffer.handles[i] =
            (struct handle_slot){(handle_t)player->recent[check_random_below(RECENT)],
                                 RIGHT_ALL | (check_random_below(2) != 0 ? HANDLE_MOVE : 0)};
    }
    struct task_create parameters = {.account = (handle_t)player->recent[2],
                                     .priority = (uint32_t)check_random_below(14),
                                     .flags = (uint32_t)check_random_below(2)};
    if (host_store(player->task, HOST_SCRATCH, &buffer, sizeof(buffer))) {
        (void)host_store(player->task, HOST_SCRATCH + 0x1000, &parameters, sizeof(parameters));
    }
}

static bool alive(const struct player *player) {
    return player->task->state != TASK_DEAD && player->task->main != NULL;
}

static void one_call(struct player *player) {
    static const uint8_t frequent[] = {SYS_CALL,           SYS_COMMIT_RECEIVE, SYS_REPLY,
                                       SYS_CALL_STAGE,     SYS_ACTOR_BIND,     SYS_SESSION_CREATE,
                                       SYS_HANDLE_CLOSE,   SYS_MEMORY_CREATE,  SYS_MAP,
                                       SYS_COMMIT_RECEIVE, SYS_COMMIT_RECEIVE, SYS_LEASE_READ};
    uint32_t op = check_random_below(3) != 0 ? frequent[check_random_below(sizeof(frequent))]
                                             : (uint32_t)check_random_below(SYS_COUNT + 2);
    uint64_t arguments[10];
    for (unsigned i = 0; i < 10; i++) {
        arguments[i] = argument(player);
    }
    arguments[0] =
        check_random_below(8) != 0 ? player->recent[check_random_below(RECENT)] : arguments[0];
    switch (op) {
    case SYS_ENDPOINT_CREATE:
    case SYS_NOTIFICATION_CREATE:
    case SYS_ACCOUNT_CREATE:
    case SYS_MEMORY_CREATE:
    case SYS_TIMER_CREATE:
    case SYS_ARENA_CREATE:
        arguments[0] = player->recent[2];
        arguments[1] = op == SYS_TIMER_CREATE ? player->recent[1] : arguments[1] % 20000;
        arguments[3] = check_random_below(8) != 0 ? 0 : arguments[3];
        break;
    case SYS_SESSION_CREATE:
        arguments[0] = player->recent[0];
        arguments[2] = 0;
        break;
    case SYS_MAP:
        arguments[0] = check_random_below(4) != 0 ? 0 : player->recent[3];
        arguments[2] = 0;
        arguments[3] = 0x700000 + check_random_below(16) * PAGE_SIZE;
        arguments[4] = (1 + check_random_below(3)) * PAGE_SIZE;
        arguments[5] = 1 + check_random_below(3);
        break;
    case SYS_CALL:
    case SYS_CALL_STAGE:
    case SYS_REPLY:
        arguments[1] = TAG(check_random_below(4), check_random_below(9),
                           op == SYS_REPLY ? 0 : check_random_below(3), check_random_below(3));
        break;
    case SYS_ACTOR_BIND:
        arguments[0] = player->recent[0];
        arguments[1] = player->recent[1];
        break;
    default:
        break;
    }
    if (op == SYS_COMMIT_RECEIVE) {
        arguments[8] = RECEIVE_ALL | (check_random_below(4) != 0 ? RECEIVE_POLL : 0);
        arguments[1] = TAG(0, check_random_below(8), 0, 0);
    } else if (op == SYS_TASK_CREATE) {
        arguments[0] = HOST_SCRATCH + 0x1000;
    }
    calls_made++;
    int64_t result = host_call(player->task, op, arguments, 10);
    if (result == HOST_BLOCKED || !alive(player)) {
        return;
    }
    if (result >= 0) {
        calls_good++;
        remember(player, (uint64_t)result);
    }
    if (op == SYS_COMMIT_RECEIVE || op == SYS_CALL_STAGE) {
        remember(player, host_context(player->task)->r14);
    }
    if (player->actor && result >= 0 && check_random_below(3) == 0) {
        uint64_t value = check_random();
        (void)host_store(player->task, ARENA_VA + check_random_below(4 * PAGE_SIZE / 8) * 8, &value,
                         8);
    }
}

/* What task_reset does to a task without an image. */
static void reset(struct player *player) {
    struct thread *thread = player->task->main;
    thread_detach(thread);
    thread_abandon_call(thread);
    thread->resume = RESUME_NONE;
    thread->state = THREAD_NEW;
    actor_undo(player->task, (uint32_t)check_random_below(16) & ~RESET_STOP);
    sched_wake(thread);
    sched_exit();
}

static uint64_t account_frames(const struct account *account) {
    return account->used;
}

static void check_books(void) {
    for (unsigned i = 0; i < TASKS; i++) {
        if (alive(&players[i])) {
            const struct account *account = players[i].task->account;
            CHECK(account_frames(account) <= account->limit);
            CHECK(account->objects <= account->slabs);
            CHECK(account->slabs <= account->used);
        }
    }
}

TEST(random_calls_leave_nothing_behind) {
    /* More, and others: AXOLOTL_ROUNDS=5000 AXOLOTL_SEED=7 kernel_random */
    const char *text = getenv("AXOLOTL_ROUNDS");
    unsigned rounds = text == NULL ? 120 : (unsigned)atoi(text);
    text = getenv("AXOLOTL_SEED");
    check_seed += text == NULL ? 0 : (uint64_t)atoi(text) * 0x9e3779b97f4a7c15;
    host_boot();
    for (unsigned round = 0; round < rounds; round++) {
        memset(players, 0, sizeof(players));
        for (unsigned i = 0; i < TASKS; i++) {
            start(&players[i], i);
        }
        for (unsigned step = 0; step < 6000; step++) {
            unsigned index = (unsigned)check_random_below(TASKS);
            struct player *player = &players[index];
            uint64_t dice = check_random_below(1000);
            if (!alive(player)) {
                start(player, index);
            } else if (dice < 3) {
                task_kill(player->task, 1);
                sched_exit();
            } else if (dice < 20) {
                reset(player);
            } else if (dice < 60) {
                host_advance(check_random_below(50000));
            } else if (player->task->main->state == THREAD_READY ||
                       player->task->main->state == THREAD_RUNNING) {
                if (dice < 160) {
                    fill_buffer(player);
                }
                if (alive(player)) {
                    one_call(player);
                }
            } else if (dice < 100) {
                thread_interrupt(player->task->main);
                sched_exit();
            }
            if (step % 64 == 0) {
                check_books();
            }
        }
        for (unsigned i = 0; i < TASKS; i++) {
            task_kill(players[i].task, 0);
            object_put(&players[i].task->object);
        }
        host_check_clean();
    }
    printf("# %u calls, %u of them did something\n", calls_made, calls_good);
    CHECK(calls_good > 10000);
}
