/* SPDX-License-Identifier: MIT
 * Port ranges. Bytes drained from a FIFO are kept until the reader's commit: after a reset they
 * come first, so that none is lost.
 */
#include <arch/port.h>
#include <common/string.h>
#include <debug.h>
#include <syscall.h>
#include <system.h>

#define LOG_UART 0x3f8u /* COM1 */
#define FILL_MAX 64u

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
        log_console(system_boot->verbose);
    }
    port_write((uint16_t)(ioport->base + offset), width, value);
}

static uint32_t read(const struct ioport *ioport, uint64_t offset, uint64_t width) {
    return port_read((uint16_t)(ioport->base + offset), (unsigned)width);
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

/* ---- system calls ---------------------------------------------------------------------------- */

static bool range_ok(const struct ioport *ioport, uint64_t offset, uint64_t width) {
    return (width == 1 || width == 2 || width == 4) && offset < ioport->count &&
           width <= ioport->count - offset;
}

int64_t sys_port_read(struct thread *thread, struct ioport *ioport) {
    if (!range_ok(ioport, ARG(1), ARG(2))) {
        return E_RANGE;
    }
    return read(ioport, ARG(1), ARG(2));
}

/* The `length` bytes of `value`, one access of `width` after the other. */
static status_t put(struct thread *thread, struct ioport *ioport, uint64_t width, uint64_t length,
                    uint64_t value) {
    return effect(thread, &(struct staged){.kind = STAGED_PORT_WRITE,
                                           .object = &ioport->object,
                                           .offset = (uint16_t)ARG(1),
                                           .flags = (uint32_t)width,
                                           .length = (uint8_t)length,
                                           .value = value});
}

int64_t sys_port_write(struct thread *thread, struct ioport *ioport) {
    return range_ok(ioport, ARG(1), ARG(2)) ? put(thread, ioport, ARG(2), ARG(2), ARG(3)) : E_RANGE;
}

int64_t sys_port_fill(struct thread *thread, struct ioport *ioport) {
    uint64_t values[FILL_MAX / 8] = {0}, count = ARG(3);
    const struct list *mark = thread->task->staged.prev;
    if (!range_ok(ioport, ARG(1), 1) || count > sizeof(values)) {
        return E_RANGE;
    }
    TRY(copy_from_user(values, ARG(2), count));
    for (uint64_t done = 0; done < count; done += 8) {
        status_t status =
            put(thread, ioport, 1, count - done < 8 ? count - done : 8, values[done / 8]);
        if (status != OK) {
            staged_rollback(thread->task, mark);
            return status;
        }
    }
    return OK;
}

int64_t sys_port_drain(struct thread *thread, struct ioport *ioport) {
    uint8_t bytes[IOPORT_KEPT] = {0};
    uint64_t status = ARG(1), data = ARG(3), size = ARG(5), count = 0;
    if (!range_ok(ioport, status, 1) || !range_ok(ioport, data, 1) || size > sizeof(bytes)) {
        return E_RANGE;
    }
    /* The buffer must be good before bytes leave the device. */
    TRY(copy_to_user(ARG(4), bytes, size));
    for (; count < size; count++) { /* kept bytes first, then the hardware */
        if (ioport->kept_next == ioport->kept_length) {
            if (ioport->kept_length == IOPORT_KEPT || (read(ioport, status, 1) & ARG(2)) == 0) {
                break;
            }
            ioport->kept[ioport->kept_length++] = (uint8_t)read(ioport, data, 1);
        }
        bytes[count] = ioport->kept[ioport->kept_next++];
    }
    if (!thread->task->actor) {
        ioport_commit(ioport);
    } else if (list_unlinked(&ioport->kept_link)) {
        list_push_back(&thread->task->kept_ports, &ioport->kept_link);
        thread->task->pending = true;
    }
    TRY(copy_to_user(ARG(4), bytes, count));
    return (int64_t)count;
}
