/* SPDX-License-Identifier: MIT
 * virtio-net over modern PCI as a device of the common part, drivers/netdev.
 */
#include <ipc/actor.h>

#include "nic.h"

#define ID_MODERN 0x1af41041u
#define ID_TRANSITIONAL 0x1af41000u /* has the modern structures too */

ACTOR_IMAGE("virtio_net", 1, 1, NETDEV_PROTOCOL);

static struct nic nic;

static status_t device_open(const struct netdev_parts *parts) {
    return nic_open(&nic, parts);
}

static bool device_bypass(void) {
    return !nic.has_platform;
}

static const char *device_name(void) {
    return "virtio-net";
}

static void device_reset(void) {
    nic_reset(&nic);
}

static bool device_start(uint8_t mac[6]) {
    return nic_start(&nic, mac);
}

static bool device_interrupt(void) {
    return nic_interrupt(&nic);
}

static bool device_unmask(bool receive, bool transmit) {
    return nic_unmask(&nic, receive, transmit);
}

static void device_publish(void) {
    nic_publish(&nic);
}

static uint32_t device_link(void) {
    return nic_link(&nic);
}

static bool device_give(uint32_t buffer) {
    return receive_queue_give(&nic.receive, buffer);
}

static uint32_t device_take(uint32_t *frames, uint32_t limit) {
    return receive_queue_take(&nic.receive, frames, limit);
}

static bool device_put(uint32_t buffer, uint32_t length) {
    return transmit_queue_put(&nic.transmit, buffer, length);
}

static uint32_t device_lost(void) {
    return (uint32_t)nic.receive.bad;
}

static void device_reap(void) {
    transmit_queue_reap(&nic.transmit);
}

int main(void) {
    static const struct netdev_device device = {
        .id_count = 2,
        .ids = {ID_MODERN, ID_TRANSITIONAL},
        .bar = CLAIMED_BAR,
        .rings_size = RINGS_SIZE,
        .master_first = true,
        .open = device_open,
        .name = device_name,
        .bypass = device_bypass,
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
        .transmit = &nic.transmit.owners,
    };
    netdev_run(&device);
}
