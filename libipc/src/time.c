/* SPDX-License-Identifier: MIT */
/* Time from the cycle counter and the kernel's clock page. */
#include <ipc/cpu.h>
#include <ipc/time.h>

static const struct clock_page *clock_page(void) {
    return (const struct clock_page *)CLOCK_PAGE_VA;
}

uint64_t time_now_ns(void) {
    const struct clock_page *page = clock_page();
    uint64_t ticks = cpu_cycles() - page->tsc_base;
    return (uint64_t)((unsigned __int128)ticks * page->mult >> 32);
}

uint64_t time_wall_ns(void) {
    uint64_t base = clock_page()->wall_base;
    return base == 0 ? 0 : base + time_now_ns();
}
