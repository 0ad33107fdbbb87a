/* SPDX-License-Identifier: MIT
 * The end: one dump on COM1 and on the screen, then every CPU halts. Uses no lock and no heap; a
 * fault inside the dump halts at once.
 */
#include "console.h"
#include <arch/hooks.h>
#include <common/format.h>
#include <debug.h>

#include "panic.h"

#define BACKTRACE_DEPTH 24

volatile bool panicking;

static char line[256];

void panic_print(const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    size_t size = format_v(line, sizeof(line), text, arguments);
    va_end(arguments);
    size = size < sizeof(line) ? size : sizeof(line) - 1;
    console_serial(line, size);
    console_screen(line, size);
}

void panic_begin(void) {
    if (__atomic_exchange_n(&panicking, true, __ATOMIC_ACQ_REL)) {
        cpu_halt();
    }
    log_console(false);
    if (arch_cpu_usable()) {
        arch_stop_others();
    }
    console_screen_start();
    panic_print("\n*** KERNEL PANIC ***\n");
}

static void print_place(uint64_t address) {
    uint64_t offset;
    const char *name = symbol_lookup(address, &offset);
    if (name != NULL) {
        panic_print("  %016lx %s+0x%lx\n", address, name, offset);
    } else {
        panic_print("  %016lx\n", address);
    }
}

/* A frame is the caller's frame pointer, then the return address. */
void panic_backtrace(uint64_t ip, uint64_t frame) {
    panic_print("Backtrace:\n");
    print_place(ip);
    for (int i = 0; i < BACKTRACE_DEPTH && arch_stack_readable(frame); i++) {
        const uint64_t *words = (const uint64_t *)(uintptr_t)frame;
        if (words[1] == 0) {
            break;
        }
        print_place(words[1]);
        if (words[0] <= frame) { /* callers lie above */
            break;
        }
        frame = words[0];
    }
}

void panic_print_current(void) {
    if (!arch_cpu_usable()) {
        panic_print("CPU 0, during start\n");
        return;
    }
    const struct thread *thread = cpu_current();
    panic_print("CPU %u, task %s\n", cpu_id(), thread != NULL ? thread_describe(thread) : "none");
    if (thread != NULL) {
        const struct arch_context *user = (const struct arch_context *)thread;
        panic_print("User: rip %016lx rsp %016lx rax %016lx\n", user->rip, user->rsp, user->rax);
    }
}

void panic_end(void) {
    panic_print("*** END OF PANIC ***\n");
    cpu_halt();
}

void panic(const char *text, ...) {
    char message[200];
    va_list arguments;
    const uint64_t *frame = __builtin_frame_address(0);
    va_start(arguments, text);
    (void)format_v(message, sizeof(message), text, arguments);
    va_end(arguments);
    panic_begin();
    panic_print("%s\n", message);
    panic_print_current();
    arch_dump_registers();
    panic_backtrace((uintptr_t)__builtin_return_address(0), frame[0]);
    panic_end();
}
