/* SPDX-License-Identifier: MIT */
/*
 * The system call instruction. Nothing but libipc needs this header: every call has a typed
 * wrapper. Registers follow docs/spec/syscalls.md: number in rax; arguments in rdi rsi rdx r10 r8
 * r9; the kernel destroys rcx and r11 and keeps every argument register that is no listed result.
 */
#pragma once

#include <axolotl/abi.h>

#define MUST_CHECK __attribute__((warn_unused_result))

static inline int64_t syscall_6(uint32_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                                uint64_t a4, uint64_t a5) {
    register int64_t rax __asm__("rax") = (int64_t)(SYSCALL_NATIVE | op);
    register uint64_t rdi __asm__("rdi") = a0;
    register uint64_t rsi __asm__("rsi") = a1;
    register uint64_t rdx __asm__("rdx") = a2;
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    register uint64_t r9 __asm__("r9") = a5;
    __asm__ volatile("syscall"
                     : "+r"(rax)
                     : "r"(rdi), "r"(rsi), "r"(rdx), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return rax;
}

static inline int64_t syscall_4(uint32_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3) {
    register int64_t rax __asm__("rax") = (int64_t)(SYSCALL_NATIVE | op);
    register uint64_t rdi __asm__("rdi") = a0;
    register uint64_t rsi __asm__("rsi") = a1;
    register uint64_t rdx __asm__("rdx") = a2;
    register uint64_t r10 __asm__("r10") = a3;
    __asm__ volatile("syscall"
                     : "+r"(rax)
                     : "r"(rdi), "r"(rsi), "r"(rdx), "r"(r10)
                     : "rcx", "r11", "memory");
    return rax;
}

static inline int64_t syscall_2(uint32_t op, uint64_t a0, uint64_t a1) {
    register int64_t rax __asm__("rax") = (int64_t)(SYSCALL_NATIVE | op);
    register uint64_t rdi __asm__("rdi") = a0;
    register uint64_t rsi __asm__("rsi") = a1;
    __asm__ volatile("syscall" : "+r"(rax) : "r"(rdi), "r"(rsi) : "rcx", "r11", "memory");
    return rax;
}

/* Results of a call that gives more than rax. */
struct syscall_results {
    int64_t rax;
    uint64_t rdi, rsi, rdx;
};

static inline struct syscall_results syscall_results(uint32_t op, uint64_t a0, uint64_t a1,
                                                     uint64_t a2, uint64_t a3, uint64_t a4) {
    register int64_t rax __asm__("rax") = (int64_t)(SYSCALL_NATIVE | op);
    register uint64_t rdi __asm__("rdi") = a0;
    register uint64_t rsi __asm__("rsi") = a1;
    register uint64_t rdx __asm__("rdx") = a2;
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    __asm__ volatile("syscall"
                     : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx)
                     : "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return (struct syscall_results){rax, rdi, rsi, rdx};
}

/* All registers of a message: arguments before the call, results after it. */
struct message_registers {
    int64_t rax;
    uint64_t rdi, tag, words[MESSAGE_REGISTER_WORDS], r14, r15;
};

/* Whom it goes to is what the sum of a message does not tell: whoever has it wrong dies here. */
static inline void syscall_message(uint32_t op, struct message_registers *registers) {
    register int64_t rax __asm__("rax") = (int64_t)(SYSCALL_NATIVE | op);
    register uint64_t rdi __asm__("rdi") = registers->rdi;
    register uint64_t rsi __asm__("rsi") = registers->tag;
    register uint64_t rdx __asm__("rdx") = registers->words[0];
    register uint64_t r10 __asm__("r10") = registers->words[1];
    register uint64_t r8 __asm__("r8") = registers->words[2];
    register uint64_t r9 __asm__("r9") = registers->words[3];
    register uint64_t r12 __asm__("r12") = registers->words[4];
    register uint64_t r13 __asm__("r13") = registers->words[5];
    register uint64_t r14 __asm__("r14") = registers->r14;
    register uint64_t r15 __asm__("r15") = registers->r15;
    __asm__ volatile("cmp %%rdi, %[receiver]\n\t"
                     "je 1f\n\t"
                     "ud2\n"
                     "1:\tsyscall"
                     : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9),
                       "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
                     : [receiver] "m"(registers->rdi)
                     : "rcx", "r11", "memory");
    *registers = (struct message_registers){rax, rdi, rsi, {rdx, r10, r8, r9, r12, r13}, r14, r15};
}

/* The status in a negative result. (The compiler may know that it is not OK.) */
static inline status_t syscall_failure(int64_t result) {
    status_t status = (status_t)result;
    if (status >= 0) {
        __builtin_unreachable();
    }
    return status;
}

/* Splits the result of a call that gives 32 bits: stores them when there are any. */
static inline status_t syscall_value(int64_t result, uint32_t *value) {
    if (result < 0) {
        return syscall_failure(result);
    }
    *value = (uint32_t)result;
    return OK;
}

/* The same for a handle. */
static inline status_t syscall_handle(int64_t result, handle_t *handle) {
    return syscall_value(result, handle);
}
