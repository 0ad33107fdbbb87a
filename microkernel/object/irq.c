/* SPDX-License-Identifier: MIT
 * Interrupt objects: a line or message signals a notification. A level-triggered line stays masked
 * from the interrupt to IRQ_ACK; message-signalled ones are edges and need no acknowledgement.
 */
#include <arch/hooks.h>
#include <arch/irq.h>
#include <common/string.h>
#include <sched.h>
#include <syscall.h>
#include <trace.h>

static struct irq *by_vector[IRQ_VECTOR_END];

static status_t irq_register(struct account *account, uint32_t vector, struct irq **out) {
    status_t status = object_create(OBJECT_IRQ, sizeof(struct irq), account, out);
    if (status != OK) {
        irq_release(vector);
        return status;
    }
    (*out)->vector = vector;
    by_vector[vector] = *out;
    return OK;
}

status_t irq_create(struct account *account, uint64_t number, uint64_t flags, struct irq **out) {
    struct irq_line line = {(uint32_t)number, (flags & 2) != 0, (flags & 4) != 0};
    uint32_t vector;
    if (flags > 7 || number > ((flags & 1) != 0 ? 15 : 0xffff)) {
        return E_INVALID;
    }
    if ((flags & 1) != 0) {
        irq_isa_line((uint32_t)number, &line);
    }
    TRY(irq_route(&line, &vector));
    return irq_register(account, vector, out);
}

status_t irq_create_message(struct account *account, struct irq **out, uint64_t *address,
                            uint32_t *data) {
    uint32_t vector;
    TRY(irq_route_message(&vector, address, data));
    return irq_register(account, vector, out);
}

int64_t sys_irq_bind(struct thread *thread, struct irq *irq, struct notification *notification) {
    object_get(&notification->object);
    object_put(OBJECT_OF(irq->notification));
    irq->notification = notification;
    irq->bits = ARG(2);
    irq_mask(irq->vector, false);
    return OK;
}

int64_t sys_irq_ack(struct thread *thread, struct irq *irq) {
    (void)thread;
    if (irq->notification != NULL) {
        irq_mask(irq->vector, false);
    }
    return OK;
}

void irq_quiesce(struct irq *irq) {
    irq_mask(irq->vector, true);
    object_put(OBJECT_OF(irq->notification));
    irq->notification = NULL;
}

void irq_destroy(struct object *object) {
    struct irq *irq = (struct irq *)object;
    irq_quiesce(irq);
    by_vector[irq->vector] = NULL;
    irq_release(irq->vector);
    object_put(OBJECT_OF(irq->device));
}

status_t irq_describe(uint32_t index, struct irq_info *out) {
    for (uint32_t vector = 0; vector < IRQ_VECTOR_END; vector++) {
        const struct irq *irq = by_vector[vector];
        if (irq != NULL && index-- == 0) {
            const struct notification *notification = irq->notification;
            *out = (struct irq_info){irq_gsi(vector), vector, irq->count, ""};
            if (notification != NULL && notification->actor != NULL) {
                strlcpy(out->name, notification->actor->name, sizeof out->name);
            }
            return OK;
        }
    }
    return E_NOT_FOUND;
}

void irq_handle(uint32_t vector) {
    struct irq *irq = by_vector[vector];
    note_irq(vector);
    if (irq != NULL) {
        irq->count++;
        if (irq->notification != NULL) {
            notification_signal(irq->notification, irq->bits);
        }
    }
    sched_exit();
}
