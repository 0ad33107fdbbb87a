/* SPDX-License-Identifier: MIT
 * What the bench's client and server agree on, and message system calls without any wrapping.
 */
#pragma once

#include <ipc/syscall.h>

/* Labels: how many arena pages the server changes before it answers; one whose change it names. */
#define BENCH_PAGES_MAX 8u
#define BENCH_NAMED 9u

/* One message system call; words 0-5 are passed as they are and lost. r15: with RECEIVE_NAMED. */
static inline int64_t bench_message(uint32_t op, uint64_t *rdi, uint64_t *tag, uint64_t *r14,
                                    uint64_t r15) {
    register int64_t rax __asm__("rax") = (int64_t)(SYSCALL_NATIVE | op);
    register uint64_t a0 __asm__("rdi") = *rdi;
    register uint64_t a1 __asm__("rsi") = *tag;
    register uint64_t mask __asm__("r14") = *r14;
    register uint64_t range __asm__("r15") = r15;
    __asm__ volatile("syscall"
                     : "+r"(rax), "+r"(a0), "+r"(a1), "+r"(mask), "+r"(range)
                     :
                     : "rcx", "r11", "rdx", "r10", "r8", "r9", "r12", "r13", "memory");
    *rdi = a0;
    *tag = a1;
    *r14 = mask;
    return rax;
}
