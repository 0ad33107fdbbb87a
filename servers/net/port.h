/* SPDX-License-Identifier: MIT */
/*
 * What the stack and the sockets need from outside: system calls in the server (port.c), a
 * simulation in the unit tests.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <axolotl/abi.h>
#include <ipc/syscall.h>

/* Memory of the arena. NULL when it is exhausted. */
void *port_allocate(size_t size);
void *port_allocate_zeroed(size_t count, size_t size);
void port_free(void *block);

uint64_t port_time_ns(void);
uint32_t port_random(void);

/* Copies from or to lease 0 of a call. */
MUST_CHECK status_t port_lease_read(token_t token, uint64_t offset, void *to, size_t length);
MUST_CHECK status_t port_lease_write(token_t token, uint64_t offset, const void *from,
                                     size_t length);

/* Answers a call; it becomes real with the commit. */
void port_answer(token_t token, status_t status, const void *data, size_t size);

/* Answers with a new session of the given badge. On an error nothing was answered. */
MUST_CHECK status_t port_answer_session(token_t token, uint64_t badge, const void *data,
                                        size_t size);

/* Sets bits of a notification, gives a handle up; with the commit. */
void port_signal(handle_t notification, uint64_t bits);
void port_release(handle_t handle);

/* Whether `size` bytes at the address are the buffers of that interface's driver. */
bool port_window(uint32_t number, uint64_t address, uint64_t size);

/* Bytes of the arena in use, and in all. */
void port_memory(uint64_t *used, uint64_t *total);
/* Less than a quarter of the arena is left. */
bool port_memory_low(void);

void port_log(const char *text, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void port_abort(const char *why);
