/* SPDX-License-Identifier: MIT
 * Tasks: creation, start, reset, end. A task that has not ended is in task_all, which holds a
 * reference.
 */
#include <arch/switch.h>
#include <arch/timer.h>
#include <common/string.h>
#include <debug.h>
#include <machine.h>
#include <sched.h>
#include <staged.h>
#include <task.h>
#include <trace.h>

struct list task_all = LIST_INIT(task_all);
struct task *task_init;
struct memory *clock_memory;

/* Maps the arena; one that was never used gets the image's initial content. */
static status_t arena_attach(struct task *task, struct memory *arena, struct image *image) {
    TRY(mapping_create(task, arena, 0, ARENA_VA, arena->size, PROT_READ | PROT_WRITE,
                       MAPPING_INITIAL));
    object_get(&arena->object);
    task->arena = arena;
    arena->arena->task = task;
    if (image != NULL && !arena->arena->loaded) {
        TRY(image_load_arena(image, arena->arena));
        arena->arena->loaded = true;
    }
    return OK;
}

static status_t populate(struct task *task, const struct task_create *parameters,
                         struct image *image, struct memory *arena) {
    TRY(mapping_create(task, clock_memory, 0, CLOCK_PAGE_VA, PAGE_SIZE, PROT_READ,
                       MAPPING_INITIAL | MAP_POPULATE));
    if (arena != NULL) {
        TRY(arena_attach(task, arena, image));
    }
    if (image == NULL) {
        return OK;
    }
    TRY(image_load(image, task));
    object_get(&image->object);
    task->image = image;
    TRY(thread_create(task, image->info.entry, STACK_TOP_VA, 0, MESSAGE_BUFFER_VA,
                      parameters->priority, &task->main));
    if (parameters->affinity != 0) {
        task->main->affinity = parameters->affinity;
    }
    return OK;
}

status_t task_create(const struct task_create *parameters, struct account *account,
                     struct image *image, struct memory *arena, struct task **out) {
    if (parameters->priority >= PRIORITIES || (parameters->flags & ~TASK_ACTOR) != 0 ||
        (parameters->affinity != 0 && !sched_mask_valid(parameters->affinity)) ||
        (arena != NULL && (arena->kind != MEMORY_ARENA || arena->arena->task != NULL ||
                           (image != NULL && arena->size < image->info.arena_minimum)))) {
        return E_INVALID;
    }
    struct task *task;
    TRY(object_create(OBJECT_TASK, sizeof(*task), account, &task));
    memcpy(task->name, parameters->name, TASK_NAME - 1);
    log_clean(task->name, strlen(task->name));
    task->account = account;
    task->priority_limit = parameters->priority;
    task->actor = arena != NULL || (parameters->flags & TASK_ACTOR) != 0;
    list_init(&task->mappings);
    list_init(&task->threads);
    list_init(&task->staged);
    list_init(&task->accepted);
    list_init(&task->outgoing);
    list_init(&task->replies);
    list_init(&task->kept_ports);
    handle_table_init(&task->handles, account);
    list_push_back(&task_all, &task->all_link);
    object_get(&task->object);
    status_t status = arch_space_create(&task->space, account);
    if (status == OK) {
        status = populate(task, parameters, image, arena);
    }
    if (status != OK) {
        task_kill(task, status);
        object_put(&task->object);
        return status;
    }
    *out = task;
    return OK;
}

void task_start(struct task *task) {
    struct thread *main = task->main;
    if (main == NULL || main->state != THREAD_NEW || task->state == TASK_DEAD) {
        return;
    }
    task->state = TASK_RUNNING;
    task->started = true;
    sched_wake(main);
}

/* ---- parts of reset and end ------------------------------------------------------------------ */

static void quiesce(struct task *task) {
    const struct handle_entry *entry;
    for (uint32_t slot = 0; (entry = handle_table_next(&task->handles, &slot)) != NULL;) {
        if ((entry->rights & RIGHT_MANAGE) == 0) {
            continue;
        }
        if (entry->object->type == OBJECT_DEVICE) {
            device_quiesce((struct device *)entry->object);
        } else if (entry->object->type == OBJECT_IRQ) {
            irq_quiesce((struct irq *)entry->object);
        }
    }
}

static void drop_calls(struct task *task) {
    struct list *link;
    while ((link = list_first(&task->accepted)) != NULL) {
        call_finish(LIST_ENTRY(link, struct call, link), E_RESET);
    }
    while ((link = list_first(&task->outgoing)) != NULL) {
        call_abandon(LIST_ENTRY(link, struct call, caller_link));
    }
}

/* Those whose flags within `mask` are `flags`. */
static void drop_mappings(struct task *task, uint32_t mask, uint32_t flags) {
    LIST_FOR_EACH_SAFE(link, &task->mappings) {
        struct mapping *mapping = LIST_ENTRY(link, struct mapping, task_link);
        if ((mapping->flags & mask) == flags) {
            mapping_destroy(mapping);
        }
    }
}

static void stop_threads(struct task *task, const struct thread *keep) {
    for (struct list *link = task->threads.next; link != &task->threads;) {
        struct thread *thread = LIST_ENTRY(link, struct thread, task_link);
        bool stays = thread == keep || thread->state == THREAD_DEAD;
        if (!stays) {
            thread_kill(thread); /* may end the whole task */
        }
        link = stays ? link->next : task->threads.next;
    }
}

/* ---- reset ----------------------------------------------------------------------------------- */

/* Puts the program back as the image has it; false: it can't be run. What the old copy gives back
 * to the account pays for the new one of the same image. */
static bool rebuild(struct task *task, struct image *image) {
    drop_mappings(task, MAPPING_IMAGE, MAPPING_IMAGE);
    if (image_load(image, task) == OK) {
        object_get(&image->object);
        object_put(&task->image->object);
        task->image = image;
        return true;
    }
    if (image == task->image) {
        return false;
    }
    kernel_log("%s: the new program can't be loaded, the old one stays", task->name);
    return rebuild(task, task->image);
}

static void restart_arena(struct task *task) {
    memory_clear(task->arena);
    memory_clear(task->arena->arena->committed);
    if (image_load_arena(task->image, task->arena->arena) != OK) {
        kernel_log("%s: initial arena content can't be loaded", task->name);
    }
}

/* Another arena in place of the present one, which keeps its committed image. */
static status_t change_arena(struct task *task, struct memory *arena) {
    struct memory *old = task->arena;
    if (arena->arena->task != NULL) { /* taken since the reset was staged */
        return E_INVALID;
    }
    mapping_destroy(mapping_find(task, ARENA_VA));
    task->arena = NULL;
    object_put(&old->object);
    return arena_attach(task, arena, task->image);
}

void task_reset(struct task *task, struct image *image, uint64_t flags, struct memory *arena) {
    struct thread *main = task->main;
    if (task->state == TASK_DEAD || main == NULL || task->image == NULL) {
        return;
    }
    note_reset(task, flags);
    quiesce(task);
    thread_detach(main);
    thread_abandon_call(main);
    stop_threads(task, main);
    if (task->state == TASK_DEAD) { /* by what the calls of its threads let go */
        return;
    }
    main->state = THREAD_NEW;
    main->resume = RESUME_NONE;
    main->interrupted = main->foreign_active = false;
    main->upcall_entry = 0;
    actor_undo(task, (uint32_t)flags);
    bool cold = task->arena == NULL || (flags & RESET_COLD) != 0;
    if (cold || (flags & RESET_STATE) != 0) {
        drop_calls(task);
    }
    if (cold) {
        handle_table_trim(&task->handles, ENTRY_INITIAL);
        drop_mappings(task, MAPPING_INITIAL, 0);
        if (task->endpoint != NULL) {
            endpoint_forget(task->endpoint);
        }
    }
    task->state = TASK_STOPPED;
    task->incarnation++;
    task->back_ns = 0;
    task->exit_code = 0;
    task->turn_start_ticks = task->cpu_ticks;
    bool good = rebuild(task, image == NULL ? task->image : image) &&
                (arena == NULL || task->image != image || change_arena(task, arena) == OK);
    if (task->arena != NULL && (flags & (RESET_COLD | RESET_STATE)) != 0) {
        restart_arena(task);
    }
    arch_fpu_reset(&main->context, true);
    context_init(&main->context, task->image->info.entry, STACK_TOP_VA, task->incarnation);
    main->context.rsi = flags;
    sched_set_priority(main, main->priority);
    if (!good) {
        kernel_log("%s: the program can't be restored", task->name);
    } else if ((flags & RESET_STOP) == 0) {
        task_start(task);
    }
}

/* ---- end ------------------------------------------------------------------------------------- */

void task_kill(struct task *task, int32_t exit_code) {
    if (task->state == TASK_DEAD) {
        return;
    }
    task->state = TASK_DEAD;
    task->exit_code = exit_code;
    note_death(task);
    quiesce(task);
    stop_threads(task, NULL);
    actor_undo(task, RESET_COLD | RESET_DROP);
    drop_calls(task);
    endpoint_bind(NULL, task);
    notification_bind(NULL, task);
    handle_table_destroy(&task->handles);
    arch_space_destroy(&task->space);
    drop_mappings(task, 0, 0);
    object_put(OBJECT_OF(task->arena));
    object_put(OBJECT_OF(task->image));
    task->arena = NULL;
    task->image = NULL;
    task_supervise(task, task->supervisor, task->watcher, task->watcher_bits);
    list_remove(&task->all_link);
    object_put(&task->object);
}

void task_no_handles(struct object *object) {
    struct task *task = (struct task *)object;
    if (!task->started) { /* nobody can start it any more */
        task_kill(task, E_CANCELLED);
    }
}

void task_supervise(struct task *task, struct session *session, struct notification *watcher,
                    uint64_t bits) {
    struct object *old[] = {OBJECT_OF(task->supervisor), OBJECT_OF(task->watcher)};
    object_get(OBJECT_OF(session));
    object_get(OBJECT_OF(watcher));
    task->supervisor = session;
    task->watcher = watcher;
    task->watcher_bits = bits;
    object_put(old[0]);
    object_put(old[1]);
    if (task->state == TASK_DEAD && watcher != NULL) { /* perhaps before the commit of this */
        notification_signal(watcher, bits);
    }
    if (task->state == TASK_DEAD && (session != NULL || watcher != NULL)) {
        task_supervise(task, NULL, NULL, 0);
    }
}

void task_describe(const struct task *task, struct task_info *out) {
    const struct thread *main = task->main;
    const struct call *call = task->turn.kind == EVENT_CALL ? task->turn.call : NULL;
    uint64_t cpu_ticks = task->cpu_ticks;
    if (main != NULL && main->state == THREAD_RUNNING) { /* since it was switched to */
        uint64_t now = rdtsc(), since = cpu_table[main->cpu]->switch_ticks;
        cpu_ticks += now > since ? now - since : 0;
    }
    *out = (struct task_info){
        .id = task->object.id,
        .state = task->state,
        .incarnation = task->incarnation,
        .threads = task->thread_count,
        .handles = task->handles.used,
        .main_state = main == NULL ? THREAD_DEAD : main->state,
        .priority = main == NULL ? 0 : main->effective,
        .cpu_ns = ticks_to_ns(cpu_ticks),
        .turn_ns = main == NULL || main->state == THREAD_RECEIVING
                       ? 0
                       : ticks_to_ns(cpu_ticks - task->turn_start_ticks),
        .commits = task->commits,
        .switches = task->switches,
        .memory = account_usage(task->account) - task->account->lent,
        .memory_limit = task->account->limit,
        .exit_code = task->exit_code,
        .last_cpu = main == NULL ? 0 : main->cpu,
        .event = task->turn.kind,
        .token = call == NULL ? TOKEN_NONE : call_token(call),
        .back_ns = task->back_ns,
        .image_id = task->image == NULL ? 0 : task->image->object.id,
        .arena_id = task->arena == NULL ? 0 : task->arena->object.id,
    };
    memcpy(out->name, task->name, TASK_NAME);
}
