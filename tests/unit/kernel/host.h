/* SPDX-License-Identifier: MIT
 * The kernel on the host: a machine of one CPU, and what a user program does to it.
 */
#pragma once

#include <sched.h>
#include <task.h>

#define HOST_RAM (64u << 20)

#define HOST_CPUS 2

/* A fresh kernel on one CPU, no tasks. */
void host_boot(void);
/* Lets the kernel run on so many CPUs; no tasks. */
void host_use_cpus(uint32_t count);
/* The kernel's code runs on this CPU from now on, which hears first what it was told meanwhile. */
void host_cpu_enter(uint32_t id);
/* Kills every task, and checks that nothing is left charged or in use. */
void host_check_clean(void);

/* ---- user programs: the task's main thread, made current whatever the scheduler thinks --------
 */

/* A READY thread becomes the current one, on the CPU here if it may run there, a RUNNING one on its
 * CPU. False: it does not run any more after what it had to do first. */
bool host_make_current(struct thread *thread);
/* As host_call, by any thread. */
int64_t host_thread_call(struct thread *thread, uint32_t op, const uint64_t *arguments,
                         unsigned count);
/* The arch_map that fails for want of a page table, counted from 1, the next; 0: none. */
extern unsigned host_map_fails;
/* Whether a page is mapped with all these rights. */
bool host_mapped(struct arch_space *space, uint64_t va, uint32_t rights);

/* A task with one account of `limit` bytes; arena_size 0: plain. Threads run nothing. */
struct task *host_task(const char *name, uint64_t limit, uint64_t arena_size, uint32_t priority);
/* The task's thread makes a system call; it must be current or gets to be. Returns rax when the
 * thread is current again, or HOST_BLOCKED. */
int64_t host_call(struct task *task, uint32_t op, const uint64_t *arguments, unsigned count);
#define HOST_BLOCKED INT64_MIN
#define SYS(task, op, ...)                                                                         \
    host_call(task, op, (const uint64_t[]){__VA_ARGS__},                                           \
              sizeof((const uint64_t[]){__VA_ARGS__}) / 8)
/* rax of a thread that was blocked and is ready or running now. */
bool host_returned(struct task *task);
struct arch_context *host_context(struct task *task);
/* Loads and stores of the program; false: fault. */
bool host_store(struct task *task, uint64_t address, const void *from, size_t size);
bool host_load(struct task *task, uint64_t address, void *to, size_t size);
/* A handle in the task's table. */
handle_t host_grant(struct task *task, struct object *object);
/* Lets the time pass and timers expire. */
void host_advance(uint64_t ns);
/* Fakes of the port FIFO. */
void host_fifo_put(const char *bytes);
extern char host_port_log[256];
extern unsigned host_port_log_length;

/* The last line that the kernel logged. */
extern char host_log[256];

/* What the IOMMU was told last: which device reaches what (NULL: nothing), and how many frames were
 * free when it forgot its caches. */
extern const struct arch_space *host_iommu_space;
extern uint32_t host_iommu_name;
extern uint64_t host_iommu_free;

/* A static ELF file with a text segment; `arena` adds an arena segment with 8 bytes of content. */
size_t host_elf(unsigned char *to, bool arena);

#define HOST_SCRATCH 0x500000ull /* mapped read-write in every task, 16 pages */
