/* SPDX-License-Identifier: MIT
 * Life of a NIC driver: claims the device, resets it, says HELLO to net, then moves frames.
 * README.md has the handles and invariants.
 */
#include "state.h"

#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/time.h>
#include <proto/pci.h>

#define BIT_IRQ 1u
#define BIT_TIMER 2u
#define BIT_AGAIN 4u

#define REGISTERS_VA BLOCKS_VA
#define RINGS_VA (BLOCKS_VA + 0x10000000)
#define BUFFERS_VA (BLOCKS_VA + 0x10100000)
#define REGISTERS_MAX 0x10000000u
#define BUFFERS_SIZE ((RECEIVE_BUFFERS + TRANSMIT_BUFFERS) * (uint64_t)NETIF_BUFFER)

#define RESET_NS (10 * NS_PER_MS)
#define RETRY_NS (100 * NS_PER_MS)
#define IDLE_NS (10 * NS_PER_S) /* until what has failed is tried again */

struct driver driver;

void driver_wake(uint64_t delay_ns) {
    driver.timer_at = time_now_ns() + delay_ns;
    actor_must(timer_set(driver.timer, driver.timer_at));
}

static void claim(void) {
    struct pci_claim_request request = {.count = driver.nic->id_count, .bar = driver.nic->bar};
    memcpy(request.matches, driver.nic->ids, sizeof request.matches);
    strlcpy(request.driver, startup_name(), sizeof request.driver);
    handle_t manager = startup_handle("devmgr");
    if (manager == HANDLE_NONE) {
        log_line("no device manager");
        driver.stage = STAGE_IDLE;
        return;
    }
    actor_must(
        call_stage(manager, PCI_CLAIM, &request, sizeof request, COOKIE(COOKIE_CLAIM, 0, 0)));
}

static status_t map_dma(uint64_t address, uint64_t size, handle_t *memory, uint64_t *bus) {
    status_t status = device_dma(driver.device, size, startup_handle("account"), memory, bus);
    if (status != OK) {
        return status;
    }
    return memory_map(TASK_SELF, *memory, 0, address, size, PROT_READ | PROT_WRITE | MAP_POPULATE);
}

static uint32_t read_config(uint32_t offset, uint32_t width) {
    uint32_t value = UINT32_MAX;
    (void)device_config_read(driver.device, offset, width, &value);
    return value;
}

static status_t map_registers(handle_t registers, uint64_t size) {
    driver.parts.registers = (volatile uint8_t *)REGISTERS_VA;
    driver.parts.registers_size = size;
    if (size == 0 || size > REGISTERS_MAX) {
        return E_UNSUPPORTED;
    }
    return memory_map(TASK_SELF, registers, 0, REGISTERS_VA, PAGE_ROUND_UP(size),
                      PROT_READ | PROT_WRITE | MAP_POPULATE);
}

/* The old incarnation's rings are gone: bus mastering stays off until start has set new ones. */
static status_t open_device(handle_t registers, uint64_t size) {
    struct netdev_parts *parts = &driver.parts;
    handle_t rings;
    status_t status = map_registers(registers, size);
    if (status == OK) {
        status = map_dma(RINGS_VA, driver.nic->rings_size, &rings, &parts->rings_bus);
        parts->rings = (uint8_t *)RINGS_VA;
    }
    if (status == OK) {
        status = map_dma(BUFFERS_VA, BUFFERS_SIZE, &driver.buffers, &parts->buffers_bus);
        parts->buffers = (uint8_t *)BUFFERS_VA;
    }
    if (status == OK) {
        parts->config_read = read_config;
        status = driver.nic->open(parts);
    }
    if (status == OK) {
        driver.nic->reset();
        status = irq_bind(driver.irq, startup_handle("notification"), BIT_IRQ);
    }
    return status;
}

static status_t take_device(struct event *event) {
    struct pci_claim_reply answer;
    status_t status = event_data(event, &answer, sizeof answer);
    if (status != OK) {
        return status;
    }
    driver.device = event_take_handle(event, 0);
    handle_t registers = event_take_handle(event, 1);
    driver.irq = event_take_handle(event, 2);
    driver.parts.irq_kind = (uint32_t)answer.irq_kind;
    driver.parts.device_id = answer.entry.device;
    driver.parts.confined = answer.entry.confined != 0;
    return open_device(registers, answer.entry.bar_size[driver.nic->bar]);
}

static void claimed(struct event *event) {
    status_t status = event_status(event);
    if (status == E_BUSY || status == E_QUOTA) { /* the old incarnation's is not all gone yet */
        driver_wake(RETRY_NS);
        return;
    }
    driver.stage = STAGE_IDLE;
    if (status == E_NOT_FOUND) {
        driver_wake(IDLE_NS); /* the device manager has said so */
        return;
    }
    if (status == OK) {
        status = take_device(event);
    }
    if (status != OK) {
        log_line("can't use the device: %s", status_text(status));
        return;
    }
    driver.stage = STAGE_RESET;
    driver_wake(RESET_NS);
}

void driver_restart(const char *why, uint64_t delay_ns) {
    log_line("%s: starting again", why);
    (void)device_enable(driver.device, 0);
    driver.nic->reset();
    driver.stage = STAGE_RESET;
    driver.epoch++;
    driver.transmit_waiting = driver.transmit_cancelled = false;
    driver.transmit_looks = 0;
    driver.link_calling = driver.watchdog = false;
    driver.filter_wanted = driver.filter_calling = false;
    memset(driver.receive_calls, 0, sizeof driver.receive_calls);
    driver_wake(delay_ns);
}

static void hello(void) {
    struct netif_hello request = {
        .mtu = 1500,
        .rx_count = RECEIVE_BUFFERS,
        .tx_count = TRANSMIT_BUFFERS,
    };
    if (driver.nic->master_first) {
        (void)device_enable(driver.device, 1);
    }
    if (!driver.nic->start(driver.mac)) {
        driver_restart("the device can't be started", IDLE_NS);
        return;
    }
    (void)device_enable(driver.device, 1);
    driver.link_told = driver.nic->link();
    memcpy(request.mac, driver.mac, sizeof driver.mac);
    request.flags = driver.nic->filter != NULL ? NETIF_HELLO_FILTER : 0;
    request.link = driver.link_told != 0;
    request.speed = driver.link_told;
    strlcpy(request.driver, startup_name(), sizeof request.driver);
    const struct handle_slot handle = {driver.buffers, RIGHT_READ | RIGHT_WRITE};
    const struct message message = {
        .data = &request, .size = sizeof request, .handles = &handle, .handle_count = 1};
    driver.stage = STAGE_HELLO;
    status_t status = call_stage_message(driver.net, NETIF_HELLO, &message,
                                         COOKIE(COOKIE_HELLO, 0, driver.epoch), NULL);
    if (status != OK) {
        driver_restart("no network service", IDLE_NS);
    }
}

static const char *dma_kind(void) {
    if (!driver.parts.confined) {
        return "not confined";
    }
    return driver.nic->bypass != NULL && driver.nic->bypass() ? "past the IOMMU" : "confined";
}

static void hello_answered(void) {
    static const char *const interrupts[] = {"INTx", "MSI", "MSI-X"};
    const uint8_t *mac = driver.mac;
    log_line("%s, %02x:%02x:%02x:%02x:%02x:%02x, %s, DMA %s, link %s", driver.nic->name(), mac[0],
             mac[1], mac[2], mac[3], mac[4], mac[5],
             interrupts[driver.parts.irq_kind < 3 ? driver.parts.irq_kind : 0], dma_kind(),
             driver.link_told != 0 ? "up" : "down");
    driver.stage = STAGE_RUN;
    traffic_start();
    traffic_link(); /* it may have come up meanwhile */
}

static void on_net_answer(const struct event *event, uint32_t kind) {
    status_t status = event_status(event);
    bool cancelled = kind == COOKIE_TRANSMIT && status == E_CANCELLED;
    if (status != OK && !cancelled && kind != COOKIE_LINK) {
        driver_restart(status_text(status), kind == COOKIE_HELLO ? NS_PER_S : RETRY_NS);
        return;
    }
    switch (kind) {
    case COOKIE_HELLO:
        hello_answered();
        break;
    case COOKIE_RECEIVE:
        traffic_received((uint32_t)(event->cookie >> 8 & 0xff));
        break;
    case COOKIE_TRANSMIT:
        traffic_transmit(event);
        break;
    case COOKIE_LINK:
        driver.link_calling = false;
        traffic_link();
        break;
    case COOKIE_FILTER:
        traffic_filter(event);
        break;
    default:
        break;
    }
}

static void move(void) {
    if (driver.stage == STAGE_RUN && traffic_move()) {
        (void)notification_signal(startup_handle("notification"), BIT_AGAIN);
    }
}

static void on_reply(struct event *event) {
    uint32_t kind = (uint32_t)(event->cookie & 0xff);
    if (kind == COOKIE_CLAIM && driver.stage == STAGE_CLAIM) {
        claimed(event);
    } else if (kind != COOKIE_CLAIM && event->cookie >> 32 == driver.epoch) {
        on_net_answer(event, kind);
    }
    move();
}

static void on_interrupt(void) {
    if (driver.stage < STAGE_RESET) {
        return;
    }
    bool link = driver.nic->interrupt();
    if (driver.parts.irq_kind == 0) {
        actor_must(irq_ack(driver.irq));
    }
    if (driver.stage == STAGE_RUN && link) {
        traffic_link();
    }
}

/* The bit says "look", not that the time has come. */
static void on_timer(void) {
    if (driver.timer_at == 0 || time_now_ns() < driver.timer_at) {
        return;
    }
    driver.timer_at = 0;
    if (driver.stage == STAGE_CLAIM || driver.stage == STAGE_IDLE) {
        driver.stage = STAGE_CLAIM;
        claim();
    } else if (driver.stage == STAGE_RESET) {
        hello();
    } else if (driver.stage == STAGE_RUN && driver.watchdog) {
        traffic_watchdog();
    }
}

static void on_notify(struct event *event) {
    if ((event->bits & BIT_IRQ) != 0) {
        on_interrupt();
    }
    if ((event->bits & BIT_TIMER) != 0) {
        on_timer();
    }
    move();
}

static void start(void) {
    driver.net = startup_handle("net");
    if (timer_create(startup_handle("account"), startup_handle("notification"), BIT_TIMER,
                     &driver.timer) != OK) {
        actor_abort("no timer");
    }
    claim();
}

void netdev_run(const struct netdev_device *device) {
    static const struct actor actor = {.start = start, .reply = on_reply, .notify = on_notify};
    driver.nic = device;
    actor_run(&actor);
}
