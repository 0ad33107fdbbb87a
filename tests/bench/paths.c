/* SPDX-License-Identifier: MIT
 * Measures the kernel's paths one by one, between tasks that are clones of this program: calls
 * without an arena, notifications, switches, faults, upcalls, an interrupt, lives of tasks and
 * threads. With the argument "growth" it measures how some of them grow (growth.c), with "longest"
 * how long the kernel keeps interrupts off (longest.c), with "smp" the calls alone, on CPU 0.
 */
#include <common/string.h>
#include <ipc/cpu.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/message.h>
#include <ipc/startup.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "bench.h"
#include "paths.h"

/* ---- calls -------------------------------------------------------------------------------------
 */

void measure_null(uint64_t argument) {
    (void)argument;
    syscall_2(SYS_NULL, 0, 0);
}

static void run_calls(void) {
    static uint8_t lent[PAGE_SIZE];
    struct message_buffer *buffer = message_buffer();
    memset(lent, 1, sizeof lent);
    measure_calls("call_plain", peers.session, TAG(SERVE_NOTHING, 6, 0, 0));
    measure_calls("call_64_words", peers.session, TAG(SERVE_WORDS, MESSAGE_WORDS, 0, 0));
    buffer->leases[0] = lease_in(lent, sizeof lent);
    measure_calls("call_lease", peers.session, TAG(SERVE_NOTHING, 6, 1, 0));
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct bench_message message = {.rdi = peers.session,
                                        .tag = TAG(SERVE_LEASE_READ, 6, 1, 0)};
        bench_call(&message);
        SHARED->samples[i] = SHARED->end - SHARED->start;
    }
    measure_report("lease_copy_4k", SHARED->samples, ROUNDS);
    buffer->handles[0] = (struct handle_slot){peers.finished, RIGHT_SIGNAL};
    measure_calls("call_handle", peers.session, TAG(SERVE_HANDLE, 6, 0, 1));
    struct bench_message drop = {.rdi = peers.session, .tag = TAG(SERVE_DROP, 0, 0, 0)};
    bench_call(&drop);
}

/* ---- notifications and switches ----------------------------------------------------------------
 */

static handle_t woken;

static void stamp_wake(uint64_t argument) {
    (void)argument;
    for (;;) {
        wait_for(woken, 1);
        SHARED->end = cpu_cycles();
    }
}

static void stamp_yield(uint64_t argument) {
    (void)argument;
    for (;;) {
        thread_yield();
        SHARED->end = cpu_cycles();
    }
}

static void measure_signal(uint64_t bits) {
    notification_signal(woken, bits);
}

/* From before the system call here to after the return of the peer's. */
static void run_switch(const char *name, void (*act)(uint64_t), uint64_t argument) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        SHARED->start = cpu_cycles();
        act(argument);
        SHARED->samples[i] = SHARED->end - SHARED->start;
    }
    measure_report(name, SHARED->samples, ROUNDS);
}

static void do_yield(uint64_t argument) {
    (void)argument;
    thread_yield();
}

bool run_switches(void) {
    handle_t waiter, yielder;
    if (notification_create(peers.account, &woken) != OK ||
        !peer_start(stamp_wake, 0, PRIORITY_HIGH, &waiter) ||
        !peer_start(stamp_yield, 0, PRIORITY_LOW, &yielder)) {
        return false;
    }
    thread_sleep(NS_PER_MS); /* all of them are where they wait */
    thread_schedule(HANDLE_NONE, PRIORITY_LOW, 0);
    run_switch("yield_switch", do_yield, 0);
    task_destroy(yielder);
    run_switch("signal_wake", measure_signal, 1);
    thread_schedule(HANDLE_NONE, PRIORITY_HIGH, 0);
    task_destroy(waiter);
    handle_close(waiter);
    handle_close(yielder);
    measure_each("signal", measure_signal, 2);
    handle_close(woken);
    return true;
}

/* ---- faults and upcalls ------------------------------------------------------------------------
 */

#define FAULTS 51 /* each is a line of the log */

static void fault_rounds(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint64_t before = cpu_cycles();
        __asm__ volatile("ud2" : : : "memory");
        SHARED->samples[i] = cpu_cycles() - before;
    }
    peer_finish();
}

static void touch_rounds(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint64_t before = cpu_cycles();
        *(volatile uint64_t *)(BLOCKS_VA + i * PAGE_SIZE) = 1;
        SHARED->samples[i] = cpu_cycles() - before;
    }
    peer_finish();
}

static struct upcall_page upcall __attribute__((aligned(4096)));

/* Goes back at once, after a fault beyond the instruction. rdi: the page. */
void bench_upcall(void);
__asm__(".text\n"
        "bench_upcall:\n"
        "    cmpl $2, 160(%rdi)\n" /* reason: UPCALL_FAULT */
        "    jne 1f\n"
        "    addq $2, 112(%rdi)\n" /* rip */
        "1:  movl $0x8000002f, %eax\n"
        "    syscall\n"
        "    ud2\n");
_Static_assert(offsetof(struct upcall_page, reason) == 160 && UPCALL_FAULT == 2 &&
                   offsetof(struct upcall_page, rip) == 112 && SYS_UPCALL_RETURN == 0x2f,
               "bench_upcall");

static uint8_t program_stack[PAGE_SIZE] __attribute__((aligned(16)));
static volatile bool program_faults;

/* What the foreign thread runs as its program. */
static void foreign_program(void) {
    if (program_faults) {
        fault_rounds(ROUNDS);
    } else {
        for (unsigned i = 0; i < ROUNDS; i++) {
            uint64_t before = cpu_cycles();
            int64_t number = 39;
            __asm__ volatile("syscall" : "+a"(number) : : "rcx", "r11", "memory");
            SHARED->samples[i] = cpu_cycles() - before;
        }
        peer_finish();
    }
    task_exit(0);
}

static void run_foreign(uint64_t faults) {
    program_faults = faults != 0;
    syscall_4(SYS_THREAD_SET_FOREIGN, 0, (uintptr_t)bench_upcall, (uintptr_t)&upcall, 0);
    upcall.rip = (uintptr_t)foreign_program;
    upcall.rsp = (uintptr_t)program_stack + sizeof program_stack - 8;
    upcall.rflags = 0x202;
    syscall_2(SYS_UPCALL_RETURN, 0, 0);
}

static bool run_faults(void) {
    handle_t paged, task;
    if (!peer_start(run_foreign, 0, PRIORITY_HIGH, NULL)) {
        return false;
    }
    peer_report("foreign_call", ROUNDS);
    if (!peer_start(run_foreign, 1, PRIORITY_HIGH, NULL)) {
        return false;
    }
    peer_report("fault_upcall", ROUNDS);
    if (!peer_start(fault_rounds, FAULTS, PRIORITY_HIGH, &task) ||
        task_supervise(task, peers.session, HANDLE_NONE, 0) != OK) {
        return false;
    }
    peer_report("fault_supervisor", FAULTS);
    task_destroy(task);
    if (memory_create_paged(peers.account, ROUNDS * PAGE_SIZE, peers.session, &paged) != OK ||
        memory_map(TASK_SELF, paged, 0, BLOCKS_VA, ROUNDS * PAGE_SIZE, PROT_READ | PROT_WRITE) !=
            OK ||
        !peer_start(touch_rounds, ROUNDS, PRIORITY_HIGH, NULL)) {
        return false;
    }
    peer_report("page_fault_pager", ROUNDS);
    return memory_unmap(TASK_SELF, BLOCKS_VA, ROUNDS * PAGE_SIZE) == OK;
}

/* ---- an interrupt ------------------------------------------------------------------------------
 */

/* The real-time clock: register numbers, and 8,192 interrupts a second. */
enum { RTC_A = 0x0a, RTC_B = 0x0b, RTC_C = 0x0c, RTC_RATE = 0x23, RTC_PERIODIC = 0x40 };

static handle_t rtc, rtc_event;

static uint32_t rtc_read(uint32_t number) {
    uint32_t value = 0;
    port_write(rtc, 0, 1, number);
    (void)port_read(rtc, 1, 1, &value);
    return value;
}

static void rtc_write(uint32_t number, uint32_t value) {
    port_write(rtc, 0, 1, number);
    port_write(rtc, 1, 1, value);
}

/* The peer below it writes the time all the while. */
static void stamp_interrupts(uint64_t argument) {
    (void)argument;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        wait_for(rtc_event, 1);
        SHARED->samples[i] = cpu_cycles() - SHARED->start;
        rtc_read(RTC_C); /* or it sends no other */
    }
    SHARED->count = 1;
    peer_finish();
}

static bool run_interrupts(void) {
    handle_t irq;
    if (system_ioport(peers.system, 0x70, 2, peers.account, &rtc) != OK ||
        system_irq(peers.system, 8, SYSTEM_IRQ_ISA, peers.account, &irq) != OK ||
        notification_create(peers.account, &rtc_event) != OK ||
        !peer_start(stamp_interrupts, 0, PRIORITY_HIGH, NULL)) {
        return false;
    }
    SHARED->count = 0;
    thread_sleep(NS_PER_MS);
    thread_schedule(HANDLE_NONE, PRIORITY_LOW, 0);
    irq_bind(irq, rtc_event, 1);
    uint32_t rate = rtc_read(RTC_A), control = rtc_read(RTC_B);
    rtc_write(RTC_A, RTC_RATE);
    rtc_write(RTC_B, control | RTC_PERIODIC);
    while (SHARED->count == 0) {
        SHARED->start = cpu_cycles();
    }
    rtc_write(RTC_B, control);
    rtc_write(RTC_A, rate);
    thread_schedule(HANDLE_NONE, PRIORITY_HIGH, 0);
    peer_report("irq_wake", ROUNDS);
    handle_close(irq);
    return true;
}

/* ---- lives of tasks and threads ----------------------------------------------------------------
 */

/* An ELF file of one page: its only code is mov $TASK_EXIT, %eax; syscall. */
static const struct {
    uint8_t identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t size, program_size, programs, section_size, sections, names;
    uint32_t segment, access;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
    uint8_t code[8];
} exit_program = {
    .identity = {0x7f, 'E', 'L', 'F', 2, 1, 1},
    .type = 2,
    .machine = 62,
    .version = 1,
    .entry = IMAGE_VA + 120,
    .program_offset = 64,
    .size = 64,
    .program_size = 56,
    .programs = 1,
    .segment = 1,
    .access = 5,
    .address = IMAGE_VA,
    .file_size = sizeof exit_program,
    .memory_size = sizeof exit_program,
    .alignment = PAGE_SIZE,
    .code = {0xb8, SYS_TASK_EXIT, 0, 0, 0x80, 0x0f, 0x05},
};
_Static_assert(offsetof(__typeof__(exit_program), code) == 120, "ELF");

static handle_t exit_image, ended;

bool lives_prepare(void) {
    handle_t file;
    return memory_create(peers.account, PAGE_SIZE, &file) == OK &&
           memory_write(file, 0, &exit_program, sizeof exit_program) == OK &&
           image_create(peers.account, file, sizeof exit_program, &exit_image) == OK &&
           notification_create(peers.account, &ended) == OK;
}

void measure_task_life(uint64_t argument) {
    struct task_create parameters = {.account = peers.account,
                                     .image = exit_image,
                                     .priority = PRIORITY_HIGH,
                                     .name = "benchlife"};
    handle_t task;
    (void)argument;
    if (task_create(&parameters, &task) == OK) {
        task_supervise(task, HANDLE_NONE, ended, 1);
        task_start(task);
        wait_for(ended, 1);
        handle_close(task);
    }
}

static uint32_t thread_ended;

static void end_thread(void *argument) {
    (void)argument;
    __atomic_store_n(&thread_ended, 1, __ATOMIC_RELEASE);
    futex_wake(&thread_ended, 1);
}

void measure_thread_life(uint64_t argument) {
    (void)argument;
    thread_ended = 0;
    if (thread_create(end_thread, NULL, PRIORITY_HIGH, NULL) == OK) {
        while (__atomic_load_n(&thread_ended, __ATOMIC_ACQUIRE) == 0) {
            futex_wait(&thread_ended, 0, DEADLINE_NONE);
        }
    }
}

/* ------------------------------------------------------------------------------------------------
 */

static bool run_smp(void) {
    measure_suffix("_smp");
    measure_each("null", measure_null, 0);
    measure_calls("call_plain", peers.session, TAG(SERVE_NOTHING, 6, 0, 0));
    measure_calls("round_trip", startup_handle("benchserver"), TAG(0, 2, 0, 0));
    return run_switches();
}

static bool run_all(void) {
    run_calls();
    if (!run_switches() || !run_faults() || !run_interrupts() || !lives_prepare()) {
        return false;
    }
    measure_each("task_life", measure_task_life, 0);
    measure_each("thread_life", measure_thread_life, 0);
    return true;
}

int main(void) {
    const char *what = startup_argc() > 0 ? startup_argv(0) : "";
    bool smp = strcmp(what, "smp") == 0;
    measure_start();
    bool good = peers_start(startup_handle("account"), startup_handle("system"), smp ? 1 : 0) &&
                (smp                            ? run_smp()
                 : strcmp(what, "growth") == 0  ? run_growth(startup_handle("benchserver"))
                 : strcmp(what, "longest") == 0 ? run_longest()
                                                : run_all());
    log_line("bench: %s 0 0", good ? "end" : "failed");
    thread_sleep_until(UINT64_MAX - 1);
    return 0;
}
