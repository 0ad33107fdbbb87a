/* SPDX-License-Identifier: MIT
 * Frames and link changes between the rings and net. Everything net says is checked; a turn moves
 * at most what the rings hold.
 */
#include "state.h"

#include <common/string.h>
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/time.h>

#define WATCHDOG_NS (2 * NS_PER_S)
#define RESTART_NS (100 * NS_PER_MS)
#define ETHERNET_MIN 60u
#define TRANSMIT_LOW (TRANSMIT_BUFFERS / 4) /* net has so few buffers that it may need ours */

static size_t batch_size(uint32_t count) {
    return offsetof(struct netif_batch, frames) + count * sizeof(uint32_t);
}

static bool stage_call(uint32_t label, const void *data, size_t size, uint64_t cookie) {
    const struct message message = {.data = data, .size = size};
    token_t token;
    status_t status = call_stage_message(driver.net, label, &message, cookie, &token);
    if (status != OK) {
        driver_restart("can't call net", NS_PER_S);
        return false;
    }
    if (label == NETIF_TRANSMIT_WAIT) {
        driver.transmit_token = token;
    }
    return true;
}

static struct receive_call *free_call(uint32_t *slot) {
    for (*slot = 0; *slot < RECEIVE_CALLS; ++*slot) {
        if (!driver.receive_calls[*slot].busy) {
            return &driver.receive_calls[*slot];
        }
    }
    return NULL;
}

static void move_received(void) {
    struct netif_batch batch = {0};
    struct receive_call *call;
    uint32_t slot;
    while (driver.stage == STAGE_RUN && (call = free_call(&slot)) != NULL) {
        uint32_t count = driver.nic->take(call->frames, NETIF_BATCH);
        if (count == 0) {
            return;
        }
        batch.count = call->count = count;
        batch.flags = driver.nic->lost();
        for (uint32_t i = 0; i < count; i++) {
            batch.frames[i] = call->frames[i];
        }
        call->busy = stage_call(NETIF_RECEIVE, &batch, batch_size(count),
                                COOKIE(COOKIE_RECEIVE, slot, driver.epoch));
    }
}

void traffic_received(uint32_t slot) {
    struct receive_call *call = &driver.receive_calls[slot % RECEIVE_CALLS];
    for (uint32_t i = 0; call->busy && i < call->count; i++) {
        (void)driver.nic->give(NETIF_FRAME_INDEX(call->frames[i]));
    }
    call->busy = false;
}

/* Keeps one TRANSMIT_WAIT with net; takes it back when net needs the buffers that are sent. */
static void ask_for_frames(void) {
    struct transmit_buffers *buffers = driver.nic->transmit;
    if (driver.stage != STAGE_RUN) {
        return;
    }
    if (driver.transmit_waiting) {
        if (!driver.transmit_cancelled && buffers->sent_count > 0 &&
            transmit_buffers_free(buffers) < TRANSMIT_LOW) {
            (void)call_cancel(driver.transmit_token); /* E_STALE: the answer is on its way */
            driver.transmit_cancelled = true;
        }
        return;
    }
    struct netif_batch batch = {0};
    batch.count = transmit_buffers_return(buffers, batch.frames, NETIF_BATCH);
    for (uint32_t i = 0; i < batch.count; i++) {
        batch.frames[i] = NETIF_FRAME(RECEIVE_BUFFERS + batch.frames[i], 0);
    }
    driver.transmit_cancelled = false;
    driver.transmit_waiting = stage_call(NETIF_TRANSMIT_WAIT, &batch, batch_size(batch.count),
                                         COOKIE(COOKIE_TRANSMIT, 0, driver.epoch));
}

/* Pads with zeros to what Ethernet wants; the device sees nothing before it is published. */
static bool send_frame(uint32_t buffer, uint32_t length) {
    bool pad = length >= FRAME_MIN && length < ETHERNET_MIN;
    if (!driver.nic->put(buffer, pad ? ETHERNET_MIN : length)) {
        return false;
    }
    if (pad) {
        uint8_t *frame = driver.parts.buffers + (RECEIVE_BUFFERS + buffer) * (size_t)NETIF_BUFFER;
        memset(frame + length, 0, ETHERNET_MIN - length);
    }
    return true;
}

void traffic_transmit(const struct event *event) {
    struct netif_batch batch;
    driver.transmit_waiting = false;
    driver.transmit_looks = 0;
    if (event_status(event) == E_CANCELLED) {
        return;
    }
    if (event_data(event, &batch, sizeof batch) != OK || batch.count > NETIF_BATCH) {
        driver.refused++;
        return;
    }
    driver.filter_wanted = driver.filter_wanted || (batch.flags & NETIF_BATCH_FILTER) != 0;
    for (uint32_t i = 0; i < batch.count; i++) {
        uint32_t buffer = NETIF_FRAME_INDEX(batch.frames[i]) - RECEIVE_BUFFERS;
        if (!send_frame(buffer, NETIF_FRAME_LENGTH(batch.frames[i])) && driver.refused++ == 0) {
            log_line("net sent a bad frame (%x)", batch.frames[i]);
        }
    }
}

/* Once a second: an answer comes before anything else does, so one that was given and has not come
 * at the next look but one is lost, and nobody would ever ask again. */
static void look_after_call(void) {
    uint64_t now = time_now_ns();
    if (!driver.transmit_waiting || now < driver.look_at) {
        return;
    }
    driver.look_at = now + NS_PER_S;
    if (!driver.transmit_cancelled && call_cancel(driver.transmit_token) != E_STALE) {
        driver.transmit_cancelled = true;
    } else if (++driver.transmit_looks == 3) {
        driver_restart("net's answer is lost", RESTART_NS);
    }
}

static void set_watchdog(void) {
    const struct transmit_buffers *buffers = driver.nic->transmit;
    if (!driver.watchdog && buffers->in_device > 0 && driver.nic->link() != 0) {
        driver.watchdog = true;
        driver.watchdog_total = buffers->sent_total;
        driver_wake(WATCHDOG_NS);
    }
}

void traffic_watchdog(void) {
    const struct transmit_buffers *buffers = driver.nic->transmit;
    driver.watchdog = false;
    driver.nic->reap();
    if (buffers->in_device > 0 && buffers->sent_total == driver.watchdog_total &&
        driver.nic->link() != 0) {
        driver_restart("transmitter hangs", RESTART_NS);
    }
}

void traffic_link(void) {
    uint32_t speed = driver.nic->link();
    if (speed == driver.link_told || driver.link_calling) {
        return;
    }
    struct netif_link link = {.up = speed != 0, .speed = speed};
    driver.link_told = speed;
    driver.link_calling =
        stage_call(NETIF_LINK, &link, sizeof link, COOKIE(COOKIE_LINK, 0, driver.epoch));
}

/* One such call at a time; what changed meanwhile is asked for afterwards. */
static void ask_for_filter(void) {
    struct netif_empty request = {0};
    if (driver.stage == STAGE_RUN && driver.filter_wanted && !driver.filter_calling) {
        driver.filter_wanted = false;
        driver.filter_calling = stage_call(NETIF_FILTER, &request, sizeof request,
                                           COOKIE(COOKIE_FILTER, 0, driver.epoch));
    }
}

void traffic_filter(const struct event *event) {
    struct netif_filter filter;
    driver.filter_calling = false;
    if (driver.nic->filter == NULL || event_data(event, &filter, sizeof filter) != OK) {
        return;
    }
    filter.all = filter.all != 0 || filter.count > NETIF_GROUPS;
    driver.nic->filter(&filter);
}

bool traffic_move(void) {
    const struct netdev_device *nic = driver.nic;
    uint32_t slot;
    move_received();
    if (driver.stage != STAGE_RUN) {
        return false;
    }
    nic->publish();
    nic->reap();
    look_after_call();
    ask_for_frames();
    ask_for_filter();
    if (driver.stage != STAGE_RUN) {
        return false;
    }
    set_watchdog();
    return nic->unmask(free_call(&slot) != NULL,
                       nic->transmit->in_device > 0 &&
                           transmit_buffers_free(nic->transmit) < TRANSMIT_LOW);
}

void traffic_start(void) {
    for (uint32_t i = 0; i < RECEIVE_BUFFERS; i++) {
        (void)driver.nic->give(i);
    }
}
