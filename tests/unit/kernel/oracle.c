/* SPDX-License-Identifier: MIT
 * Follows every pointer from the tasks, the processors and the test, and counts: references and
 * handles of each object, what each account has to pay for. On the way it checks that objects agree
 * on what they say of one another. An object that is alive and not found is noticed by its account,
 * which pays for it.
 */
#include "oracle.h"

#include <debug.h>
#include <machine.h>
#include <sched.h>
#include <staged.h>
#include <stdlib.h>
#include <string.h>
#include <system.h>
#include <trace.h>

#include "host.h"

#define EXPECT(condition, object)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            panic("%s:%d: object %lu of type %u: %s", __FILE__, __LINE__,                          \
                  (unsigned long)(object)->id, (object)->type, #condition);                        \
        }                                                                                          \
    } while (0)

struct found {
    struct object *object;
    uint32_t references, handles;
    uint64_t objects, used, lent; /* of an account */
};

#define FOUND_MAX 65536u
#define GRAIN 32u /* the smallest slab element */

static struct found found[FOUND_MAX];
static uint32_t found_count;
/* Where an object of the RAM is in `found`, if `pass` is in the upper half. */
static uint64_t places[HOST_RAM / GRAIN];
static uint64_t pass;
static uint32_t queued; /* threads in the processors' queues */

static struct found *find(struct object *object) {
    uint64_t *place = NULL;
    if (object == &account_root->object || object == system_object) {
        return &found[object == system_object];
    }
    uint64_t offset = virt_to_phys(object);
    EXPECT(offset < HOST_RAM, object);
    place = &places[offset / GRAIN];
    if (*place >> 32 != pass) {
        if (found_count == FOUND_MAX) {
            panic("too many objects");
        }
        *place = pass << 32 | found_count;
        found[found_count++] = (struct found){.object = object};
    }
    return &found[(uint32_t)*place];
}

static void reference(struct object *object) {
    if (object != NULL) {
        EXPECT(object->references > 0, object);
        find(object)->references++;
    }
}

static void handle(struct object *object) {
    reference(object);
    find(object)->handles++;
}

/* ---- what is paid for --------------------------------------------------------------------------
 */

static void charge_bytes(struct account *account, uint64_t bytes) {
    find(&account->object)->used += bytes;
}

static void charge(struct account *account, size_t size) {
    uint32_t bytes = kmem_class(size);
    if (bytes == PAGE_SIZE) {
        charge_bytes(account, PAGE_SIZE);
    } else {
        find(&account->object)->objects += bytes;
    }
}

/* ---- objects -----------------------------------------------------------------------------------
 */

static bool in_progress(const struct call *call) {
    return call->state == CALL_QUEUED || call->state == CALL_TAKEN || call->state == CALL_ACCEPTED;
}

static void follow_message(const struct message *message) {
    for (unsigned i = 0; i < TAG_HANDLES(message->tag); i++) {
        const struct message_handle *each = &message->handles[i];
        if (each->object != NULL) {
            handle(each->object);
        }
        if (each->sender != NULL) {
            reference(&each->sender->object);
        }
    }
}

static void follow_call(struct call *call) {
    reference(OBJECT_OF(call->session));
    reference(OBJECT_OF(call->page_memory));
    follow_message(&call->request);
    follow_message(&call->reply);
    if (in_progress(call)) {
        find(&call->session->object)->handles++;
        if (call->thread == NULL && call->caller == NULL) {
            find(&call->object)->references++; /* abandoned: its own */
        }
    }
    EXPECT((call->server != NULL) == (call->state == CALL_TAKEN || call->state == CALL_ACCEPTED),
           &call->object);
    EXPECT(list_unlinked(&call->cancel_link) || call->cancel, &call->object);
}

static void follow_endpoint(struct endpoint *endpoint) {
    struct object *object = &endpoint->object;
    for (unsigned i = 0; i < PRIORITIES; i++) {
        EXPECT(list_empty(&endpoint->queues[i]) == ((endpoint->ready >> i & 1) == 0), object);
        LIST_FOR_EACH(link, &endpoint->queues[i]) {
            struct call *call = LIST_ENTRY(link, struct call, link);
            EXPECT(call->state == CALL_QUEUED && call->priority == i, &call->object);
            EXPECT(call->session->endpoint == endpoint, &call->object);
            find(&call->object);
        }
    }
    LIST_FOR_EACH(link, &endpoint->cancels) {
        struct call *call = LIST_ENTRY(link, struct call, cancel_link);
        EXPECT(call->session->endpoint == endpoint, &call->object);
        EXPECT(call->state == CALL_TAKEN || call->state == CALL_ACCEPTED, &call->object);
        find(&call->object);
    }
    uint32_t closed = 0;
    LIST_FOR_EACH(link, &endpoint->closed) {
        EXPECT(closed++ < FOUND_MAX, object);
        struct session *session = LIST_ENTRY(link, struct session, closed_link);
        EXPECT(session->endpoint == endpoint, &session->object);
        reference(&session->object);
    }
    EXPECT(endpoint->server == NULL || endpoint->server->endpoint == endpoint, object);
    EXPECT(!endpoint->dead || object->handles == 0, object);
    EXPECT(!endpoint->dead || endpoint->server != NULL || endpoint->ready == 0, object);
}

static void follow_memory(struct memory *memory) {
    struct account *account = memory->object.account;
    uint64_t pages = memory->size / PAGE_SIZE, resident = 0;
    reference(OBJECT_OF(memory->pager));
    reference(memory->keep);
    if (memory->pages != NULL) {
        bool deep = pages > MEMORY_TABLE_PAGES;
        uint64_t roots = deep ? (pages - 1) / MEMORY_TABLE_PAGES + 1 : pages;
        charge(account, 8 * roots);
        for (uint64_t i = 0; deep && i < roots; i++) {
            charge_bytes(account, memory->pages[i] != 0 ? PAGE_SIZE : 0);
        }
        for (uint64_t i = 0; i < pages; i++) {
            i += deep && memory->pages[i / MEMORY_TABLE_PAGES] == 0 ? MEMORY_TABLE_PAGES - 1 : 0;
            phys_t frame = i < pages ? memory_page_peek(memory, i) : 0;
            EXPECT(frame == 0 || frame_shares(frame) > 0, &memory->object);
            resident += frame != 0;
        }
        EXPECT(resident == memory->resident, &memory->object);
    }
    charge_bytes(account, memory->pages == NULL && memory->kind == MEMORY_DEVICE ? 0
                          : memory->kind == MEMORY_ARENA || memory->kind == MEMORY_DMA
                              ? memory->size
                              : resident * PAGE_SIZE);
    struct arena *arena = memory->arena;
    if (arena != NULL) {
        reference(OBJECT_OF(arena->committed));
        charge(account, sizeof(*arena));
        for (unsigned i = 0; i < ARENA_HOT_CHUNKS; i++) {
            charge_bytes(account, arena->hot[i] != NULL ? PAGE_SIZE : 0);
        }
        EXPECT(arena->task == NULL || !list_empty(&memory->mappings), &memory->object);
    }
    LIST_FOR_EACH(link, &memory->mappings) {
        EXPECT(LIST_ENTRY(link, struct mapping, memory_link)->memory == memory, &memory->object);
    }
}

static void follow_thread(struct thread *thread) {
    struct object *object = &thread->object;
    struct task *task = thread->task;
    const struct call *call = thread->call;
    reference(&task->object);
    reference(OBJECT_OF(thread->call));
    reference(OBJECT_OF(thread->waiting));
    reference(thread->futex_memory);
    if (thread->context.fpu != NULL) {
        charge(object->account, 832);
    }
    EXPECT((thread->state == THREAD_RECEIVING) == (task->receiver == thread), object);
    EXPECT(thread->state != THREAD_CALLING ||
               (call != NULL && call->thread == thread && in_progress(call)),
           object);
    EXPECT(call == NULL || call->thread == NULL || call->thread == thread, object);
    EXPECT(thread->state == THREAD_WAITING ||
               (thread->waiting == NULL && thread->futex_memory == NULL),
           object);
    EXPECT(thread->timer.deadline == 0 || thread->state == THREAD_WAITING ||
               thread->state == THREAD_SLEEPING || thread->state == THREAD_CALLING,
           object);
    EXPECT(thread->waiting == NULL || thread->waiting->waiter == thread, object);
    EXPECT(thread->state == THREAD_READY || list_unlinked(&thread->run_link), object);
    EXPECT(thread->state != THREAD_RUNNING || cpu_table[thread->cpu]->arch.current == thread,
           object);
    EXPECT(thread->state != THREAD_DEAD || (call == NULL && task->main != thread), object);
    queued -= thread->state == THREAD_READY;
}

/* ---- tasks -------------------------------------------------------------------------------------
 */

static void follow_table(const struct task *task) {
    const struct handle_table *table = &task->handles;
    uint32_t total = table->page_count * HANDLE_PAGE_ENTRIES, used = 0, free = 0;
    for (uint32_t slot = 0; slot < total; slot++) {
        const struct handle_entry *entry = handle_entry_at(table, slot);
        EXPECT(entry->generation > 0, &task->object);
        if (entry->object != NULL) {
            EXPECT(entry->object->type > OBJECT_NONE && entry->object->type < OBJECT_CALL,
                   entry->object);
            handle(entry->object);
            used++;
        }
    }
    for (uint32_t slot = table->free_head; slot != ~0u; free++) {
        EXPECT(slot < total && free <= total, &task->object);
        EXPECT(handle_entry_at(table, slot)->object == NULL, &task->object);
        slot = handle_entry_at(table, slot)->epoch;
    }
    EXPECT(used == table->used && used + free == total, &task->object);
    charge_bytes(table->account, table->page_count * PAGE_SIZE);
}

static bool hot(const struct arena *arena, uint64_t page, const uint64_t *entry) {
    for (uint32_t i = 0; i < arena->hot_count; i++) {
        if (arena_hot_at(arena, i)->page == page) {
            return arena_hot_at(arena, i)->entry == entry;
        }
    }
    return false;
}

/* The pages that are mapped are those of the memory, with no more rights than they may have. */
static uint32_t check_pages(struct task *task, const struct mapping *mapping) {
    struct memory *memory = mapping->memory;
    uint32_t count = 0;
    uint64_t end = mapping->address + mapping->length;
    for (uint64_t va = mapping->address; (va = arch_next_mapped(&task->space, va, end)) < end;
         va += PAGE_SIZE, count++) {
        const uint64_t *entry = arch_entry(&task->space, va);
        uint64_t page = (mapping->offset + va - mapping->address) / PAGE_SIZE;
        phys_t frame = *entry & ~(PAGE_SIZE - 1);
        EXPECT(frame == memory_page_peek(memory, page), &memory->object);
        if ((*entry & ARCH_ENTRY_WRITE) != 0) {
            EXPECT((mapping->prot & PROT_WRITE) != 0, &memory->object);
            EXPECT(memory->pages == NULL || frame_shares(frame) == 1, &memory->object);
            EXPECT(memory->kind != MEMORY_ARENA || hot(memory->arena, page, entry),
                   &memory->object);
        }
    }
    return count;
}

static void follow_mappings(struct task *task) {
    uint64_t last = 0;
    uint32_t pages = 0;
    LIST_FOR_EACH(link, &task->mappings) {
        const struct mapping *mapping = LIST_ENTRY(link, struct mapping, task_link);
        EXPECT(mapping->task == task && mapping->address >= last && mapping->length > 0,
               &task->object);
        last = mapping->address + mapping->length;
        reference(&mapping->memory->object);
        charge(task->account, sizeof(*mapping));
        EXPECT((MAPPING_MAY(mapping->prot) & ~mapping->flags) == 0, &task->object);
        pages += check_pages(task, mapping);
    }
    for (uint64_t va = 0;
         task->space.root != 0 && (va = arch_next_mapped(&task->space, va, ~0ull)) < ~0ull;
         va += PAGE_SIZE) {
        pages--;
    }
    EXPECT(pages == 0 && (task->space.root != 0) == (task->state != TASK_DEAD), &task->object);
}

static void follow_staged(struct task *task) {
    LIST_FOR_EACH(link, &task->staged) {
        const struct staged *staged = LIST_ENTRY(link, struct staged, link);
        charge(task->account, sizeof(*staged));
        reference(staged->object);
        reference(staged->other);
        reference(staged->third);
        if (staged->kind == STAGED_CALL) {
            handle(staged->object);
            reference(&staged->call->object);
        } else if (staged->kind == STAGED_SUPPLY) {
            charge_bytes(staged->other->account, PAGE_SIZE);
        }
    }
}

static void follow_turn(struct task *task) {
    const struct turn *turn = &task->turn;
    if (turn->kind == EVENT_CLOSED) {
        reference(&turn->session->object);
    } else if (turn->kind == EVENT_CALL && turn->call != NULL) {
        EXPECT(turn->call->state == CALL_TAKEN && turn->call->server == task, &task->object);
        find(&turn->call->object);
    }
    LIST_FOR_EACH(link, &task->accepted) {
        struct call *call = LIST_ENTRY(link, struct call, link);
        EXPECT(call->state == CALL_ACCEPTED && call->server == task, &call->object);
        find(&call->object);
    }
    LIST_FOR_EACH(link, &task->outgoing) {
        struct call *call = LIST_ENTRY(link, struct call, caller_link);
        EXPECT(call->caller == task && call->thread == NULL, &call->object);
        reference(&call->object);
    }
    LIST_FOR_EACH(link, &task->replies) {
        const struct call *call = LIST_ENTRY(link, struct call, link);
        EXPECT(call->caller == task && call->state == CALL_DONE, &call->object);
    }
}

static void follow_task(struct task *task) {
    struct object *object = &task->object;
    bool dead = task->state == TASK_DEAD;
    EXPECT(dead == list_unlinked(&task->all_link), object);
    EXPECT(!dead || (task->thread_count == 0 && task->handles.used == 0 && task->image == NULL &&
                     task->arena == NULL && task->endpoint == NULL),
           object);
    EXPECT(list_length(&task->threads) == task->thread_count, object);
    LIST_FOR_EACH(link, &task->threads) {
        struct thread *thread = LIST_ENTRY(link, struct thread, task_link);
        EXPECT(thread->task == task && thread->state != THREAD_DEAD, &thread->object);
        reference(&thread->object);
    }
    EXPECT(task->worker == NULL || task->worker->task == task, object);
    EXPECT(task->receiver == NULL || task->receiver->state == THREAD_RECEIVING, object);
    reference(OBJECT_OF(task->endpoint));
    reference(OBJECT_OF(task->notification));
    reference(OBJECT_OF(task->image));
    reference(OBJECT_OF(task->arena));
    reference(OBJECT_OF(task->supervisor));
    reference(OBJECT_OF(task->watcher));
    EXPECT(task->endpoint == NULL || task->endpoint->server == task, object);
    EXPECT(task->notification == NULL || task->notification->actor == task, object);
    EXPECT(task->arena == NULL || task->arena->arena->task == task, object);
    if (task->turn.kind == EVENT_CALL || task->receiver != NULL) { /* for the fast path */
        EXPECT(task->pending || !actor_pending(task), object);
    }
    follow_table(task);
    follow_mappings(task);
    follow_staged(task);
    follow_turn(task);
    charge_bytes(task->account, task->space.root != 0 ? PAGE_SIZE : 0);
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static void follow_machine(struct object *object) {
    if (object->type == OBJECT_TIMER) {
        reference(OBJECT_OF(((struct timer *)object)->notification));
    } else if (object->type == OBJECT_IRQ) {
        reference(OBJECT_OF(((struct irq *)object)->notification));
        reference(OBJECT_OF(((struct irq *)object)->device));
    } else if (object->type == OBJECT_DEVICE) {
        const struct device *device = (struct device *)object;
        charge_bytes(object->account, device->space.root != 0 ? PAGE_SIZE : 0);
    } else if (object->type == OBJECT_IMAGE) {
        const struct image *image = (struct image *)object;
        for (uint32_t i = 0; i < image->segment_count; i++) {
            reference(OBJECT_OF(image->segments[i].content));
        }
    } else if (object->type == OBJECT_NOTIFICATION) {
        const struct notification *notification = (struct notification *)object;
        EXPECT(notification->actor == NULL || notification->actor->notification == notification,
               object);
        EXPECT(notification->waiter == NULL || notification->waiter->waiting == notification,
               object);
    }
}

static void follow(struct object *object) {
    if (object != &account_root->object && object != system_object) {
        reference(&object->account->object);
        charge(object->account, object->size_class);
    }
    switch (object->type) {
    case OBJECT_TASK:
        follow_task((struct task *)object);
        break;
    case OBJECT_THREAD:
        follow_thread(thread_of(object));
        break;
    case OBJECT_ENDPOINT:
        follow_endpoint((struct endpoint *)object);
        break;
    case OBJECT_SESSION:
        reference(&((struct session *)object)->endpoint->object);
        break;
    case OBJECT_MEMORY:
        follow_memory((struct memory *)object);
        break;
    case OBJECT_CALL:
        follow_call((struct call *)object);
        break;
    case OBJECT_ACCOUNT:
        if (object != &account_root->object) {
            const struct account *account = (struct account *)object;
            find(&account->parent->object)->lent += account->limit;
            charge_bytes(account->parent, account->limit);
        }
        break;
    default:
        follow_machine(object);
    }
}

static void check_account(const struct found *each) {
    const struct account *account = (struct account *)each->object;
    struct object *object = each->object;
    EXPECT(account->used <= account->limit, object);
    EXPECT(account->objects == each->objects, object);
    EXPECT(account->lent == each->lent, object);
    EXPECT(account->objects <= account->slabs && account->slabs % PAGE_SIZE == 0, object);
    EXPECT(account->used == account->slabs + each->used, object);
}

static void follow_processors(void) {
    queued = 0;
    for (uint32_t id = 0; id < cpu_count; id++) {
        struct cpu *cpu = cpu_table[id];
        if (cpu->held != NULL) {
            reference(&cpu->held->object);
        }
        for (unsigned i = 0; i < PRIORITIES; i++) {
            EXPECT(list_empty(&cpu->queues[i]) == ((cpu->ready >> i & 1) == 0), system_object);
            LIST_FOR_EACH(link, &cpu->queues[i]) {
                struct thread *thread = LIST_ENTRY(link, struct thread, run_link);
                EXPECT(thread->state == THREAD_READY && thread->effective == i, &thread->object);
                EXPECT(thread->cpu == id && sched_allowed(thread, cpu), &thread->object);
                find(&thread->object);
                queued++;
            }
        }
    }
}

void oracle_check(struct object *const *held, unsigned count) {
    pass++;
    found[0] = (struct found){.object = &account_root->object, .references = 1};
    found[1] = (struct found){.object = system_object, .references = 1};
    found_count = 2;
    follow_processors();
    for (unsigned i = 0; i < count; i++) {
        reference(held[i]);
    }
    reference(&clock_memory->object);
    reference(OBJECT_OF(trace_ring));
    LIST_FOR_EACH(link, &task_all) {
        reference(&LIST_ENTRY(link, struct task, all_link)->object);
    }
    for (uint32_t i = 0; i < found_count; i++) {
        follow(found[i].object);
    }
    for (uint32_t i = 0; i < found_count; i++) {
        EXPECT(found[i].object->references == found[i].references, found[i].object);
        EXPECT(found[i].object->handles == found[i].handles, found[i].object);
        if (found[i].object->type == OBJECT_ACCOUNT) {
            check_account(&found[i]);
        }
    }
    EXPECT(queued == 0, system_object);
}
