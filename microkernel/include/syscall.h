/* SPDX-License-Identifier: MIT
 * System calls: decode here, act in the objects. A handler validates and copies in without side
 * effects, then calls the object's function.
 */
#pragma once

#include "staged.h"
#include "task.h"
#include <arch/user_copy.h>

/* Result of a handler: goes to rax, unless it is SYSCALL_NO_RESULT (the context is set already, or
 * will be when the thread runs again). */
typedef int64_t (*syscall_handler)(struct thread *thread);
#define SYSCALL_NO_RESULT INT64_MIN

/* Argument n of the current system call. */
#define ARG(n) context_argument(&thread->context, (n))
#define ARG_HANDLE(n) ((handle_t)ARG(n))

/* Looks up argument n as an object of a type with rights. */
#define LOOKUP(n, type, rights, out)                                                               \
    TRY(handle_lookup(&thread->task->handles, ARG_HANDLE(n), type, rights, out))

/* A handle to a new object (`fresh`) or another handle to one; takes over the caller's reference on
 * a fresh one, also on failure. Result: the handle or a status. */
int64_t give_handle(struct thread *thread, struct object *object, uint32_t rights, bool fresh);

/* Does the effect now in a plain task, stages it in an actor. The record is a template. */
status_t effect(struct thread *thread, const struct staged *template);

/* Messages: syscall/message.c */
int64_t sys_call(struct thread *thread);
int64_t sys_commit_receive(struct thread *thread);
int64_t sys_reply(struct thread *thread);
int64_t sys_call_stage(struct thread *thread);
int64_t sys_call_cancel(struct thread *thread);
int64_t sys_lease_read(struct thread *thread);
int64_t sys_lease_write(struct thread *thread);
int64_t sys_actor_bind(struct thread *thread);
/* syscall/handles.c */
int64_t sys_handle_close(struct thread *thread);
int64_t sys_handle_copy(struct thread *thread);
int64_t sys_handle_revoke(struct thread *thread);
int64_t sys_handle_info(struct thread *thread);
int64_t sys_handle_grant(struct thread *thread);
int64_t sys_endpoint_create(struct thread *thread);
int64_t sys_session_create(struct thread *thread);
int64_t sys_notification_create(struct thread *thread);
int64_t sys_notification_signal(struct thread *thread);
int64_t sys_notification_wait(struct thread *thread);
int64_t sys_timer_create(struct thread *thread);
int64_t sys_timer_set(struct thread *thread);
int64_t sys_account_create(struct thread *thread);
int64_t sys_account_info(struct thread *thread);
/* syscall/tasks.c */
int64_t sys_image_create(struct thread *thread);
int64_t sys_image_info(struct thread *thread);
int64_t sys_task_create(struct thread *thread);
int64_t sys_task_start(struct thread *thread);
int64_t sys_task_reset(struct thread *thread);
int64_t sys_task_destroy(struct thread *thread);
int64_t sys_task_info(struct thread *thread);
int64_t sys_task_supervise(struct thread *thread);
int64_t sys_task_exit(struct thread *thread);
int64_t sys_task_clone(struct thread *thread);
int64_t sys_thread_create(struct thread *thread);
int64_t sys_thread_exit(struct thread *thread);
int64_t sys_thread_yield(struct thread *thread);
int64_t sys_thread_sleep(struct thread *thread);
int64_t sys_thread_schedule(struct thread *thread);
int64_t sys_thread_interrupt(struct thread *thread);
int64_t sys_thread_set_foreign(struct thread *thread);
int64_t sys_upcall_return(struct thread *thread);
int64_t sys_thread_set_base(struct thread *thread);
int64_t sys_futex_wait(struct thread *thread);
int64_t sys_futex_wake(struct thread *thread);
/* syscall/memory.c */
int64_t sys_memory_create(struct thread *thread);
int64_t sys_memory_clone(struct thread *thread);
int64_t sys_memory_read(struct thread *thread);
int64_t sys_memory_write(struct thread *thread);
int64_t sys_memory_supply(struct thread *thread);
int64_t sys_memory_info(struct thread *thread);
int64_t sys_arena_create(struct thread *thread);
int64_t sys_map(struct thread *thread);
int64_t sys_unmap(struct thread *thread);
int64_t sys_protect(struct thread *thread);
/* syscall/machine.c */
int64_t sys_irq_bind(struct thread *thread);
int64_t sys_irq_ack(struct thread *thread);
int64_t sys_port_read(struct thread *thread);
int64_t sys_port_write(struct thread *thread);
int64_t sys_port_drain(struct thread *thread);
int64_t sys_port_fill(struct thread *thread);
int64_t sys_device_config(struct thread *thread);
int64_t sys_device_bar(struct thread *thread);
int64_t sys_device_irq(struct thread *thread);
int64_t sys_device_dma(struct thread *thread);
int64_t sys_device_enable(struct thread *thread);
int64_t sys_system_info(struct thread *thread);
int64_t sys_system_pci_read(struct thread *thread);
int64_t sys_system_ioport(struct thread *thread);
int64_t sys_system_irq(struct thread *thread);
int64_t sys_system_device(struct thread *thread);
int64_t sys_system_memory(struct thread *thread);
int64_t sys_system_reboot(struct thread *thread);
int64_t sys_log_write(struct thread *thread);
int64_t sys_log_read(struct thread *thread);
