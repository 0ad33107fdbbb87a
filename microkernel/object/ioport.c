/* SPDX-License-Identifier: MIT
 * Port ranges. Bytes drained from a FIFO are kept until the reader's commit: after a reset they
 * come first, so that none is lost.
 */
#include <arch/port.h>
#include <common/string.h>
#include <debug.h>
#include <machine.h>
#include <system.h>

#define LOG_UART 0x3f8u /* COM1 */

status_t ioport_create(struct account *account, uint32_t base, uint32_t count,
                       struct ioport **out) {
    struct ioport *ioport;
    TRY(object_create(OBJECT_IOPORT, sizeof(*ioport), account, &ioport));
    ioport->base = (uint16_t)base;
    ioport->count = (uint16_t)count;
    ioport->log = base <= LOG_UART && LOG_UART < base + count;
    list_init(&ioport->kept_link);
    *out = ioport;
    return OK;
}

void ioport_write(struct ioport *ioport, uint32_t offset, uint32_t width, uint32_t value) {
    if (UNLIKELY(ioport->log)) {
        ioport->log = false;
        log_console(system_verbose());
    }
    port_write((uint16_t)(ioport->base + offset), width, value);
}

uint32_t ioport_read(struct ioport *ioport, uint32_t offset, uint32_t width) {
    return port_read((uint16_t)(ioport->base + offset), width);
}

uint32_t ioport_drain(struct ioport *ioport, uint32_t status, uint32_t mask, uint32_t data,
                      uint8_t *to, uint32_t size) {
    uint32_t count = 0;
    while (count < size && ioport->kept_next < ioport->kept_length) {
        to[count++] = ioport->kept[ioport->kept_next++];
    }
    while (count < size && ioport->kept_length < IOPORT_KEPT &&
           (ioport_read(ioport, status, 1) & mask) != 0) {
        uint8_t byte = (uint8_t)ioport_read(ioport, data, 1);
        ioport->kept[ioport->kept_length++] = byte;
        ioport->kept_next = ioport->kept_length;
        to[count++] = byte;
    }
    return count;
}

void ioport_commit(struct ioport *ioport) {
    /* Bytes of an earlier incarnation that were not asked for again stay. */
    ioport->kept_length = (uint8_t)(ioport->kept_length - ioport->kept_next);
    memmove(ioport->kept, ioport->kept + ioport->kept_next, ioport->kept_length);
    ioport->kept_next = 0;
}

void ioport_rollback(struct ioport *ioport) {
    ioport->kept_next = 0;
}
