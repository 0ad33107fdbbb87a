/* SPDX-License-Identifier: MIT
 * The outbox of a turn. Applying a record never fails: what it needs was reserved when it was made.
 */
#include <common/string.h>
#include <debug.h>
#include <kmem.h>
#include <machine.h>
#include <sched.h>
#include <staged.h>
#include <task.h>

static size_t staged_size(enum staged_kind kind) {
    return sizeof(struct staged) + (kind == STAGED_PORT_FILL ? STAGED_BYTES : 0);
}

struct staged *staged_add(struct task *task, enum staged_kind kind) {
    struct staged *staged = kmem_alloc(task->account, staged_size(kind));
    if (staged != NULL) {
        staged->kind = (uint8_t)kind;
        list_push_back(&task->staged, &staged->link);
        task->pending = true;
    }
    return staged;
}

void staged_forget(struct task *task, struct staged *staged) {
    struct object *objects[] = {staged->object, staged->other, staged->third};
    list_remove(&staged->link);
    kmem_free(task->account, staged, staged_size(staged->kind));
    for (unsigned i = 0; i < 3; i++) {
        if (objects[i] != NULL) {
            object_put(objects[i]);
        }
    }
}

status_t staged_effect(struct task *task, const struct staged *template) {
    struct staged *staged = staged_add(task, template->kind);
    if (staged == NULL) {
        return E_QUOTA;
    }
    struct list link = staged->link;
    *staged = *template;
    staged->link = link;
    struct object *held[] = {staged->object, staged->other, staged->third};
    for (unsigned i = 0; i < 3; i++) {
        if (held[i] != NULL) {
            object_get(held[i]);
        }
    }
    return OK;
}

status_t staged_close(struct task *task, handle_t handle) {
    TRY(staged_effect(task, &(struct staged){.kind = STAGED_CLOSE, .handle = handle}));
    handle_entry_find(&task->handles, handle)->flags |= ENTRY_CLOSING;
    return OK;
}

status_t staged_handle(struct task *task, struct object *object, uint32_t rights, handle_t *out) {
    struct staged *undo = task->actor ? staged_add(task, STAGED_CREATED_HANDLE) : NULL;
    if (task->actor && undo == NULL) {
        return E_QUOTA;
    }
    TRY(handle_install(&task->handles, object, rights, task->actor ? ENTRY_PROVISIONAL : 0, out));
    if (undo != NULL) {
        undo->handle = *out;
    }
    return OK;
}

static void apply_call(struct task *task, struct call *call, struct session *session) {
    list_push_back(&task->outgoing, &call->caller_link);
    status_t status = call_send(call, session);
    if (status != OK) {
        message_drop_handles(&call->request);
        call->reply.tag = TAG(status, 0, 0, 0);
        call->state = CALL_DONE;
        list_push_back(&task->replies, &call->link);
    }
}

static void apply_grant(const struct staged *staged) {
    struct task *target = (struct task *)staged->object;
    struct handle_entry *entry = handle_entry_find(&target->handles, staged->handle);
    if (entry != NULL) {
        entry->flags &= (uint16_t)(~ENTRY_RESERVED & 0xf);
    }
}

static void apply_created(struct task *task, handle_t handle) {
    struct handle_entry *entry = handle_entry_find(&task->handles, handle);
    if (entry != NULL) {
        entry->flags &= (uint16_t)(~ENTRY_PROVISIONAL & 0xf);
        entry->object->flags &= (uint8_t)~OBJECT_PROVISIONAL;
    }
}

void staged_apply(struct task *task, const struct staged *s) {
    switch ((enum staged_kind)s->kind) {
    case STAGED_REPLY:
        /* The call is gone if its server side ended meanwhile. */
        if (call_find(s->value, task) == s->call) {
            call_complete(s->call);
        }
        break;
    case STAGED_CALL:
        apply_call(task, s->call, (struct session *)s->object);
        break;
    case STAGED_CANCEL: {
        struct call *call = call_find_outgoing(s->value, task);
        if (call != NULL && call->state != CALL_DONE) {
            call_cancel(call, E_CANCELLED);
        }
        break;
    }
    case STAGED_CLOSE:
        if (handle_entry_find(&task->handles, s->handle) != NULL) {
            handle_remove(&task->handles, s->handle);
        }
        break;
    case STAGED_REVOKE:
        s->object->epoch++;
        {
            struct handle_entry *entry = handle_entry_find(&task->handles, s->handle);
            if (entry != NULL && entry->object == s->object) {
                entry->epoch = s->object->epoch;
            }
        }
        break;
    case STAGED_GRANT:
        apply_grant(s);
        break;
    case STAGED_SIGNAL:
        notification_signal((struct notification *)s->object, s->value);
        break;
    case STAGED_TIMER:
        timer_set((struct timer *)s->object, s->value);
        break;
    case STAGED_START:
        task_start((struct task *)s->object);
        break;
    case STAGED_RESET:
        task_reset((struct task *)s->object, (struct image *)s->other, s->value,
                   (struct memory *)s->third);
        break;
    case STAGED_DESTROY:
        task_kill((struct task *)s->object, E_CANCELLED);
        break;
    case STAGED_SUPERVISE:
        task_supervise((struct task *)s->object, (struct session *)s->other,
                       (struct notification *)s->third, s->value);
        break;
    case STAGED_INTERRUPT: {
        struct thread *thread = s->object->type == OBJECT_TASK ? ((struct task *)s->object)->main
                                                               : thread_of(s->object);
        if (thread != NULL) {
            thread_interrupt(thread);
        }
        break;
    }
    case STAGED_SUPPLY: {
        struct call *call = call_find(s->value, task);
        if (call != NULL) {
            pager_supply(call, (struct memory *)s->object, s->page);
        } else {
            account_release(s->other->account, PAGE_SIZE);
        }
        break;
    }
    case STAGED_UNMAP:
        mapping_destroy(s->mapping);
        break;
    case STAGED_PORT_WRITE:
        ioport_write((struct ioport *)s->object, s->offset, s->flags, (uint32_t)s->value);
        break;
    case STAGED_PORT_FILL:
        for (unsigned i = 0; i < s->length; i++) {
            ioport_write((struct ioport *)s->object, s->offset, 1, s->bytes[i]);
        }
        break;
    case STAGED_CREATED_HANDLE:
        apply_created(task, s->handle);
        break;
    case STAGED_CREATED_MAPPING:
        s->mapping->flags &= ~MAPPING_PROVISIONAL;
        break;
    }
}

static void undo(struct task *task, struct staged *s) {
    struct handle_entry *entry;
    switch ((enum staged_kind)s->kind) {
    case STAGED_REPLY:
        if (call_find(s->value, task) == s->call) {
            s->call->answered = false;
            message_drop_handles(&s->call->reply);
        }
        break;
    case STAGED_CALL: {
        struct call *call = s->call;
        s->call = NULL;
        call->caller = NULL;
        object_put(&call->object);
        break;
    }
    case STAGED_CLOSE:
        entry = handle_entry_find(&task->handles, s->handle);
        if (entry != NULL) {
            entry->flags &= (uint16_t)(~ENTRY_CLOSING & 0xf);
        }
        break;
    case STAGED_GRANT: {
        struct task *target = (struct task *)s->object;
        if (handle_entry_find(&target->handles, s->handle) != NULL) {
            handle_remove(&target->handles, s->handle);
        }
        break;
    }
    case STAGED_SUPPLY: {
        struct call *call = call_find(s->value, task);
        if (call != NULL) {
            call->answered = false;
        }
        account_release(s->other->account, PAGE_SIZE);
        break;
    }
    case STAGED_UNMAP:
        s->mapping->flags &= ~MAPPING_GOING;
        break;
    case STAGED_CREATED_HANDLE:
        if (handle_entry_find(&task->handles, s->handle) != NULL) {
            handle_remove(&task->handles, s->handle);
        }
        break;
    case STAGED_CREATED_MAPPING:
        mapping_destroy(s->mapping);
        break;
    default:
        break;
    }
}

void staged_commit(struct task *task, const struct list *mark) {
    while (mark->next != &task->staged) {
        struct staged *staged = LIST_ENTRY(mark->next, struct staged, link);
        staged_apply(task, staged);
        staged_forget(task, staged);
    }
}

void staged_rollback(struct task *task, const struct list *mark) {
    while (task->staged.prev != mark) {
        struct staged *staged = LIST_ENTRY(task->staged.prev, struct staged, link);
        undo(task, staged);
        staged_forget(task, staged);
    }
}
