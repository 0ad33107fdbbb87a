/* SPDX-License-Identifier: MIT
 * The kernel log: a ring of bytes. Lock: the kernel lock (a panic writes without it).
 */
#include <arch/boot.h>
#include <arch/timer.h>
#include <common/format.h>
#include <common/string.h>
#include <debug.h>

#include "console.h"

#define RING_SIZE 32768u
#define LINE_SIZE 256u

_Static_assert((RING_SIZE & (RING_SIZE - 1)) == 0, "positions are taken modulo the size");

static char ring[RING_SIZE];
static uint64_t head; /* bytes ever written */
static bool to_console = true;

void log_console(bool on) {
    to_console = on;
}

uint64_t log_head(void) {
    return head;
}

void log_append(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ring[head++ % RING_SIZE] = bytes[i];
    }
    if (to_console) {
        console_serial(bytes, size);
    }
}

size_t log_read(uint64_t *position, char *to, size_t size) {
    uint64_t oldest = head > RING_SIZE ? head - RING_SIZE : 0;
    uint64_t at = *position < oldest ? oldest : *position;
    size_t count = 0;
    while (at + count < head && count < size) {
        to[count] = ring[(at + count) % RING_SIZE];
        count++;
    }
    *position = at;
    return count;
}

void log_clean(char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        text[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    }
}

void kernel_log(const char *text, ...) {
    char line[LINE_SIZE];
    size_t length = 0;
    uint64_t now = time_now() / 1000;
    va_list arguments;
    format_append(line, sizeof(line) - 1, &length, "[%5lu.%06lu] ", now / 1000000, now % 1000000);
    va_start(arguments, text);
    size_t size = format_v(line + length, sizeof(line) - 1 - length, text, arguments);
    va_end(arguments);
    length += size < sizeof(line) - 1 - length ? size : sizeof(line) - 2 - length;
    line[length++] = '\n';
    log_append(line, length);
}

void log_boot(const struct boot_info *info) {
    for (uint32_t i = 0; info->verbose && i < info->ram_count; i++) {
        kernel_log("memory: 0x%012lx to 0x%012lx", info->ram[i].start, info->ram[i].end);
    }
    kernel_log("memory: %lu KiB, %u modules, %s, ACPI %s", info->memory_total / 1024,
               info->module_count, info->uefi ? "UEFI" : "BIOS",
               info->rsdp != 0 ? "found" : "absent");
}
