/* SPDX-License-Identifier: MIT
 * What the bench's client and servers agree on, and message system calls without any wrapping.
 * Client and server each read the cycle counter right before and right after their system call; the
 * answer carries the server's two readings, so a call is measured from before `syscall` to after
 * the return in the other thread, and its answer the same way.
 */
#pragma once

#include <ipc/syscall.h>

/* Labels: how many arena pages the server changes before it answers; one whose change it names. */
#define BENCH_PAGES_MAX 8u
#define BENCH_NAMED 9u

struct bench_message {
    uint64_t rdi, tag, r14, r15; /* r15: with RECEIVE_NAMED */
    uint64_t before, after;      /* the readings */
    uint64_t received, answered; /* words 2 and 1 of what came: the other side's readings */
    int64_t rax;
};

/* One message system call (SYSCALL: "syscall", or "" for the cost of measuring). Sends `after` of
 * the last one as word 2 and `before` as word 1. */
#define BENCH_MESSAGE(SYSCALL, op, message)                                                        \
    do {                                                                                           \
        register uint64_t rdi_ __asm__("rdi") = (message)->rdi;                                    \
        register uint64_t rsi_ __asm__("rsi") = (message)->tag;                                    \
        register uint64_t r14_ __asm__("r14") = (message)->r14;                                    \
        register uint64_t r15_ __asm__("r15") = (message)->r15;                                    \
        register uint64_t r8_ __asm__("r8") = (message)->after;                                    \
        register uint64_t r10_ __asm__("r10");                                                     \
        register uint64_t rbx_ __asm__("rbx");                                                     \
        register uint64_t rax_ __asm__("rax");                                                     \
        register uint64_t r9_ __asm__("r9");                                                       \
        __asm__ volatile(                                                                          \
            "rdtsc\n\tshl $32, %%rdx\n\tor %%rdx, %%rax\n\t"                                       \
            "mov %%rax, %%r10\n\tmov %%rax, %%rbx\n\tmov %[number], %%eax\n\t" SYSCALL             \
            "\n\tmov %%rax, %%r9\n\t"                                                              \
            "rdtsc\n\tshl $32, %%rdx\n\tor %%rdx, %%rax"                                           \
            : "+r"(rdi_), "+r"(rsi_), "+r"(r14_), "+r"(r15_), "+r"(r8_), "=r"(r10_), "=r"(rbx_),   \
              "=r"(rax_), "=r"(r9_)                                                                \
            : [number] "i"(SYSCALL_NATIVE | (op))                                                  \
            : "rcx", "r11", "rdx", "r12", "r13", "memory");                                        \
        *(message) =                                                                               \
            (struct bench_message){rdi_, rsi_, r14_, r15_, rbx_, rax_, r8_, r10_, (int64_t)r9_};   \
    } while (0)

static inline void bench_call(struct bench_message *message) {
    BENCH_MESSAGE("syscall", SYS_CALL, message);
}

static inline void bench_receive(struct bench_message *message) {
    BENCH_MESSAGE("syscall", SYS_COMMIT_RECEIVE, message);
}
