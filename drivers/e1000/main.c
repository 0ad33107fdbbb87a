/* SPDX-License-Identifier: MIT
 * The 82540EM (e1000) and the 82574L (e1000e) as a device of the common part, drivers/netdev.
 */
#include <ipc/actor.h>
#include <netdev/device.h>

#include "nic.h"

#define ID_82540EM 0x8086100eu
#define ID_82574L 0x808610d3u
#define REGISTERS_MIN 0x20000u

ACTOR_IMAGE("e1000", 1, 1, NETDEV_PROTOCOL);

static struct nic nic;

static status_t device_open(const struct netdev_parts *parts) {
    nic.registers = (volatile uint32_t *)(volatile void *)parts->registers;
    nic.buffers_bus = parts->buffers_bus;
    nic.rings = parts->rings;
    nic.rings_bus = parts->rings_bus;
    nic.is_82574 = parts->device_id == (uint16_t)ID_82574L;
    nic.msix = parts->irq_kind == 2;
    return parts->registers_size < REGISTERS_MIN ? E_UNSUPPORTED : OK;
}

static const char *device_name(void) {
    return nic.is_82574 ? "82574L" : "82540EM";
}

static void device_reset(void) {
    nic_reset(&nic);
}

static bool device_start(uint8_t mac[6]) {
    if (!nic_mac(&nic, mac)) {
        return false;
    }
    nic_start(&nic, mac);
    return true;
}

static bool device_interrupt(void) {
    return (nic_interrupt(&nic) & INT_LSC) != 0;
}

/* What happened while a cause was masked is pending and interrupts now. */
static bool device_unmask(bool receive, bool transmit) {
    nic_unmask(&nic, receive, transmit);
    return false;
}

static void device_publish(void) {
    nic_publish(&nic);
}

static uint32_t device_link(void) {
    return nic_link(&nic);
}

static bool device_give(uint32_t buffer) {
    return receive_ring_give(&nic.receive, buffer);
}

static uint32_t device_take(uint32_t *frames, uint32_t limit) {
    return receive_ring_take(&nic.receive, frames, limit, &nic.bad_frames);
}

static bool device_put(uint32_t buffer, uint32_t length) {
    return transmit_ring_put(&nic.transmit, buffer, length);
}

static uint32_t device_lost(void) {
    return nic_lost(&nic);
}

static void device_filter(const struct netif_filter *filter) {
    nic_filter(&nic, filter);
}

static void device_reap(void) {
    (void)transmit_ring_reap(&nic.transmit);
}

int main(void) {
    static const struct netdev_device device = {
        .id_count = 2,
        .ids = {ID_82540EM, ID_82574L},
        .bar = 0,
        .rings_size = RINGS_SIZE,
        .open = device_open,
        .name = device_name,
        .reset = device_reset,
        .start = device_start,
        .interrupt = device_interrupt,
        .unmask = device_unmask,
        .publish = device_publish,
        .link = device_link,
        .give = device_give,
        .take = device_take,
        .put = device_put,
        .reap = device_reap,
        .lost = device_lost,
        .filter = device_filter,
        .transmit = &nic.transmit.owners,
    };
    netdev_run(&device);
}
