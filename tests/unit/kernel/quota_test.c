/* SPDX-License-Identifier: MIT
 * Every system call that makes something, with an account that can pay for nothing of it, for the
 * first allocation, for the first two, and so on: each time it either fails with E_QUOTA and leaves
 * nothing behind, or succeeds.
 */
#include "pair.h"

#include <arch/iommu.h>
#include <machine.h>
#include <notification.h>
#include <stdlib.h>
#include <system.h>

#include "fake_pci.h"
#include "oracle.h"

#define LIMIT (1u << 20)
#define FILLERS 20000u

static struct {
    void *pointer;
    size_t size;
} fillers[FILLERS];
static unsigned filler_count;

/* Uses up every partial slab; then the account can pay for so many frames more. */
static void exhaust(struct account *account, uint64_t frames) {
    account->limit = account->used;
    for (size_t size = 32; size < PAGE_SIZE / 2; size += 32) {
        void *pointer;
        while ((pointer = kmem_alloc(account, size)) != NULL && filler_count < FILLERS) {
            fillers[filler_count].pointer = pointer;
            fillers[filler_count++].size = size;
        }
    }
    account->limit += frames * PAGE_SIZE;
}

static void relax(struct account *account) {
    while (filler_count > 0) {
        filler_count--;
        kmem_free(account, fillers[filler_count].pointer, fillers[filler_count].size);
    }
    account->limit = LIMIT;
}

/* One task with a handle of every kind, a call that it works on, and a full handle table. */
struct scene {
    struct pair pair;
    struct task *task;
    struct account *account;
    handle_t charged, endpoint, bell, session, memory, file, image, arena, self, other, system,
        port;
    handle_t device, timer;
    token_t token, staged;
};

static handle_t own(struct task *task, struct object *object) {
    handle_t handle = host_grant(task, object);
    object_put(object);
    return handle;
}

static void make_memories(struct scene *scene) {
    unsigned char bytes[512];
    struct memory *memory, *file, *arena;
    struct image *image;
    size_t size = host_elf(bytes, true);
    REQUIRE_OK(memory_create(scene->account, 8 * PAGE_SIZE, MEMORY_ANONYMOUS, &memory));
    REQUIRE_OK(memory_copy(memory, PAGE_SIZE, bytes, size, true, false));
    REQUIRE_OK(memory_copy(memory, 3 * PAGE_SIZE, bytes, size, true, false));
    REQUIRE_OK(mapping_create(scene->task, memory, 0, 0x700000, 8 * PAGE_SIZE,
                              PROT_READ | PROT_WRITE, MAPPING_MAY(7)));
    REQUIRE_OK(memory_create(account_root, size, MEMORY_ANONYMOUS, &file));
    REQUIRE_OK(memory_copy(file, 0, bytes, size, true, false));
    REQUIRE_OK(image_create(account_root, file, size, &image));
    REQUIRE_OK(arena_create(account_root, 2 * PAGE_SIZE, &arena));
    scene->memory = own(scene->task, &memory->object);
    scene->file = own(scene->task, &file->object);
    scene->image = own(scene->task, &image->object);
    scene->arena = own(scene->task, &arena->object);
}

static void make_machine(struct scene *scene) {
    struct ioport *port;
    struct device *device;
    struct timer *timer;
    struct notification *bell;
    host_pci_plug(1, PCI_ADDRESS(0, 3, 0, 0), HOST_PCI_MSI);
    REQUIRE_OK(ioport_create(account_root, 0x100, 8, &port));
    REQUIRE_OK(device_create(account_root, 1ull << 40 | host_pci[1].address, &device));
    REQUIRE_OK(notification_create(account_root, &bell));
    REQUIRE_OK(timer_create(account_root, bell, 1, &timer));
    scene->port = own(scene->task, &port->object);
    scene->device = own(scene->task, &device->object);
    scene->bell = own(scene->task, &bell->object);
    scene->timer = own(scene->task, &timer->object);
}

/* The server of a pair, an actor or not; it has taken the client's call and staged one itself. */
static struct scene make_scene(bool actor) {
    struct scene scene = {.pair = make_pair(actor ? PAGE_SIZE : 0)};
    struct message_buffer buffer = {.leases = {{HOST_SCRATCH, 8, LEASE_READ, 0}}};
    struct endpoint *elsewhere;
    struct task *task = scene.task = scene.pair.server;
    scene.account = task->account;
    scene.charged = host_grant(task, &scene.account->object);
    scene.endpoint = host_grant(task, &scene.pair.endpoint->object);
    scene.self = host_grant(task, &task->object);
    scene.other = host_grant(task, &scene.pair.client->object);
    scene.system = host_grant(task, system_object);
    make_memories(&scene);
    make_machine(&scene);
    REQUIRE_OK(endpoint_create(account_root, &elsewhere));
    struct session *session;
    REQUIRE_OK(session_create(elsewhere, account_root, 5, &session));
    scene.session = own(task, &session->object);
    own(scene.pair.client, &elsewhere->object); /* keeps it alive */
    buffer.handles[0] = (struct handle_slot){scene.bell, RIGHT_ALL};
    CHECK(host_store(task, HOST_SCRATCH, &buffer, sizeof(buffer)));
    CHECK_EQ(client_call(&scene.pair, scene.pair.client, scene.pair.session, 1, 1), HOST_BLOCKED);
    CHECK_EQ(receive(task, 0, 0, RECEIVE_CALL), EVENT_CALL);
    scene.token = host_context(task)->r14;
    while (task->handles.free_head != ~0u) {
        host_grant(task, &scene.pair.client->object);
    }
    return scene;
}

static uint64_t parameters(const struct scene *scene, bool image, bool arena) {
    struct task_create create = {.account = scene->charged,
                                 .image = image ? scene->image : HANDLE_NONE,
                                 .arena = arena ? scene->arena : HANDLE_NONE,
                                 .priority = 3};
    CHECK(host_store(scene->task, HOST_SCRATCH + 0x1000, &create, sizeof(create)));
    return HOST_SCRATCH + 0x1000;
}

enum { PLAIN = 1, ACTOR = 2, BOTH = 3 };

struct attempt {
    uint32_t op;
    unsigned by;
    uint64_t a[6];
};

#define ATTEMPTS 40u

/* What is tried; `count` of them. */
static unsigned attempts_of(const struct scene *s, struct attempt list[ATTEMPTS]) {
    const struct attempt all[] = {
        {SYS_ENDPOINT_CREATE, BOTH, {s->charged}},
        {SYS_NOTIFICATION_CREATE, BOTH, {s->charged}},
        {SYS_SESSION_CREATE, BOTH, {s->endpoint, 7, s->charged}},
        {SYS_TIMER_CREATE, BOTH, {s->charged, s->bell, 1}},
        {SYS_ACCOUNT_CREATE, BOTH, {s->charged, PAGE_SIZE}},
        {SYS_IMAGE_CREATE, BOTH, {s->charged, s->file, 512}},
        {SYS_MEMORY_CREATE, BOTH, {s->charged, 3 * PAGE_SIZE}},
        {SYS_MEMORY_CREATE, BOTH, {s->charged, 600 * PAGE_SIZE}},
        {SYS_MEMORY_CREATE, BOTH, {s->charged, PAGE_SIZE, s->session, MEMORY_PAGED}},
        {SYS_MEMORY_CLONE, BOTH, {s->charged, s->memory}},
        {SYS_ARENA_CREATE, BOTH, {s->charged, 2 * PAGE_SIZE}},
        {SYS_TASK_CREATE, BOTH, {parameters(s, false, false)}},
        {SYS_HANDLE_COPY, BOTH, {s->bell, RIGHT_ALL}},
        {SYS_MAP, BOTH, {0, s->memory, 0, 0x780000, 8 * PAGE_SIZE, PROT_READ | MAP_POPULATE}},
        {SYS_TASK_CLONE, PLAIN, {s->charged}},
        {SYS_THREAD_CREATE, PLAIN, {0, 0x400000, 0, 0, HOST_SCRATCH, 3}},
        {SYS_UNMAP, PLAIN, {0, 0x702000, 3 * PAGE_SIZE}},
        {SYS_PROTECT, PLAIN, {0, 0x702000, 3 * PAGE_SIZE, PROT_READ}},
        {SYS_MEMORY_WRITE, PLAIN, {s->memory, 0, HOST_SCRATCH, 64}},
        {SYS_HANDLE_CLOSE, ACTOR, {s->bell}},
        {SYS_HANDLE_REVOKE, ACTOR, {s->bell}},
        {SYS_HANDLE_GRANT, ACTOR, {s->other, s->bell, RIGHT_ALL}},
        {SYS_NOTIFICATION_SIGNAL, ACTOR, {s->bell, 2}},
        {SYS_TIMER_SET, ACTOR, {s->timer, 5}},
        {SYS_UNMAP, ACTOR, {0, 0x700000, 8 * PAGE_SIZE}},
        {SYS_TASK_DESTROY, ACTOR, {s->other}},
        {SYS_TASK_SUPERVISE, ACTOR, {s->other, s->session, s->bell, 1}},
        {SYS_THREAD_INTERRUPT, ACTOR, {s->other}},
        {SYS_PORT_WRITE, ACTOR, {s->port, 0, 1, 'x'}},
        {SYS_PORT_FILL, ACTOR, {s->port, 0, HOST_SCRATCH, 64}},
        {SYS_CALL_STAGE, BOTH, {s->session, TAG(1, 7, 1, 1)}},
        {SYS_REPLY, BOTH, {s->token, TAG(0, 7, 0, 1)}},
        {SYS_SYSTEM_IOPORT, BOTH, {s->system, 0x100, 8, s->charged}},
        {SYS_SYSTEM_IRQ, BOTH, {s->system, 9, 0, s->charged}},
        {SYS_SYSTEM_MEMORY, BOTH, {s->system, 0xfd000000, PAGE_SIZE, s->charged}},
        {SYS_DEVICE_BAR, BOTH, {s->device, 0, s->charged}},
        {SYS_DEVICE_BAR, BOTH, {s->device, 1, s->charged}},
        {SYS_DEVICE_IRQ, BOTH, {s->device, 0, s->charged}},
        {SYS_DEVICE_DMA, BOTH, {s->device, 2 * PAGE_SIZE, s->charged}},
    };
    memcpy(list, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

/* A page of the handle table stays for the next handle. */
static uint64_t usage(const struct scene *scene) {
    return account_usage(scene->account) - scene->task->handles.page_count * PAGE_SIZE +
           scene->pair.client->handles.used;
}

/* What may be left: the two parts more of a mapping that was cut, the pages of a memory. */
static uint64_t stays(uint32_t op) {
    return op == SYS_UNMAP || op == SYS_PROTECT ? 2 * kmem_class(sizeof(struct mapping))
           : op == SYS_MAP                      ? 8 * PAGE_SIZE
                                                : 0;
}

/* Returns how many frames the call has needed. */
static unsigned try_with_ever_more(const struct scene *scene, const struct attempt *attempt) {
    const uint64_t *a = attempt->a;
    for (unsigned frames = 0; frames < 60; frames++) {
        uint64_t before = usage(scene);
        exhaust(scene->account, frames);
        int64_t result = host_call(scene->task, attempt->op, a, 6);
        relax(scene->account);
        oracle_check(NULL, 0);
        if (result != E_QUOTA) {
            CHECK(result >= 0);
            return frames;
        }
        CHECK(usage(scene) - before <= stays(attempt->op));
    }
    CHECK(false);
    return 0;
}

TEST(what_cannot_be_paid_leaves_nothing_behind) {
    struct attempt list[ATTEMPTS];
    for (unsigned by = PLAIN; by <= ACTOR; by++) {
        unsigned count = 1;
        for (unsigned i = 0; i < count; i++) {
            struct scene scene = make_scene(by == ACTOR);
            count = attempts_of(&scene, list);
            uint64_t before = usage(&scene);
            if ((list[i].by & by) != 0) {
                unsigned frames = try_with_ever_more(&scene, &list[i]);
                if (!CHECK(frames > 0)) {
                    printf("# call %u costs nothing\n", list[i].op);
                }
            }
            if (by == ACTOR) {
                actor_undo(scene.task, 0);
                CHECK(usage(&scene) <= before + stays(list[i].op));
                oracle_check(NULL, 0);
            }
            host_check_clean();
        }
    }
}

/* A task is made step by step. */
TEST(a_task_that_cannot_be_paid_leaves_nothing_behind) {
    for (unsigned with = 0; with < 4; with++) {
        struct scene scene = make_scene(with % 2 != 0);
        struct attempt attempt = {
            SYS_TASK_CREATE, BOTH, {parameters(&scene, with != 0, with >= 2)}};
        CHECK(try_with_ever_more(&scene, &attempt) > 1);
        host_check_clean();
    }
}

/* The page tables run out, as their account may. */
TEST(what_cannot_be_mapped_leaves_nothing_behind) {
    for (unsigned fail = 1; fail < 9; fail++) {
        struct scene scene = make_scene(fail % 2 != 0);
        host_map_fails = fail;
        CHECK_EQ(SYS(scene.task, SYS_MAP, 0, scene.memory, 0, 0x780000, 8 * PAGE_SIZE,
                     PROT_READ | MAP_POPULATE),
                 E_QUOTA);
        CHECK_EQ(host_map_fails, 0);
        oracle_check(NULL, 0);
        uint64_t create = parameters(&scene, true, true);
        host_map_fails = 1;
        CHECK_EQ(SYS(scene.task, SYS_TASK_CREATE, create), E_QUOTA);
        oracle_check(NULL, 0);
        host_check_clean();
    }
}

/* ---- what else mappings refuse ------------------------------------------------------------------
 */

TEST(mappings_are_checked_before_they_change) {
    struct scene plain = make_scene(false);
    const uint64_t memory = plain.memory, size = 8 * PAGE_SIZE;
    CHECK_EQ(SYS(plain.task, SYS_MEMORY_CREATE, plain.charged, PAGE_SIZE, 0, MEMORY_PAGED),
             E_INVALID);
    CHECK_EQ(SYS(plain.task, SYS_MEMORY_CREATE, plain.charged, 0, 0, 0), E_RANGE);
    CHECK_EQ(SYS(plain.task, SYS_MAP, 0, memory, 0, 0x780000, size, 0), E_INVALID);
    CHECK_EQ(SYS(plain.task, SYS_MAP, 0, memory, 0, 0x780000, size, 0x80 | PROT_READ), E_INVALID);
    CHECK_EQ(SYS(plain.task, SYS_MAP, 0, plain.arena, 0, 0x780000, PAGE_SIZE, PROT_READ), E_TYPE);
    CHECK_EQ(SYS(plain.task, SYS_MAP, 0, memory, 0, 0x707000, size, PROT_READ), E_EXISTS);
    CHECK_EQ(SYS(plain.task, SYS_MAP, 0, memory, PAGE_SIZE, 0x780000, size, PROT_READ), E_RANGE);
    CHECK_EQ(SYS(plain.task, SYS_UNMAP, 0, 0x700001, PAGE_SIZE), E_INVALID);
    CHECK_EQ(SYS(plain.task, SYS_UNMAP, 0, 0x780000, PAGE_SIZE), E_NOT_FOUND);
    CHECK_EQ(SYS(plain.task, SYS_PROTECT, 0, 0x700000, size, PROT_WRITE | PROT_EXEC), E_INVALID);
    CHECK_EQ(SYS(plain.task, SYS_PROTECT, 0, 0x700000, size, 0), OK);
    oracle_check(NULL, 0);
    host_check_clean();
    struct scene actor = make_scene(true);
    CHECK_EQ(SYS(actor.task, SYS_MAP, actor.other, actor.memory, 0, 0x780000, size, PROT_READ),
             E_NOT_STAGED);
    CHECK_EQ(SYS(actor.task, SYS_UNMAP, actor.other, HOST_SCRATCH, 16 * PAGE_SIZE), E_NOT_STAGED);
    CHECK_EQ(SYS(actor.task, SYS_UNMAP, 0, 0x700000, PAGE_SIZE), E_NOT_FOUND); /* a part */
    CHECK_EQ(SYS(actor.task, SYS_UNMAP, 0, ARENA_VA, PAGE_SIZE), E_NOT_FOUND);
    oracle_check(NULL, 0);
    host_check_clean();
}

TEST(a_large_mapping_goes_in_parts) {
    struct pair pair = make_pair(0);
    struct memory *memory;
    unsigned calls = 1;
    REQUIRE_OK(memory_create(pair.client->account, 200 * PAGE_SIZE, MEMORY_ANONYMOUS, &memory));
    REQUIRE_OK(
        mapping_create(pair.client, memory, 0, 0x700000, 200 * PAGE_SIZE, PROT_READ, MAP_POPULATE));
    object_put(&memory->object);
    uint64_t rip = host_context(pair.client)->rip;
    SYS(pair.client, SYS_UNMAP, 0, 0x700000, 200 * PAGE_SIZE);
    while (host_context(pair.client)->rip != rip && calls < 5) { /* it is to call again */
        oracle_check(NULL, 0);
        host_context(pair.client)->rip = rip;
        SYS(pair.client, SYS_UNMAP, 0, 0x700000, 200 * PAGE_SIZE);
        calls++;
    }
    CHECK_EQ(calls, 2);
    CHECK(mapping_find(pair.client, 0x700000) == NULL);
    host_check_clean();
}
