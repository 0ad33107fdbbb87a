/* SPDX-License-Identifier: MIT
 * Ways into the kernel and out of it: what a program can do to the processor, and what the kernel
 * leaves in its registers.
 */
#include "guest.h"

#include <common/string.h>
#include <ipc/log.h>
#include <ipc/thread.h>

/* ---- Registers ------------------------------------------------------------------------------- */

enum { RDI, RSI, RDX, R10, R8, R9, R12, R13, R14, R15, RBX, RBP, RAX, FLAGS, REGISTERS };

/* With these it enters the kernel: AC, NT, DF, CF, which anybody may set, and IF. */
#define ODD_FLAGS 0x44603ull

/* Loads `odd` and ODD_FLAGS, enters by the instruction that `how` tells, stores `even`. rax is the
 * number of the system call; the other way writes one byte at r15. */
int64_t exchange_registers(uint64_t how);
extern uint64_t odd[REGISTERS], even[REGISTERS];
uint64_t odd[REGISTERS], even[REGISTERS];

__asm__(".text\n"
        "exchange_registers:\n"
        "    push %rbx\n"
        "    push %rbp\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    push %rdi\n"
        "    pushq odd+13*8(%rip)\n"
        "    mov odd+0*8(%rip), %rdi\n"
        "    mov odd+1*8(%rip), %rsi\n"
        "    mov odd+2*8(%rip), %rdx\n"
        "    mov odd+3*8(%rip), %r10\n"
        "    mov odd+4*8(%rip), %r8\n"
        "    mov odd+5*8(%rip), %r9\n"
        "    mov odd+6*8(%rip), %r12\n"
        "    mov odd+7*8(%rip), %r13\n"
        "    mov odd+8*8(%rip), %r14\n"
        "    mov odd+9*8(%rip), %r15\n"
        "    mov odd+10*8(%rip), %rbx\n"
        "    mov odd+11*8(%rip), %rbp\n"
        "    mov odd+12*8(%rip), %rax\n"
        "    cmpq $0, 8(%rsp)\n"
        "    jne 1f\n"
        "    popfq\n"
        "    syscall\n"
        "    jmp 2f\n"
        "1:  popfq\n"
        "    movb $1, (%r15)\n"
        "2:  pushfq\n"
        "    popq even+13*8(%rip)\n"
        "    pushq $0x202\n"
        "    popfq\n"
        "    mov %rdi, even+0*8(%rip)\n"
        "    mov %rsi, even+1*8(%rip)\n"
        "    mov %rdx, even+2*8(%rip)\n"
        "    mov %r10, even+3*8(%rip)\n"
        "    mov %r8, even+4*8(%rip)\n"
        "    mov %r9, even+5*8(%rip)\n"
        "    mov %r12, even+6*8(%rip)\n"
        "    mov %r13, even+7*8(%rip)\n"
        "    mov %r14, even+8*8(%rip)\n"
        "    mov %r15, even+9*8(%rip)\n"
        "    mov %rbx, even+10*8(%rip)\n"
        "    mov %rbp, even+11*8(%rip)\n"
        "    mov %rax, even+12*8(%rip)\n"
        "    pop %rdi\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    ret\n");

/* By a system call without results: true if all registers but rax are what they were. */
static bool kept_by_call(uint32_t op, uint64_t first, uint64_t second, int64_t result) {
    for (uint64_t i = 0; i < REGISTERS; i++) {
        odd[i] = 0x0123456789abcdef * (i + 3);
    }
    odd[RDI] = first;
    odd[RSI] = second;
    odd[RAX] = SYSCALL_NATIVE | op;
    odd[FLAGS] = ODD_FLAGS;
    exchange_registers(0);
    bool same = (int64_t)even[RAX] == result;
    for (uint32_t i = 0; i < REGISTERS; i++) {
        same &= i == RAX || even[i] == odd[i];
    }
    return same;
}

/* By a page fault that the kernel resolves, at an address that was never touched. */
static bool kept_by_fault(uint64_t address) {
    for (uint64_t i = 0; i < REGISTERS; i++) {
        odd[i] = 0xfedcba9876543211 * (i + 5);
    }
    odd[R15] = address;
    odd[FLAGS] = ODD_FLAGS;
    exchange_registers(1);
    bool same = *(volatile uint8_t *)address == 1;
    for (uint32_t i = 0; i < REGISTERS; i++) {
        same &= even[i] == odd[i];
    }
    return same;
}

enum { FRESH_PAGES = 16 };

/* Every way in: calls that succeed, fail, switch and wait, page faults of the program and of the
 * kernel's copy. The number of those after which a register was not what it must be. */
static uint32_t enter(void) {
    uint32_t wrong = 0;
    handle_t memory = HANDLE_NONE;
    wrong += !kept_by_call(SYS_NULL, 1, 2, OK);
    wrong += !kept_by_call(1000, 1, 2, E_NO_SYSCALL);
    wrong += !kept_by_call(SYS_NOTIFICATION_SIGNAL, 0x7ff0, 2, E_HANDLE);
    wrong += !kept_by_call(SYS_THREAD_YIELD, 3, 4, OK);
    wrong += !kept_by_call(SYS_THREAD_SLEEP, time_now_ns() + 20 * NS_PER_US, 4, OK);
    if (memory_create(test_account, FRESH_PAGES * PAGE_SIZE, &memory) != OK ||
        memory_map(TASK_SELF, memory, 0, TEST_AREA, FRESH_PAGES * PAGE_SIZE,
                   PROT_READ | PROT_WRITE) != OK) {
        return wrong + 1;
    }
    for (uint64_t i = 0; i < FRESH_PAGES / 2; i++) {
        wrong += !kept_by_fault(TEST_AREA + i * PAGE_SIZE);
    }
    for (uint64_t i = FRESH_PAGES / 2; i < FRESH_PAGES; i++) {
        uint8_t *page = (uint8_t *)(TEST_AREA + i * PAGE_SIZE);
        wrong += memory_read(memory, 0, page, 8) != OK || page[0] != 1;
        wrong += !kept_by_call(SYS_MEMORY_INFO, memory, 8, E_FAULT);
    }
    wrong += memory_unmap(TASK_SELF, TEST_AREA, FRESH_PAGES * PAGE_SIZE) != OK;
    handle_close(memory);
    return wrong;
}

static void registers(void) {
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(enter(), 0);
    }
}

_Noreturn void enter_for_ever(void) {
    static uint32_t base = 77;
    uint32_t wrong = thread_schedule(HANDLE_NONE, 12, 1) != OK, found;
    wrong += syscall_2(SYS_THREAD_SET_BASE, 1, (uintptr_t)&base) != OK;
    for (uint64_t round = 1;; round++) {
        wrong += enter();
        __asm__ volatile("movl %%gs:0, %0" : "=r"(found));
        wrong += found != base;
        if (round % 100 == 0) {
            log_line("entries: %lu rounds, %u errors", round, wrong);
        }
    }
}

/* ---- What the processor must refuse ---------------------------------------------------------- */

/* Of hostile.c's instructions, which come in this order; the last protected ones are far returns.
 */
enum { PROTECTED = 36, FAR_RETURNS = 2, UNDEFINED = 2, TRAPS = 1, TABLES = 3 };
enum { EBX, ECX };

/* Whether the processor has a feature of CPUID leaf 7. */
static bool has(int word, unsigned bit) {
    uint32_t a = 7, r[2], d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(r[EBX]), "=c"(r[ECX]), "=d"(d) : "c"(0));
    return (r[word] >> bit & 1) != 0;
}

static int32_t vector_of(uint64_t instruction) {
    return instruction < PROTECTED ? 13 : instruction < PROTECTED + UNDEFINED ? 6 : 1;
}

static void privileged(void) {
    for (uint64_t i = 0; i < PROTECTED + UNDEFINED + TRAPS; i++) {
        if (has(EBX, 20) && i >= PROTECTED - FAR_RETURNS && i < PROTECTED) {
            continue; /* with SMAP QEMU before 9.1 never gets them off the program's stack */
        }
        int32_t code = run_hostile("privileged", i);
        if (code != -vector_of(i)) {
            check_failed(__FILE__, __LINE__, "instruction (number, code)", (int64_t)i, code);
        }
    }
}

/* Where the processor has UMIP the kernel's tables have no addresses either. */
static void tables(void) {
    int32_t wanted = has(ECX, 2) ? -13 : 99;
    for (uint64_t i = 0; i < TABLES; i++) {
        CHECK_EQ(run_hostile("privileged", PROTECTED + UNDEFINED + TRAPS + i), wanted);
    }
}

/* ---- Ways out -------------------------------------------------------------------------------- */

static void ways_out(void) {
    static const uint64_t bad[] = {0,          USER_HIGHEST,       0x800000000000,
                                   1ull << 63, 0xffff800000000000, 0xffffffff80200000,
                                   UINT64_MAX};
    CHECK_EQ(run_hostile("edge", 0), -14);
    CHECK_EQ(run_hostile("flags", 0x100), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(run_hostile("leave", bad[i]), 114);
    }
}

/* A supervisor that sends a thread to such addresses: it faults there, in user mode. */
static void resumed_anywhere(void) {
    static const uint64_t bad[] = {USER_HIGHEST, 0x800000000000, 1ull << 63, 0xffffffff80200000};
    struct child supervisor, child;
    struct fault_message fault = {0};
    REQUIRE(child_actor(&supervisor, NULL));
    REQUIRE(child_program(&child, &supervisor, "misbehave", 0, 0));
    REQUIRE(wait_fault(&supervisor, 1, &fault));
    for (uint64_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t words[3] = {FAULT_RESUME, bad[i], bad[i]};
        CHECK_EQ(call_words(supervisor.session, PROBE_FAULT_ANSWER, words, sizeof words, NULL, 0),
                 OK);
        REQUIRE(wait_fault(&supervisor, i + 2, &fault));
        CHECK_EQ(fault.vector, 14);
        CHECK(fault.rip < USER_HIGHEST && fault.rsp == bad[i]);
    }
    child_end(&child);
    child_end(&supervisor);
}

/* Each step comes to the supervisor from the program's own code, none from the kernel's; in the end
 * all system calls have done what they do. */
static void single_steps(void) {
    struct child supervisor, child;
    struct fault_message fault = {0};
    uint64_t count = 0;
    const uint64_t words[3] = {FAULT_RESUME, 0, 0};
    REQUIRE(child_actor(&supervisor, NULL));
    REQUIRE(child_program(&child, &supervisor, "step", 0, 0));
    while (wait_fault(&supervisor, count + 1, &fault) && fault.vector == 1) {
        count++;
        CHECK(fault.rip > USER_LOWEST && fault.rip < ARENA_VA);
        CHECK_EQ(call_words(supervisor.session, PROBE_FAULT_ANSWER, words, sizeof words, NULL, 0),
                 OK);
    }
    CHECK(count >= 10 && count <= 20);
    CHECK_EQ(fault.vector, 0);
    CHECK_EQ(fault.error, 0); /* its exit code */
    child_end(&child);
    child_end(&supervisor);
}

/* One program loads selectors, which sets the base of FS and GS to 0 on that CPU; another that has
 * the same bases must not notice. */
static void bases(void) {
    struct child victim, attacker;
    REQUIRE(child_hostile(&attacker, 1 << 20, HANDLE_NONE, "selectors", 0));
    REQUIRE(child_hostile(&victim, 1 << 20, HANDLE_NONE, "bases", 2000));
    CHECK_EQ(child_wait(&victim), 0);
    child_end(&victim);
    child_end(&attacker);
}

const struct guest_test entry_tests[] = {
    {"registers and flags survive every entry", registers},
    {"privileged instructions", privileged},
    {"addresses of the processor's tables", tables},
    {"returns to addresses that are nobody's", ways_out},
    {"a supervisor's bad addresses", resumed_anywhere},
    {"single steps end at the kernel", single_steps},
    {"bases of FS and GS are each program's own", bases},
    {NULL, NULL},
};
