/* SPDX-License-Identifier: MIT
 * Images, tasks and threads.
 */
#include <sched.h>
#include <syscall.h>

int64_t sys_image_info(struct thread *thread, struct image *image) {
    return copy_to_user(ARG(1), &image->info, sizeof(image->info));
}

int64_t sys_task_create(struct thread *thread) {
    struct task_create parameters;
    struct handle_table *table = &thread->task->handles;
    struct account *account;
    struct image *image = NULL;
    struct memory *arena = NULL;
    struct task *task;
    TRY(copy_from_user(&parameters, ARG(0), sizeof(parameters)));
    TRY(handle_lookup(table, parameters.account, OBJECT_ACCOUNT, RIGHT_CHARGE, &account));
    if (parameters.image != HANDLE_NONE) {
        TRY(handle_lookup(table, parameters.image, OBJECT_IMAGE, RIGHT_READ, &image));
    }
    if (parameters.arena != HANDLE_NONE) {
        TRY(handle_lookup(table, parameters.arena, OBJECT_MEMORY, RIGHT_WRITE, &arena));
    }
    if (parameters.priority > thread->task->priority_limit) {
        return E_INVALID;
    }
    TRY(task_create(&parameters, account, image, arena, &task));
    return give_new(thread, &task->object, RIGHT_ALL);
}

int64_t sys_task_start(struct thread *thread, struct task *task) {
    if (task->main == NULL || task->main->state != THREAD_NEW || task->state == TASK_DEAD) {
        return E_STATE;
    }
    return effect(thread, &(struct staged){.kind = STAGED_START, .object = &task->object});
}

int64_t sys_task_reset(struct thread *thread, struct task *task, struct image *image,
                       struct memory *arena) {
    uint32_t flags = (uint32_t)ARG(2);
    if ((flags & ~(RESET_POISON | RESET_COLD | RESET_STOP | RESET_DROP)) != 0 ||
        (arena != NULL && (image == NULL || task->arena == NULL || arena->kind != MEMORY_ARENA ||
                           arena->arena->task != NULL))) {
        return E_INVALID;
    }
    if (task->state == TASK_DEAD || task->image == NULL || task == thread->task) {
        return E_STATE;
    }
    const struct memory *future = arena != NULL ? arena : task->arena;
    if (image != NULL && future != NULL && image->info.arena_minimum > future->size) {
        return E_INVALID;
    }
    if (image != NULL && task->account->limit - task->account->used < image->info.memory) {
        return E_QUOTA;
    }
    return effect(thread, &(struct staged){.kind = STAGED_RESET,
                                           .object = &task->object,
                                           .other = OBJECT_OF(image),
                                           .third = OBJECT_OF(arena),
                                           .value = ARG(2)});
}

int64_t sys_task_destroy(struct thread *thread, struct task *task) {
    if (task == thread->task) {
        return E_STATE;
    }
    return effect(thread, &(struct staged){.kind = STAGED_DESTROY, .object = &task->object});
}

int64_t sys_task_info(struct thread *thread, struct task *task) {
    struct task_info info;
    task_describe(task, &info);
    return copy_to_user(ARG(1), &info, sizeof(info));
}

int64_t sys_task_supervise(struct thread *thread, struct task *task, struct session *session,
                           struct notification *watcher) {
    if (task->state == TASK_DEAD) {
        return E_STATE;
    }
    struct staged supervise = {.kind = STAGED_SUPERVISE,
                               .object = &task->object,
                               .other = OBJECT_OF(session),
                               .third = OBJECT_OF(watcher),
                               .value = ARG(3)};
    if ((task->object.flags & OBJECT_PROVISIONAL) != 0) {
        staged_apply(thread->task, &supervise);
        return OK;
    }
    return effect(thread, &supervise);
}

int64_t sys_task_exit(struct thread *thread) {
    fault_send(thread, FAULT_LABEL_EXIT, 0, ARG(0), 0);
    return SYSCALL_NO_RESULT;
}

int64_t sys_task_clone(struct thread *thread, struct account *account) {
    struct task *task;
    char name[TASK_NAME] = "";
    if (ARG(1) != 0) {
        TRY(copy_from_user(name, ARG(1), sizeof(name) - 1));
    }
    TRY(task_clone(account, thread, ARG(1) == 0 ? thread->task->name : name, &task));
    int64_t handle = give_new(thread, &task->object, RIGHT_ALL);
    if (handle > 0) {
        task_start(task);
    }
    return handle;
}

/* ---- threads --------------------------------------------------------------------------------- */

int64_t sys_thread_create(struct thread *thread, struct task *task) {
    struct thread *created;
    if (task->actor) {
        return E_NOT_STAGED;
    }
    uint64_t entry = ARG(1), stack = ARG(2), buffer = ARG(4), priority = ARG(5);
    if (task->state == TASK_DEAD || priority > task->priority_limit || entry < USER_LOWEST ||
        entry >= USER_HIGHEST || (buffer & 7) != 0 ||
        !user_range_ok(buffer, sizeof(struct message_buffer))) {
        return E_INVALID;
    }
    TRY(thread_create(task, entry, stack, ARG(3), buffer, (uint32_t)priority, &created));
    int64_t handle = give_handle(thread, &created->object, RIGHT_ALL);
    if (handle < 0) {
        thread_kill(created);
        return handle;
    }
    if (task->main == NULL) {
        task->main = created;
    }
    task->state = TASK_RUNNING;
    task->started = true;
    sched_wake(created);
    return handle;
}

int64_t sys_thread_exit(struct thread *thread) {
    if (thread->task->thread_count == 1) {
        fault_send(thread, FAULT_LABEL_EXIT, 0, 0, 0);
    } else {
        thread_kill(thread);
    }
    return SYSCALL_NO_RESULT;
}

int64_t sys_thread_yield(struct thread *thread) {
    sched_rotate(thread);
    return OK;
}

int64_t sys_thread_sleep(struct thread *thread) {
    status_t status = thread_wait(thread, THREAD_SLEEPING, ARG(0));
    return status == OK ? SYSCALL_NO_RESULT : status == E_TIMEOUT ? OK : status;
}

/* The thread that a handle names, or the main thread of the task, which may be NULL. */
static status_t thread_meant(struct object *object, struct thread **out) {
    if (object->type != OBJECT_THREAD && object->type != OBJECT_TASK) {
        return E_TYPE;
    }
    *out = object->type == OBJECT_TASK ? ((struct task *)object)->main : thread_of(object);
    return OK;
}

int64_t sys_thread_schedule(struct thread *thread, struct object *object) {
    struct thread *target = thread;
    uint64_t priority = ARG(1);
    if (object != NULL) {
        TRY(thread_meant(object, &target));
    }
    if (target == NULL || target->state == THREAD_DEAD || priority > target->task->priority_limit ||
        ((uint32_t)ARG(2) != 0 && !sched_mask_valid((uint32_t)ARG(2)))) {
        return E_INVALID;
    }
    target->priority = (uint8_t)priority;
    if ((uint32_t)ARG(2) != 0) {
        target->affinity = (uint32_t)ARG(2);
        sched_migrate(target);
    }
    if (target->task->worker == target) {
        actor_update_priority(target->task);
    } else {
        sched_set_priority(target, target->priority);
    }
    return OK;
}

int64_t sys_thread_interrupt(struct thread *thread, struct object *object) {
    struct thread *target;
    TRY(thread_meant(object, &target));
    return target == NULL ? OK
                          : effect(thread, &(struct staged){.kind = STAGED_INTERRUPT,
                                                            .object = &target->object});
}

int64_t sys_thread_set_foreign(struct thread *thread, struct object *object) {
    uint64_t entry = ARG(1), page = ARG(2);
    struct thread *target = object == NULL ? thread : thread_of(object);
    if (entry != 0 && (entry < USER_LOWEST || entry >= USER_HIGHEST || (page & 7) != 0 ||
                       !user_range_ok(page, sizeof(struct upcall_page)))) {
        return E_INVALID;
    }
    target->upcall_entry = entry;
    target->upcall_page = page;
    target->foreign_active = entry != 0 && target == thread; /* it is our own code that asks */
    return OK;
}

int64_t sys_thread_set_base(struct thread *thread) {
    struct arch_context *context = &thread->context;
    uint64_t base[2] = {context->fs_base, context->gs_base};
    if (ARG(0) > 1) {
        return E_INVALID;
    }
    base[ARG(0)] = ARG(1);
    return context_set_bases(context, base[0], base[1]);
}
