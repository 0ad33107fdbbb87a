/* SPDX-License-Identifier: MIT */
/*
 * The wall clock: the real-time clock is read once, before the first service starts, and its time
 * put into the clock page that all tasks see. One register a turn, since the write that selects it
 * happens at the turn's end.
 */
#include "init.h"

#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/memory.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/time.h>

#define CLOCK_VA 0x500000000000ull /* the clock page, writable */
#define RTC_PORT 0x70u             /* index, and data behind it */
#define INDEX_NMI_OFF 0x80u
#define TRIES                                                                                      \
    200u /* the clock may be updating for 2 ms; without a clock it seems to do so for ever */

static status_t clock_set(uint64_t wall) {
    uint64_t now = time_now_ns();
    status_t status = memory_map(TASK_SELF, startup_handle("clock"), 0, CLOCK_VA, PAGE_SIZE,
                                 PROT_READ | PROT_WRITE);
    if (status != OK) {
        return status;
    }
    ((struct clock_page *)CLOCK_VA)->wall_base = wall > now ? wall - now : 0;
    return memory_unmap(TASK_SELF, CLOCK_VA, PAGE_SIZE);
}

/* From turn to turn, and not in the arena: a new incarnation reads anew. */
static struct {
    uint32_t next, tries; /* next: of rtc_registers */
    bool selected;        /* that register, by the last turn */
    uint8_t values[RTC_READS];
} reader;

/* Takes the register that the last turn selected and selects the next one. */
static status_t clock_read(void) {
    uint32_t value = 0;
    status_t status = OK;
    if (init.clock_ports == HANDLE_NONE) {
        status = system_ioport(init.system, RTC_PORT, 2, init.account, &init.clock_ports);
    } else if (reader.selected) {
        status = port_read(init.clock_ports, 1, 1, &value);
        reader.values[reader.next++] = (uint8_t)value;
    }
    if (reader.next == RTC_READS && !rtc_steady(reader.values) && ++reader.tries < TRIES) {
        reader.next = 0;
    }
    if (status == OK && reader.next < RTC_READS) {
        status = port_write(init.clock_ports, 0, 1, rtc_registers[reader.next] | INDEX_NMI_OFF);
        reader.selected = true;
    }
    return status;
}

bool clock_step(void) {
    if (init.clock_done) {
        return true;
    }
    status_t status = clock_read();
    if (status == OK && reader.next < RTC_READS) {
        return false;
    }
    if (status == OK) {
        status = port_write(init.clock_ports, 0, 1, 0);
    }
    if (status == OK && reader.tries < TRIES) {
        status = clock_set(rtc_time(reader.values));
    }
    if (status != OK) {
        log_line("real-time clock: %s", status_text(status));
    }
    handle_close(init.clock_ports);
    init.clock_done = true;
    return true;
}
