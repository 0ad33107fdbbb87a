/* SPDX-License-Identifier: MIT
 * The roles of a plain program that attacks: the kernel, whoever serves it, its own account. What
 * its exit code means stands with each; a fault ends it with minus the vector.
 */
#include "hostile.h"

#include <stdbool.h>

#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/message.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "probe.h"

#define AREA 0x300000000000ull /* nothing is there */

static uint64_t word;

/* ---- Instructions that are the kernel's -------------------------------------------------------
 */

/* Transfers to the kernel's code segment, made up on the stack. */
static void return_to_kernel(void) {
    __asm__ volatile("mov %%rsp, %%rax\n\t"
                     "pushq $0x10\n\tpushq %%rax\n\tpushfq\n\tpushq $0x08\n\t"
                     "lea 1f(%%rip), %%rax\n\tpushq %%rax\n\tiretq\n1:"
                     :
                     :
                     : "rax", "memory");
}

static void far_return_to_kernel(void) {
    __asm__ volatile("pushq $0x08\n\tlea 1f(%%rip), %%rax\n\tpushq %%rax\n\tlretq\n1:"
                     :
                     :
                     : "rax", "memory");
}

/* Asks for I/O privilege and uses it. */
static void raise_iopl(void) {
    __asm__ volatile("pushfq\n\torq $0x3000, (%%rsp)\n\tpopfq\n\tcli" : : : "memory", "cc");
}

static void set_trap_flag(void) {
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop" : : : "memory", "cc");
}

#define CASE(number, text)                                                                         \
    case number:                                                                                   \
        __asm__ volatile(text : : "a"(0), "d"(0), "c"(0x174), "D"(&word), "S"(&word) : "memory");  \
        break;

/* Does instruction `number` of the list in security.c; 99: nothing has stopped it. */
static int privileged(uint64_t number) {
    switch (number) {
        CASE(0, "mov %%rax, %%dr7")
        CASE(1, "mov %%rax, %%dr0")
        CASE(2, "mov %%dr7, %%rax")
        CASE(3, "mov %%rax, %%cr3")
        CASE(4, "mov %%rax, %%cr4")
        CASE(5, "mov %%rax, %%cr8")
        CASE(6, "wrmsr")
        CASE(7, "rdmsr")
        CASE(8, "lgdt (%%rdi)")
        CASE(9, "lidt (%%rdi)")
        CASE(10, "lldt %%ax")
        CASE(11, "ltr %%ax")
        CASE(12, "clts")
        CASE(13, "invlpg (%%rdi)")
        CASE(14, "wbinvd")
        CASE(15, "swapgs")
        CASE(16, "sysretq")
        CASE(17, "rdpmc")
        CASE(18, "sti")
        CASE(19, "outb %%al, $0x80")
        CASE(20, "inl $0x40, %%eax")
        CASE(21, "outw %%ax, %%dx")
        CASE(22, "insb")
        CASE(23, "outsb")
        CASE(24, "int $1")
        CASE(25, "int $2")
        CASE(26, "int $8")
        CASE(27, "int $14")
        CASE(28, "int $0x20")
        CASE(29, "int $0xf1")
        CASE(30, "mov $0x10, %%eax\n\tmov %%eax, %%ss")
        CASE(31, "mov $0x08, %%eax\n\tmov %%eax, %%ds")
        CASE(32, "mov $0x30, %%eax\n\tmov %%eax, %%fs")
    case 33:
        raise_iopl();
        break;
    case 34:
        return_to_kernel();
        break;
    case 35:
        far_return_to_kernel();
        break;
        CASE(36, ".byte 0x0f, 0x01, 0xcb")             /* stac */
        CASE(37, ".byte 0xf3, 0x48, 0x0f, 0xae, 0xd8") /* wrgsbase rax */
    case 38:
        set_trap_flag();
        break;
        CASE(39, "sgdt (%%rdi)")
        CASE(40, "sidt (%%rdi)")
        CASE(41, "smsw %%ax")
    default:
        return 98;
    }
    return 99;
}

/* ---- Ways out of the kernel ------------------------------------------------------------------ */

/* A system call in the last two bytes that a program can have: the kernel returns behind them, to
 * the first address that nobody can map. */
static int edge(uint64_t number) {
    (void)number;
    static const uint8_t code[] = {0x0f, 0x05};
    handle_t memory = HANDLE_NONE;
    uint64_t last = USER_HIGHEST - PAGE_SIZE;
    if (memory_create(startup_handle("account"), PAGE_SIZE, &memory) != OK ||
        memory_write(memory, PAGE_SIZE - sizeof code, code, sizeof code) != OK ||
        memory_map(TASK_SELF, memory, 0, last, PAGE_SIZE, PROT_READ | PROT_EXEC) != OK) {
        return 1;
    }
    __asm__ volatile("jmp *%0" : : "r"(USER_HIGHEST - sizeof code), "a"(SYSCALL_NATIVE | SYS_NULL));
    return 99;
}

static struct upcall_page page __attribute__((aligned(64)));

void hostile_upcall(void);
void hostile_after(void);
__asm__(".bss\n"
        ".align 16\n"
        "    .skip 4096\n"
        "hostile_upcall_stack:\n"
        "    .skip 16\n"
        ".text\n"
        "hostile_upcall:\n"
        "    lea hostile_upcall_stack(%rip), %rsp\n"
        "    call hostile_upcall_body\n"
        "    ud2\n"
        "hostile_after:\n" /* where UPCALL_RETURN with nearly all flags set leads */
        "    pushfq\n"
        "    pop %rdi\n"
        "    pushq $0x202\n"
        "    popfq\n"
        "    call hostile_flags\n"
        "    ud2\n");

/* A fault of the program: the exit code is 100 and the vector. */
void hostile_upcall_body(void);
void hostile_upcall_body(void) {
    task_exit(100 + (int)page.vector);
}

void hostile_flags(uint64_t flags);
void hostile_flags(uint64_t flags) {
    /* Of these IF must be set, and IOPL, NT, RF, VM, VIF and VIP must not. */
    task_exit((flags & 0x1b7200) == 0x200 ? 0 : (int)(flags >> 8 & 0xfff) + 1);
}

/* Leaves the upcall for `rip`. */
static int leave(uint64_t rip, uint64_t flags) {
    static uint8_t stack[4096] __attribute__((aligned(16)));
    if (syscall_4(SYS_THREAD_SET_FOREIGN, 0, (uintptr_t)hostile_upcall, (uintptr_t)&page, 0) !=
        OK) {
        return 1;
    }
    page.rip = rip;
    page.rsp = (uintptr_t)stack + sizeof stack - 8;
    page.rflags = flags;
    syscall_2(SYS_UPCALL_RETURN, 0, 0);
    return 2;
}

static int leave_for(uint64_t rip) {
    return leave(rip, 0);
}

static int all_flags(uint64_t number) {
    return leave((uintptr_t)hostile_after, ~number);
}

/* Single steps, through system calls and behind loads of ss: each goes to the supervisor, which
 * resumes. */
static int step(uint64_t number) {
    uint64_t results = number;
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                     "mov %1, %%eax\n\tsyscall\n\tor %%rax, %0\n\t"
                     "mov %1, %%eax\n\tmov %%ss, %%ecx\n\tmov %%ecx, %%ss\n\tsyscall\n\t"
                     "or %%rax, %0\n\t"
                     "mov %2, %%eax\n\tsyscall\n\tor %%rax, %0\n\t"
                     "pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq"
                     : "+r"(results)
                     : "i"(SYSCALL_NATIVE | SYS_NULL), "i"(SYSCALL_NATIVE | SYS_THREAD_YIELD)
                     : "rax", "rcx", "r11", "memory", "cc");
    return (int)results;
}

/* ---- Bases of FS and GS ---------------------------------------------------------------------- */

static bool set_bases(void) {
    return thread_schedule(HANDLE_NONE, 11, 1) == OK &&
           syscall_2(SYS_THREAD_SET_BASE, 0, (uintptr_t)&word) == OK &&
           syscall_2(SYS_THREAD_SET_BASE, 1, (uintptr_t)&word) == OK;
}

/* Looks again and again whether its bases are what it has set. */
static int bases(uint64_t rounds) {
    word = 77;
    for (uint64_t i = 0; set_bases() && i < rounds; i++) {
        uint32_t fs, gs;
        thread_yield();
        __asm__ volatile("movl %%fs:0, %0\n\tmovl %%gs:0, %1" : "=r"(fs), "=r"(gs));
        if (fs != 77 || gs != 77) {
            return 1;
        }
    }
    return 0;
}

/* Has the same bases and loads selectors, which makes them 0. */
static int selectors(uint64_t number) {
    (void)number;
    while (set_bases()) {
        __asm__ volatile("mov %0, %%fs\n\tmov %0, %%gs" : : "r"(0x23));
        thread_yield();
    }
    return 1;
}

/* ---- Without handles ------------------------------------------------------------------------- */

/* Bit n: argument n must be a handle. */
#define HANDLE(n, type, right) | 1u << (n)
#define OPTIONAL(n, type, right)
#define OWN(n, type, right)
#define SYSTEM(right) | 1u
#define SYSCALL(number, NAME, name, class, handles) [number] = 0 handles,
static const uint32_t wants_handle[SYS_COUNT] = {
#include <axolotl/syscall.def>
};

/* Gives up all it has, then names what it has not: 0, or the call that has not refused it. */
static int beggar(uint64_t number) {
    (void)number;
    enum { GENERATIONS = 3, SLOTS = 0x10000, TRIES = 600 };
    const struct startup *block = startup_block();
    for (uint32_t i = 0; i < block->handle_count; i++) {
        handle_close(block->handles[i].handle);
    }
    for (handle_t handle = 0; handle < GENERATIONS * SLOTS; handle++) {
        if (syscall_2(SYS_HANDLE_INFO, handle, 0) != E_HANDLE ||
            syscall_2(SYS_HANDLE_CLOSE, handle, 0) != E_HANDLE) {
            return SYS_COUNT;
        }
    }
    for (uint32_t op = 0; op < SYS_COUNT; op++) {
        for (uint64_t i = 0; wants_handle[op] != 0 && i < TRIES; i++) {
            uint64_t handle = i < TRIES / 2 ? i : (i * 0x9e3779b97f4a7c15) >> 33;
            if (syscall_6(op, handle, handle, handle, handle, 8, 8) != E_HANDLE) {
                return (int)op + 1;
            }
        }
    }
    struct task_create nothing = {.priority = 1};
    bool refused = syscall_2(SYS_TASK_CREATE, (uintptr_t)&nothing, 0) == E_HANDLE &&
                   syscall_6(SYS_MAP, 0, 0, 0, AREA, PAGE_SIZE, PROT_READ) == E_HANDLE &&
                   syscall_2(SYS_DEVICE_CONFIG, 0, 0) == E_HANDLE;
    return refused ? 0 : SYS_COUNT + 1;
}

/* ---- Tokens of others ------------------------------------------------------------------------ */

static bool stale(token_t token) {
    return syscall_6(SYS_LEASE_READ, token, 0, 0, (uintptr_t)&word, 1, 0) == E_STALE &&
           syscall_6(SYS_LEASE_WRITE, token, 0, 0, (uintptr_t)&word, 1, 0) == E_STALE &&
           syscall_2(SYS_REPLY, token, 0) == E_STALE &&
           syscall_2(SYS_CALL_CANCEL, token, 0) == E_STALE;
}

/* Tries `token`, which is another's, and what is near: 0 if all were refused. */
static int thief(token_t token) {
    uint32_t slot = (uint32_t)token, sequence = (uint32_t)(token >> 32);
    for (uint32_t i = 0; i < 400; i++) {
        for (uint32_t j = 0; j < 40; j++) {
            if (!stale((uint64_t)(sequence + j - 20) << 32 | (slot + i - 200))) {
                return 1;
            }
        }
    }
    return 0;
}

/* ---- More than its share --------------------------------------------------------------------- */

void hostile_sleep(void);
__asm__(".text\n"
        "hostile_sleep:\n"
        "    mov $0x8000002b, %eax\n" /* THREAD_SLEEP */
        "    mov $-1, %rdi\n"
        "    syscall\n"
        "    jmp hostile_sleep\n");

/* One more thing of a kind; what refused it. */
static status_t take(uint64_t kind, uint64_t count) {
    handle_t account = startup_handle("account"), out;
    static handle_t memory;
    if (memory == HANDLE_NONE && memory_create(account, 64 << 20, &memory) != OK) {
        return E_STATE;
    }
    switch (kind) {
    case GREEDY_THREADS:
        return syscall_handle(syscall_6(SYS_THREAD_CREATE, TASK_SELF, (uintptr_t)hostile_sleep, 0,
                                        0, MESSAGE_BUFFER_VA, 1),
                              &out);
    case GREEDY_HANDLES:
        return handle_copy(account, 0, &out);
    case GREEDY_MAPPINGS: /* each with page tables of its own */
        return memory_map(TASK_SELF, memory, 0, AREA + (count << 30), PAGE_SIZE,
                          PROT_READ | MAP_POPULATE);
    case GREEDY_CALLS:
        return call_stage(startup_handle("lent"), PROBE_PARK, NULL, 0, count);
    case GREEDY_PAGES:
        return memory_write(memory, count * PAGE_SIZE, &count, sizeof count);
    default:
        return syscall_handle(syscall_2(SYS_TASK_CLONE, account, 0), &out);
    }
}

/* Takes until it is refused, says so and keeps it. */
static int greedy(uint64_t kind) {
    status_t status = OK;
    for (uint64_t count = 0; status == OK; count++) {
        status = take(kind, count);
    }
    notification_signal(startup_handle("stop"), (uint64_t)-status);
    thread_sleep_until(UINT64_MAX);
    return 0;
}

/* It and all its clones make clones until "stop" is revoked. */
static int bomb(uint64_t number) {
    (void)number;
    while (notification_signal(startup_handle("stop"), 0) == OK) {
        if (take(GREEDY_CLONES, 0) != OK) {
            thread_sleep(NS_PER_MS);
        }
    }
    return 0;
}

static void call_for_ever(void *argument) {
    uint64_t one = 1;
    while (argument == NULL) {
        call_words(startup_handle("lent"), PROBE_ADD, &one, sizeof one, NULL, 0);
    }
}

static int flood(uint64_t threads) {
    for (uint64_t i = 1; i < threads; i++) {
        if (thread_create(call_for_ever, NULL, 11, NULL) != OK) {
            return 1;
        }
    }
    call_for_ever(NULL);
    return 0;
}

/* ---- Addresses ------------------------------------------------------------------------------- */

/* Calls that would end it, block it, or make it two. */
static bool tolerable(uint32_t op) {
    static const uint32_t others[] = {
        SYS_CALL,         SYS_COMMIT_RECEIVE,  SYS_HANDLE_CLOSE,  SYS_NOTIFICATION_WAIT,
        SYS_TASK_EXIT,    SYS_TASK_CLONE,      SYS_THREAD_CREATE, SYS_THREAD_EXIT,
        SYS_THREAD_SLEEP, SYS_THREAD_SCHEDULE, SYS_FUTEX_WAIT,    SYS_UPCALL_RETURN,
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (op == others[i]) {
            return false;
        }
    }
    return true;
}

/* Each argument of each call in turn is an address that is nobody's, with good handles where
 * handles are wanted; every call must return. */
static int addresses(uint64_t number) {
    (void)number;
    static const uint64_t bad[] = {
        0x1000,         USER_HIGHEST - 8,   USER_HIGHEST,       0x0000800000000000,
        1ull << 63,     0xffff7fffffffffff, 0xffff800000000000, 0xffffffff80200000,
        UINT64_MAX - 7, UINT64_MAX,
    };
    enum { BAD = sizeof bad / sizeof bad[0], ARGUMENTS = 6 };
    const handle_t account = startup_handle("account");
    handle_t good[6] = {account};
    if (notification_create(account, &good[1]) != OK || endpoint_create(account, &good[2]) != OK ||
        session_create(good[2], 1, &good[3]) != OK ||
        memory_create(account, PAGE_SIZE, &good[4]) != OK ||
        timer_create(account, good[1], 1, &good[5]) != OK) {
        return 1;
    }
    for (uint32_t i = 0; i < SYS_COUNT * ARGUMENTS * BAD * 6; i++) {
        uint32_t op = i / (ARGUMENTS * BAD * 6);
        uint64_t a[ARGUMENTS];
        for (uint32_t j = 0; j < ARGUMENTS; j++) {
            a[j] = (wants_handle[op] >> j & 1) != 0 ? good[i / (ARGUMENTS * BAD) % 6] : 8;
        }
        a[i % ARGUMENTS] = bad[i / ARGUMENTS % BAD];
        struct message_registers registers = {
            .rdi = a[0], .tag = a[1], .words = {a[2], a[3], a[4], a[5]}};
        if (tolerable(op)) {
            syscall_message(op, &registers);
        }
    }
    struct handle_information information = {0};
    return handle_info(account, &information) == OK && information.type == OBJECT_ACCOUNT ? 0 : 2;
}

int hostile(const char *role, uint64_t number) {
    static const struct {
        const char *name;
        int (*run)(uint64_t number);
    } roles[] = {
        {"privileged", privileged}, {"edge", edge},     {"leave", leave_for},
        {"flags", all_flags},       {"step", step},     {"bases", bases},
        {"selectors", selectors},   {"beggar", beggar}, {"thief", thief},
        {"greedy", greedy},         {"bomb", bomb},     {"flood", flood},
        {"addresses", addresses},
    };
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(role, roles[i].name) == 0) {
            return roles[i].run(number);
        }
    }
    return HOSTILE_UNKNOWN;
}
