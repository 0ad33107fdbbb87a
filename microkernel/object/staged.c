/* SPDX-License-Identifier: MIT
 * The outbox of a turn. Applying a record never fails: what it needs was reserved when it was made.
 */
#include <machine.h>
#include <sched.h>
#include <staged.h>

static void forget(struct task *task, struct staged *staged) {
    struct object *object = staged->object, *other = staged->other, *third = staged->third;
    list_remove(&staged->link);
    kmem_free(task->account, staged, sizeof(*staged));
    object_put(object);
    object_put(other);
    object_put(third);
}

status_t staged_effect(struct task *task, const struct staged *template) {
    struct staged *staged = kmem_alloc_raw(task->account, sizeof(*staged));
    if (staged == NULL) {
        return E_QUOTA;
    }
    *staged = *template;
    list_push_back(&task->staged, &staged->link);
    task->pending = true;
    object_get(staged->object);
    object_get(staged->other);
    object_get(staged->third);
    return OK;
}

status_t staged_handle(struct task *task, struct object *object, uint32_t rights, handle_t *out) {
    TRY(handle_install(&task->handles, object, rights, task->actor ? ENTRY_PROVISIONAL : 0, out));
    if (!task->actor) {
        return OK;
    }
    status_t status =
        staged_effect(task, &(struct staged){.kind = STAGED_CREATED_HANDLE, .handle = *out});
    if (status != OK) {
        handle_remove(&task->handles, *out);
    }
    return status;
}

static void apply_call(struct task *task, struct call *call, struct session *session) {
    list_push_back(&task->outgoing, &call->caller_link);
    status_t status = call_send(call, session);
    if (status != OK) {
        call->reply.tag = TAG(status, 0, 0, 0);
        call->state = CALL_DONE;
        list_push_back(&task->replies, &call->link);
    }
    object_handle_put(&session->object);
}

static void apply_revoke(struct task *task, struct object *object, handle_t handle) {
    struct handle_entry *entry = handle_entry_find(&task->handles, handle);
    object->epoch++;
    if (entry != NULL && entry->object == object) {
        entry->epoch = object->epoch;
    }
}

void staged_apply(struct task *task, const struct staged *s) {
    struct task *target = (struct task *)s->object; /* of the kinds that have one */
    struct ioport *ioport = (struct ioport *)s->object;
    struct handle_entry *entry;
    struct call *call;
    switch ((enum staged_kind)s->kind) {
    case STAGED_REPLY:
        /* The call is gone if its server side ended meanwhile. */
        if (call_find(s->value, task) == s->call) {
            call_finish(s->call, OK);
        }
        break;
    case STAGED_CALL:
        apply_call(task, s->call, (struct session *)s->object);
        break;
    case STAGED_CANCEL:
        call = call_find_outgoing(s->value, task);
        if (call != NULL && call->state != CALL_DONE) {
            call_cancel(call, E_CANCELLED);
        }
        break;
    case STAGED_CLOSE:
        handle_remove(&task->handles, s->handle);
        break;
    case STAGED_REVOKE:
        apply_revoke(task, s->object, s->handle);
        break;
    case STAGED_GRANT:
        handle_entry_clear(&target->handles, s->handle, ENTRY_RESERVED);
        break;
    case STAGED_SIGNAL:
        notification_signal((struct notification *)s->object, s->value);
        break;
    case STAGED_TIMER:
        timer_set((struct timer *)s->object, s->value);
        break;
    case STAGED_START:
        task_start(target);
        break;
    case STAGED_RESET:
        task_reset(target, (struct image *)s->other, s->value, (struct memory *)s->third);
        break;
    case STAGED_DESTROY:
        task_kill(target, E_CANCELLED);
        break;
    case STAGED_SUPERVISE:
        task_supervise(target, (struct session *)s->other, (struct notification *)s->third,
                       s->value);
        break;
    case STAGED_INTERRUPT:
        thread_interrupt(thread_of(s->object));
        break;
    case STAGED_SUPPLY:
        call = call_find(s->value, task);
        if (call != NULL) {
            pager_supply(call, (struct memory *)s->object, s->page);
        } else {
            account_release(s->other->account, PAGE_SIZE);
        }
        break;
    case STAGED_UNMAP:
        mapping_destroy(s->mapping);
        break;
    case STAGED_PORT_WRITE:
        for (unsigned at = 0; at < s->length; at += s->flags) {
            ioport_write(ioport, s->offset, s->flags, (uint32_t)(s->value >> at * 8));
        }
        break;
    case STAGED_CREATED_HANDLE:
        entry = handle_entry_clear(&task->handles, s->handle, ENTRY_PROVISIONAL);
        if (entry != NULL) {
            entry->object->flags &= (uint8_t)~OBJECT_PROVISIONAL;
        }
        break;
    case STAGED_CREATED_MAPPING:
        s->mapping->flags &= ~MAPPING_PROVISIONAL;
        break;
    }
}

static void undo(struct task *task, const struct staged *s) {
    struct call *call;
    switch ((enum staged_kind)s->kind) {
    case STAGED_REPLY:
        if (call_find(s->value, task) == s->call) {
            s->call->answered = false;
            message_drop_handles(&s->call->reply, false);
        }
        break;
    case STAGED_CALL:
        object_put(&s->call->object);
        object_handle_put(s->object);
        break;
    case STAGED_CLOSE:
        handle_entry_clear(&task->handles, s->handle, ENTRY_CLOSING);
        break;
    case STAGED_GRANT:
        handle_remove(&((struct task *)s->object)->handles, s->handle);
        break;
    case STAGED_SUPPLY:
        call = call_find(s->value, task);
        if (call != NULL) {
            call->answered = false;
        }
        account_release(s->other->account, PAGE_SIZE);
        break;
    case STAGED_UNMAP:
        s->mapping->flags &= ~MAPPING_GOING;
        break;
    case STAGED_CREATED_HANDLE:
        handle_remove(&task->handles, s->handle);
        break;
    case STAGED_CREATED_MAPPING:
        mapping_destroy(s->mapping);
        break;
    default: /* nothing was done before the commit */
        break;
    }
}

void staged_commit(struct task *task) {
    for (struct list *first; (first = list_first(&task->staged)) != NULL;) {
        struct staged *staged = LIST_ENTRY(first, struct staged, link);
        staged_apply(task, staged);
        forget(task, staged);
    }
}

void staged_rollback(struct task *task, const struct list *mark) {
    while (task->staged.prev != mark) {
        struct staged *staged = LIST_ENTRY(task->staged.prev, struct staged, link);
        undo(task, staged);
        forget(task, staged);
    }
}
