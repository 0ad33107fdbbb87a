/* SPDX-License-Identifier: MIT
 * Programs that are made from images: resets of every kind, init's ladder, clones; and two
 * processors.
 */
#include "pair.h"

#include <arch/hooks.h>
#include <notification.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <system.h>
#include <unistd.h>

#include "oracle.h"

#define AGAIN (RECEIVE_ALL | RECEIVE_POLL)

struct program {
    struct task *task;
    struct image *image; /* held */
};

static struct image *make_image(struct account *account, bool arena) {
    unsigned char bytes[512];
    struct memory *file;
    struct image *image = NULL;
    size_t size = host_elf(bytes, arena);
    CHECK_EQ(memory_create(account, size, MEMORY_ANONYMOUS, &file), OK);
    CHECK_EQ(memory_copy(file, 0, bytes, size, true, false), OK);
    CHECK_EQ(image_create(account, file, size, &image), OK);
    object_put(&file->object);
    return image;
}

static struct program make_program(const char *name, uint64_t arena_size) {
    struct program program;
    struct task_create parameters = {.priority = 5};
    struct account *account;
    struct memory *arena = NULL;
    host_boot();
    strcpy(parameters.name, name);
    CHECK_EQ(account_create(account_root, 1 << 20, &account), OK);
    program.image = make_image(account_root, arena_size != 0);
    if (arena_size != 0) {
        CHECK_EQ(arena_create(account, arena_size, &arena), OK);
    }
    CHECK_EQ(task_create(&parameters, account, program.image, arena, &program.task), OK);
    object_put(OBJECT_OF(arena));
    object_put(&account->object);
    task_start(program.task);
    sched_exit();
    object_put(&program.task->object);
    return program;
}

static void end(const struct program *program) {
    object_put(&program->image->object);
    host_check_clean();
}

static void check_held(const struct image *image) {
    struct object *held[1] = {(struct object *)(uintptr_t)&image->object};
    oracle_check(held, 1);
}

static uint64_t arena_word(struct task *task) {
    uint64_t word = 0;
    CHECK(host_load(task, ARENA_VA, &word, 8));
    return word;
}

static void set_arena_word(struct task *task, uint64_t word) {
    CHECK(host_store(task, ARENA_VA, &word, 8));
}

#define INITIAL 0x1122334455667788 /* as host_elf has it */

TEST(a_reset_keeps_what_was_committed_and_a_cold_one_nothing) {
    struct program p = make_program("actor", 4 * PAGE_SIZE);
    CHECK_EQ(arena_word(p.task), INITIAL);
    set_arena_word(p.task, 1);
    CHECK_EQ(receive(p.task, 0, 0, AGAIN), EVENT_NONE);
    set_arena_word(p.task, 2);
    task_reset(p.task, NULL, 0, NULL);
    CHECK_EQ(arena_word(p.task), 1);
    task_reset(p.task, NULL, RESET_COLD | RESET_STOP, NULL);
    CHECK_EQ(p.task->state, TASK_STOPPED);
    task_start(p.task);
    CHECK_EQ(arena_word(p.task), INITIAL);
    CHECK_EQ(p.task->incarnation, 2);
    set_arena_word(p.task, 3);
    CHECK_EQ(receive(p.task, 0, 0, AGAIN), EVENT_NONE);
    task_reset(p.task, NULL, RESET_STATE, NULL);
    CHECK_EQ(arena_word(p.task), INITIAL);
    check_held(p.image);
    end(&p);
}

TEST(a_damaged_image_stops_its_task) {
    struct program p = make_program("damaged", 0);
    struct memory *content = p.image->segments[0].content;
    *frame_bytes(memory_page_peek(content, 0)) ^= 1;
    task_reset(p.task, NULL, 0, NULL);
    CHECK_EQ(p.task->state, TASK_STOPPED);
    CHECK_STR(host_log, "damaged: the program can't be restored");
    *frame_bytes(memory_page_peek(content, 0)) ^= 1;
    task_reset(p.task, NULL, 0, NULL);
    CHECK_EQ(p.task->state, TASK_RUNNING);
    task_kill(p.task, 0);
    end(&p);
}

TEST(damaged_arena_content_is_not_loaded) {
    struct program p = make_program("damaged", PAGE_SIZE);
    struct memory *content = p.image->segments[1].content;
    *frame_bytes(memory_page_peek(content, 0)) ^= 1;
    task_reset(p.task, NULL, RESET_COLD, NULL);
    CHECK_STR(host_log, "damaged: initial arena content can't be loaded");
    end(&p);
}

TEST(a_new_image_that_cannot_be_loaded_leaves_the_old_one) {
    struct program p = make_program("old", PAGE_SIZE);
    struct image *next = make_image(account_root, true);
    *frame_bytes(memory_page_peek(next->segments[0].content, 0)) ^= 1;
    task_reset(p.task, next, 0, NULL);
    CHECK_STR(host_log, "old: the new program can't be loaded, the old one stays");
    CHECK(p.task->image == p.image);
    CHECK_EQ(p.task->state, TASK_RUNNING);
    *frame_bytes(memory_page_peek(next->segments[0].content, 0)) ^= 1;
    task_reset(p.task, next, 0, NULL);
    CHECK(p.task->image == next);
    object_put(&next->object);
    end(&p);
}

/* A supervisor with handles to a program, its image and arenas. */
struct boss {
    struct program p;
    struct task *task;
    uint64_t target, image, arena, other_arena;
};

static struct boss make_boss(uint64_t boss_arena, uint64_t arena_size) {
    struct boss boss = {.p = make_program("program", arena_size)};
    struct memory *arena;
    boss.task = host_task("boss", 1 << 20, boss_arena, 9);
    boss.target = host_grant(boss.task, &boss.p.task->object);
    boss.image = host_grant(boss.task, &boss.p.image->object);
    CHECK_EQ(arena_create(account_root, 4 * PAGE_SIZE, &arena), OK);
    boss.other_arena = host_grant(boss.task, &arena->object);
    object_put(&arena->object);
    if (boss.p.task->arena != NULL) {
        boss.arena = host_grant(boss.task, &boss.p.task->arena->object);
    }
    return boss;
}

TEST(resets_are_checked_before_they_are_made) {
    struct boss b = make_boss(0, 2 * PAGE_SIZE);
    handle_t self = host_grant(b.task, &b.task->object);
    CHECK_EQ(SYS(b.task, SYS_TASK_RESET, b.target, 0, 16, 0), E_INVALID);
    CHECK_EQ(SYS(b.task, SYS_TASK_RESET, b.target, 0, 0, b.other_arena), E_INVALID);
    CHECK_EQ(SYS(b.task, SYS_TASK_RESET, b.target, b.image, 0, b.arena), E_INVALID);
    CHECK_EQ(SYS(b.task, SYS_TASK_RESET, self, 0, 0, 0), E_STATE);
    struct image *big = make_image(account_root, true);
    handle_t image = host_grant(b.task, &big->object);
    big->info.arena_minimum = 3 * PAGE_SIZE;
    CHECK_EQ(SYS(b.task, SYS_TASK_RESET, b.target, image, 0, 0), E_INVALID);
    big->info.arena_minimum = PAGE_SIZE;
    big->info.memory = 2 << 20;
    CHECK_EQ(SYS(b.task, SYS_TASK_RESET, b.target, image, 0, 0), E_QUOTA);
    object_put(&big->object);
    CHECK_EQ(SYS(b.task, SYS_TASK_DESTROY, self), E_STATE);
    CHECK_EQ(SYS(b.task, SYS_TASK_START, b.target), E_STATE);
    CHECK_EQ(SYS(b.task, SYS_TASK_DESTROY, b.target), OK);
    CHECK_EQ(SYS(b.task, SYS_TASK_RESET, b.target, 0, 0, 0), E_STATE);
    CHECK_EQ(SYS(b.task, SYS_TASK_SUPERVISE, b.target, 0, 0, 0), E_STATE);
    CHECK_EQ(SYS(b.task, SYS_HANDLE_GRANT, b.target, b.image, RIGHT_ALL), E_STATE);
    CHECK_EQ(SYS(b.task, SYS_MAP, b.target, b.image, 0, 0x700000, PAGE_SIZE, 1), E_STATE);
    CHECK_EQ(SYS(b.task, SYS_UNMAP, b.target, 0x700000, PAGE_SIZE), E_STATE);
    CHECK_EQ(SYS(b.task, SYS_TASK_DESTROY, b.target), OK);
    end(&b.p);
}

TEST(another_arena_takes_the_place_of_the_old_one) {
    for (unsigned taken = 0; taken < 2; taken++) {
        struct boss b = make_boss(PAGE_SIZE, 2 * PAGE_SIZE);
        struct memory *other;
        CHECK_EQ(handle_lookup(&b.task->handles, (handle_t)b.other_arena, OBJECT_MEMORY, 0, &other),
                 OK);
        set_arena_word(b.p.task, 7);
        CHECK_EQ(SYS(b.task, SYS_TASK_RESET, b.target, b.image, 0, b.other_arena), OK);
        CHECK(b.p.task->arena != other); /* the boss has not committed */
        if (taken != 0) {
            other->arena->task = b.task;
        }
        CHECK_EQ(receive(b.task, 0, 0, AGAIN), EVENT_NONE);
        if (taken != 0) {
            other->arena->task = NULL;
            CHECK_EQ(b.p.task->state, TASK_STOPPED);
        } else {
            CHECK(b.p.task->arena == other);
            CHECK_EQ(arena_word(b.p.task), INITIAL);
        }
        check_held(b.p.image);
        end(&b.p);
    }
}

TEST(a_cold_start_loses_calls_handles_and_mappings) {
    struct program p = make_program("server", PAGE_SIZE);
    struct pair pair = {.server = p.task, .client = host_task("client", 1 << 20, 0, 10)};
    struct task *other = host_task("other", 1 << 20, 0, 10);
    REQUIRE_OK(endpoint_create(account_root, &pair.endpoint));
    handle_t endpoint = host_grant(p.task, &pair.endpoint->object);
    object_put(&pair.endpoint->object);
    struct session *first = new_session(&pair, 1), *second = new_session(&pair, 2);
    handle_t of_client = host_grant(pair.client, &first->object);
    handle_t of_other = host_grant(other, &second->object);
    object_put(&second->object);
    CHECK_EQ(SYS(p.task, SYS_ACTOR_BIND, endpoint, 0), OK);
    CHECK_EQ(client_call(&pair, pair.client, of_client, 1, 1), HOST_BLOCKED);
    CHECK_EQ(receive(p.task, 0, 0, RECEIVE_ALL), EVENT_CALL);
    CHECK_EQ(receive(p.task, 0, 0, AGAIN), EVENT_NONE);   /* accepted */
    CHECK_EQ(SYS(other, SYS_HANDLE_CLOSE, of_other), OK); /* its server will not hear of it */
    struct thread *thread;
    REQUIRE_OK(thread_create(p.task, 0x400000, 0, 0, HOST_SCRATCH, 3, &thread));
    task_reset(p.task, NULL, RESET_COLD, NULL);
    CHECK(host_returned(pair.client));
    CHECK_EQ((int64_t)host_context(pair.client)->rax, E_RESET);
    CHECK_EQ(p.task->thread_count, 1);
    CHECK_EQ(client_call(&pair, pair.client, of_client, 1, 1), E_RESET);
    CHECK(list_empty(&pair.endpoint->closed));
    object_put(&first->object);
    check_held(p.image);
    end(&p);
}

/* ---- init ---------------------------------------------------------------------------------------
 */

static void init_faults(struct task *init, uint64_t rip) {
    CHECK(host_make_current(init->main));
    host_context(init)->rip = rip;
    exception_handle(init->main, 6, 0);
}

TEST(init_is_restarted_by_the_kernel) {
    struct program p = make_program("init", PAGE_SIZE);
    task_init = p.task;
    set_arena_word(p.task, 5);
    CHECK_EQ(receive(p.task, 0, 0, AGAIN), EVENT_NONE);
    init_faults(p.task, 0x400100);
    CHECK_EQ(p.task->exit_code, -6);
    for (unsigned i = 0; i < 7; i++) { /* without a turn in between */
        CHECK_EQ(arena_word(p.task), i < 5 ? 5 : INITIAL);
        CHECK_EQ(p.task->incarnation, i + 1);
        init_faults(p.task, 0x400100 + i);
    }
    pid_t child = fork();
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        for (unsigned i = 0; i < 3; i++) {
            init_faults(p.task, 0x400100);
        }
        _exit(0);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT); /* "init faults at every start" */
    for (unsigned i = 0; i < 3; i++) {                         /* it does something */
        CHECK_EQ(receive(p.task, 0, 0, AGAIN), EVENT_NONE);
    }
    init_faults(p.task, 0x400200);
    SYS(p.task, SYS_TASK_EXIT, 3);
    CHECK_EQ(p.task->exit_code, 3);
    task_init = NULL;
    end(&p);
}

/* ---- clones ------------------------------------------------------------------------------------
 */

TEST(a_clone_has_what_its_parent_had) {
    struct program p = make_program("parent", 0);
    struct task *task = p.task;
    struct memory *scratch, *device;
    char text[8] = "before";
    handle_t account = host_grant(task, &task->account->object);
    CHECK_EQ(memory_create(task->account, 2 * PAGE_SIZE, MEMORY_ANONYMOUS, &scratch), OK);
    CHECK_EQ(
        mapping_create(task, scratch, 0, HOST_SCRATCH, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, 0),
        OK);
    object_put(&scratch->object);
    CHECK_EQ(memory_create_physical(account_root, 0xfd000000, PAGE_SIZE, MEMORY_DEVICE, &device),
             OK);
    CHECK_EQ(mapping_create(task, device, 0, 0x800000, PAGE_SIZE, PROT_READ, MAP_WRITE_COMBINE),
             OK);
    object_put(&device->object);
    CHECK(host_store(task, HOST_SCRATCH, text, 8));
    task->main->context.fpu = thread_fpu_area_alloc(task->main);
    CHECK(task->main->context.fpu != NULL);
    int64_t first = SYS(task, SYS_TASK_CLONE, account, 0);
    int64_t second = SYS(task, SYS_TASK_CLONE, account, HOST_SCRATCH);
    CHECK_EQ(SYS(task, SYS_TASK_CLONE, account, 0x10000), E_FAULT);
    struct task *child;
    CHECK_EQ(handle_lookup(&task->handles, (handle_t)second, OBJECT_TASK, 0, &child), OK);
    CHECK_STR(child->name, "before");
    CHECK_EQ(handle_lookup(&task->handles, (handle_t)first, OBJECT_TASK, 0, &child), OK);
    CHECK_STR(child->name, "parent");
    CHECK(host_store(task, HOST_SCRATCH, "after!", 7));
    CHECK(host_load(child, HOST_SCRATCH, text, 8));
    CHECK_STR(text, "before");
    CHECK_EQ(host_context(child)->rax, 0);
    CHECK(child->main->context.fpu != NULL);
    check_held(p.image);
    end(&p);
}

/* ---- two processors ----------------------------------------------------------------------------
 */

static struct task *pinned(const char *name, uint32_t priority, uint32_t affinity) {
    struct task *task = host_task(name, 1 << 18, 0, priority);
    task->main->affinity = affinity;
    sched_migrate(task->main);
    return task;
}

static void both_choose(void) {
    for (uint32_t id = 2; id-- > 0;) {
        host_cpu_enter(id);
        sched_exit();
    }
}

TEST(threads_are_spread_over_processors_and_stolen) {
    host_boot();
    host_use_cpus(2);
    struct task *tasks[3];
    for (unsigned i = 0; i < 3; i++) {
        tasks[i] = host_task("t", 1 << 18, 0, 5);
    }
    both_choose();
    CHECK(cpu_table[0]->arch.current != NULL && cpu_table[1]->arch.current != NULL);
    CHECK(cpu_table[0]->arch.current != cpu_table[1]->arch.current);
    struct thread *running = cpu_table[1]->arch.current;
    host_cpu_enter(0);
    task_kill(running->task, 0); /* taken away from the other one */
    CHECK_EQ(cpu_table[1]->arch.resched_forced, 1);
    host_cpu_enter(1);
    CHECK_EQ(cpu_table[1]->arch.resched_forced, 0);
    CHECK(cpu_table[1]->arch.current != NULL); /* the third, wherever it was queued */
    oracle_check(NULL, 0);
    host_check_clean();
    host_use_cpus(1);
    (void)tasks;
}

TEST(affinity_decides_where_a_thread_runs) {
    host_boot();
    host_use_cpus(2);
    struct task *zero = pinned("zero", 5, 1), *one = pinned("one", 5, 2);
    both_choose();
    CHECK_EQ(zero->main->cpu, 0);
    CHECK_EQ(one->main->cpu, 1);
    CHECK(cpu_table[1]->arch.current == one->main);
    CHECK_EQ(SYS(zero, SYS_THREAD_SCHEDULE, 0, 5, 4), E_INVALID);
    CHECK_EQ(SYS(zero, SYS_THREAD_SCHEDULE, 0, 5, 2), OK); /* away from here: it runs there now */
    CHECK_EQ(zero->main->cpu, 1);
    struct task *high = pinned("high", 9, 2);
    both_choose();
    CHECK(cpu_table[1]->arch.current == high->main);
    CHECK_EQ(one->main->state, THREAD_READY);
    handle_t handle = host_grant(high, &one->object);
    CHECK_EQ(SYS(high, SYS_THREAD_SCHEDULE, handle, 5, 0), OK);
    oracle_check(NULL, 0);
    /* A sleeper that must run elsewhere wakes up there. */
    host_cpu_enter(1);
    CHECK_EQ(SYS(high, SYS_THREAD_SLEEP, host_ticks + 1000), HOST_BLOCKED);
    high->main->affinity = 1;
    sched_migrate(high->main);
    host_cpu_enter(0);
    host_advance(2000);
    both_choose();
    CHECK_EQ(high->main->cpu, 0);
    oracle_check(NULL, 0);
    host_check_clean();
    host_use_cpus(1);
}

TEST(equals_share_a_processor_by_slices) {
    host_boot();
    host_use_cpus(2);
    struct task *tasks[3] = {pinned("a", 5, 2), pinned("b", 5, 2), pinned("c", 5, 1)};
    both_choose();
    host_cpu_enter(0);
    unsigned waiting = tasks[0]->main->state == THREAD_READY ? 0 : 1;
    sched_stop(tasks[waiting]->main, THREAD_NEW);
    cpu_table[1]->slice_end = 0;
    sched_wake(tasks[waiting]->main); /* from the other one: it has a rival now */
    host_cpu_enter(1);
    struct thread *before = cpu_table[1]->arch.current;
    CHECK(cpu_table[1]->slice_end != 0);
    host_advance(SLICE_NS + 1);
    CHECK(cpu_table[1]->arch.current != before);
    CHECK_EQ(before->state, THREAD_READY);
    oracle_check(NULL, 0);
    host_check_clean();
    host_use_cpus(1);
}

TEST(processors_beyond_the_mask_are_for_all) {
    static struct cpu many;
    host_boot();
    many.arch.id = 40;
    sched_init(&many);
    CHECK_EQ(many.affinity, ~0u);
    cpu_count = 33;
    CHECK(sched_mask_valid(1u << 31) && !sched_mask_valid(0));
    cpu_count = 1;
    CHECK(!sched_mask_valid(2));
}
