/* SPDX-License-Identifier: MIT
 * The table of system calls and what all of them share.
 */
#include <arch/hooks.h>
#include <counters.h>
#include <debug.h>
#include <fastpath.h>
#include <sched.h>
#include <syscall.h>

static int64_t sys_null(struct thread *thread) {
    (void)thread;
    return OK;
}

static const syscall_handler handlers[SYS_COUNT] = {
    [SYS_NULL] = sys_null,
    [SYS_CALL] = sys_call,
    [SYS_COMMIT_RECEIVE] = sys_commit_receive,
    [SYS_REPLY] = sys_reply,
    [SYS_CALL_STAGE] = sys_call_stage,
    [SYS_CALL_CANCEL] = sys_call_cancel,
    [SYS_LEASE_READ] = sys_lease_read,
    [SYS_LEASE_WRITE] = sys_lease_write,
    [SYS_ACTOR_BIND] = sys_actor_bind,
    [SYS_HANDLE_CLOSE] = sys_handle_close,
    [SYS_HANDLE_COPY] = sys_handle_copy,
    [SYS_HANDLE_REVOKE] = sys_handle_revoke,
    [SYS_HANDLE_INFO] = sys_handle_info,
    [SYS_HANDLE_GRANT] = sys_handle_grant,
    [SYS_ENDPOINT_CREATE] = sys_endpoint_create,
    [SYS_SESSION_CREATE] = sys_session_create,
    [SYS_NOTIFICATION_CREATE] = sys_notification_create,
    [SYS_NOTIFICATION_SIGNAL] = sys_notification_signal,
    [SYS_NOTIFICATION_WAIT] = sys_notification_wait,
    [SYS_TIMER_CREATE] = sys_timer_create,
    [SYS_TIMER_SET] = sys_timer_set,
    [SYS_ACCOUNT_CREATE] = sys_account_create,
    [SYS_ACCOUNT_INFO] = sys_account_info,
    [SYS_IMAGE_CREATE] = sys_image_create,
    [SYS_IMAGE_INFO] = sys_image_info,
    [SYS_TASK_CREATE] = sys_task_create,
    [SYS_TASK_START] = sys_task_start,
    [SYS_TASK_RESET] = sys_task_reset,
    [SYS_TASK_DESTROY] = sys_task_destroy,
    [SYS_TASK_INFO] = sys_task_info,
    [SYS_TASK_SUPERVISE] = sys_task_supervise,
    [SYS_TASK_EXIT] = sys_task_exit,
    [SYS_TASK_CLONE] = sys_task_clone,
    [SYS_THREAD_CREATE] = sys_thread_create,
    [SYS_THREAD_EXIT] = sys_thread_exit,
    [SYS_THREAD_YIELD] = sys_thread_yield,
    [SYS_THREAD_SLEEP] = sys_thread_sleep,
    [SYS_THREAD_SCHEDULE] = sys_thread_schedule,
    [SYS_THREAD_INTERRUPT] = sys_thread_interrupt,
    [SYS_THREAD_SET_FOREIGN] = sys_thread_set_foreign,
    [SYS_UPCALL_RETURN] = sys_upcall_return,
    [SYS_FUTEX_WAIT] = sys_futex_wait,
    [SYS_FUTEX_WAKE] = sys_futex_wake,
    [SYS_THREAD_SET_BASE] = sys_thread_set_base,
    [SYS_MEMORY_CREATE] = sys_memory_create,
    [SYS_MEMORY_CLONE] = sys_memory_clone,
    [SYS_MEMORY_READ] = sys_memory_read,
    [SYS_MEMORY_WRITE] = sys_memory_write,
    [SYS_MEMORY_INFO] = sys_memory_info,
    [SYS_MEMORY_SUPPLY] = sys_memory_supply,
    [SYS_ARENA_CREATE] = sys_arena_create,
    [SYS_MAP] = sys_map,
    [SYS_UNMAP] = sys_unmap,
    [SYS_PROTECT] = sys_protect,
    [SYS_IRQ_BIND] = sys_irq_bind,
    [SYS_IRQ_ACK] = sys_irq_ack,
    [SYS_PORT_READ] = sys_port_read,
    [SYS_PORT_WRITE] = sys_port_write,
    [SYS_PORT_DRAIN] = sys_port_drain,
    [SYS_PORT_FILL] = sys_port_fill,
    [SYS_DEVICE_CONFIG] = sys_device_config,
    [SYS_DEVICE_BAR] = sys_device_bar,
    [SYS_DEVICE_IRQ] = sys_device_irq,
    [SYS_DEVICE_DMA] = sys_device_dma,
    [SYS_DEVICE_ENABLE] = sys_device_enable,
    [SYS_SYSTEM_INFO] = sys_system_info,
    [SYS_SYSTEM_PCI_READ] = sys_system_pci_read,
    [SYS_SYSTEM_IOPORT] = sys_system_ioport,
    [SYS_SYSTEM_IRQ] = sys_system_irq,
    [SYS_SYSTEM_DEVICE] = sys_system_device,
    [SYS_SYSTEM_MEMORY] = sys_system_memory,
    [SYS_SYSTEM_REBOOT] = sys_system_reboot,
    [SYS_LOG_WRITE] = sys_log_write,
    [SYS_LOG_READ] = sys_log_read,
};

void syscall_dispatch(struct thread *thread) {
    uint32_t op = (uint32_t)thread->context.rax & ~SYSCALL_NATIVE;
    if ((op == SYS_CALL && fast_call(thread)) ||
        (op == SYS_COMMIT_RECEIVE && fast_commit_receive(thread))) {
        return;
    }
    syscall_handler handler = op < SYS_COUNT ? handlers[op] : NULL;
    int64_t result = E_NO_SYSCALL;
    if (LIKELY(handler != NULL)) {
        result = handler(thread);
    } else {
        counters.unknown_calls++;
    }
    if (result != SYSCALL_NO_RESULT) {
        thread->context.rax = (uint64_t)result;
    }
    if (cpu_here()->choose) {
        sched_exit();
    }
}

int64_t give_handle(struct thread *thread, struct object *object, uint32_t rights, bool fresh) {
    struct task *task = thread->task;
    struct staged *undo = NULL;
    handle_t handle;
    status_t status = OK;
    if (task->actor) {
        undo = staged_add(task, STAGED_CREATED_HANDLE);
        status = undo == NULL ? E_QUOTA : OK;
        if (fresh) {
            object->flags |= OBJECT_PROVISIONAL;
        }
    }
    if (status == OK) {
        status = handle_install(&task->handles, object, rights, task->actor ? ENTRY_PROVISIONAL : 0,
                                &handle);
    }
    if (status == OK && undo != NULL) {
        undo->handle = handle;
    }
    if (fresh) {
        if (status != OK && object->type == OBJECT_TASK) {
            task_kill((struct task *)object, status);
        }
        object_put(object);
    }
    return status == OK ? (int64_t)handle : status;
}

status_t effect(struct thread *thread, const struct staged *template) {
    struct task *task = thread->task;
    if (!task->actor) {
        struct staged now = *template;
        staged_apply(task, &now);
        return OK;
    }
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
