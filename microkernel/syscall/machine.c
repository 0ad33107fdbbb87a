/* SPDX-License-Identifier: MIT
 * Interrupts, ports, devices and the system object.
 */
#include <arch/pci.h>
#include <common/string.h>
#include <debug.h>
#include <syscall.h>
#include <system.h>

#define LOG_READ_MAX 2048

int64_t sys_irq_bind(struct thread *thread, struct irq *irq, struct notification *notification) {
    irq_bind(irq, notification, ARG(2));
    return OK;
}

int64_t sys_irq_ack(struct thread *thread, struct irq *irq) {
    (void)thread;
    irq_ack(irq);
    return OK;
}

/* ---- ports ----------------------------------------------------------------------------------- */

static bool port_range_ok(const struct ioport *ioport, uint64_t offset, uint64_t width) {
    return (width == 1 || width == 2 || width == 4) && offset < ioport->count &&
           width <= ioport->count - offset;
}

int64_t sys_port_read(struct thread *thread, struct ioport *ioport) {
    if (!port_range_ok(ioport, ARG(1), ARG(2))) {
        return E_RANGE;
    }
    return ioport_read(ioport, (uint32_t)ARG(1), (uint32_t)ARG(2));
}

int64_t sys_port_write(struct thread *thread, struct ioport *ioport) {
    if (!port_range_ok(ioport, ARG(1), ARG(2))) {
        return E_RANGE;
    }
    return effect(thread, &(struct staged){.kind = STAGED_PORT_WRITE,
                                           .object = &ioport->object,
                                           .offset = (uint16_t)ARG(1),
                                           .flags = (uint32_t)ARG(2),
                                           .value = ARG(3)});
}

int64_t sys_port_drain(struct thread *thread, struct ioport *ioport) {
    uint8_t bytes[IOPORT_KEPT];
    uint64_t status = ARG(1), data = ARG(3), size = ARG(5);
    if (!port_range_ok(ioport, status, 1) || !port_range_ok(ioport, data, 1) ||
        size > sizeof(bytes)) {
        return E_RANGE;
    }
    /* The buffer must be good before bytes leave the device. */
    memset(bytes, 0, sizeof(bytes));
    TRY(copy_to_user(ARG(4), bytes, size));
    uint32_t count = ioport_drain(ioport, (uint32_t)status, (uint32_t)ARG(2), (uint32_t)data, bytes,
                                  (uint32_t)size);
    if (!thread->task->actor) {
        ioport_commit(ioport);
    } else if (list_unlinked(&ioport->kept_link)) {
        list_push_back(&thread->task->kept_ports, &ioport->kept_link);
        thread->task->pending = true;
    }
    TRY(copy_to_user(ARG(4), bytes, count));
    return count;
}

int64_t sys_port_fill(struct thread *thread, struct ioport *ioport) {
    uint8_t bytes[STAGED_BYTES];
    uint64_t data = ARG(1), count = ARG(3);
    if (!port_range_ok(ioport, data, 1) || count > sizeof(bytes)) {
        return E_RANGE;
    }
    TRY(copy_from_user(bytes, ARG(2), count));
    if (!thread->task->actor) {
        for (uint64_t i = 0; i < count; i++) {
            ioport_write(ioport, (uint32_t)data, 1, bytes[i]);
        }
        return OK;
    }
    struct staged *fill = staged_add(thread->task, STAGED_PORT_FILL);
    if (fill == NULL) {
        return E_QUOTA;
    }
    fill->object = &ioport->object;
    object_get(fill->object);
    fill->offset = (uint16_t)data;
    fill->length = (uint8_t)count;
    memcpy(fill->bytes, bytes, count);
    return OK;
}

/* ---- devices --------------------------------------------------------------------------------- */

int64_t sys_device_config(struct thread *thread) {
    struct device *device;
    bool store = ARG(4) != 0;
    uint32_t value = (uint32_t)ARG(3);
    LOOKUP(0, OBJECT_DEVICE, store ? RIGHT_MANAGE : RIGHT_READ, &device);
    TRY(device_config(device, ARG(1), ARG(2), store, &value));
    return value;
}

int64_t sys_device_bar(struct thread *thread, struct device *device, struct account *account) {
    struct object *object;
    uint64_t size;
    if (ARG(1) > 5) {
        return E_INVALID;
    }
    TRY(device_bar(device, (uint32_t)ARG(1), account, &object, &size));
    thread->context.rdi = size;
    return give_new(thread, object, RIGHT_ALL & ~RIGHT_EXECUTE);
}

int64_t sys_device_irq(struct thread *thread, struct device *device, struct account *account) {
    struct irq *irq;
    uint32_t kind;
    TRY(device_irq(device, (uint32_t)ARG(1), account, (uint32_t)ARG(3), (uint32_t)ARG(4), &irq,
                   &kind));
    thread->context.rdi = kind;
    return give_new(thread, &irq->object, RIGHT_ALL);
}

int64_t sys_device_dma(struct thread *thread, struct device *device, struct account *account) {
    struct memory *memory;
    TRY(device_dma(device, ARG(1), account, &memory));
    thread->context.rdi = memory->base;
    return give_new(thread, &memory->object, RIGHT_ALL & ~RIGHT_EXECUTE);
}

int64_t sys_device_enable(struct thread *thread, struct device *device) {
    device_enable(device, ARG(1) != 0);
    return OK;
}

/* ---- system object --------------------------------------------------------------------------- */

int64_t sys_system_info(struct thread *thread) {
    union system_answer answer;
    size_t size;
    TRY(system_describe((uint32_t)ARG(1), (uint32_t)ARG(2), &answer, &size));
    if (ARG(4) < size) {
        size = ARG(4);
    }
    TRY(copy_to_user(ARG(3), &answer, size));
    return (int64_t)size;
}

int64_t sys_system_pci_read(struct thread *thread) {
    uint64_t address = ARG(1), width = ARG(2);
    if (address >> 24 != 0 || (width != 1 && width != 2 && width != 4) || address % width != 0) {
        return E_RANGE;
    }
    return pci_config_read((uint32_t)address & ~0xffu, address & 0xff, (unsigned)width);
}

int64_t sys_system_reboot(struct thread *thread) {
    (void)thread;
    arch_reboot();
}

int64_t sys_log_write(struct thread *thread) {
    char line[256];
    uint64_t length = ARG(2);
    if (length > sizeof(line)) {
        return E_RANGE;
    }
    TRY(copy_from_user(line, ARG(1), length));
    for (uint64_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            line[i] = ' ';
        }
    }
    kernel_log("%s: %.*s", thread->task->name, (int)length, line);
    return OK;
}

int64_t sys_log_read(struct thread *thread) {
    char bytes[LOG_READ_MAX];
    uint64_t position = ARG(1), size = ARG(3) < sizeof(bytes) ? ARG(3) : sizeof(bytes);
    size = log_read(&position, bytes, size);
    TRY(copy_to_user(ARG(2), bytes, size));
    thread->context.rdi = position;
    return (int64_t)size;
}
