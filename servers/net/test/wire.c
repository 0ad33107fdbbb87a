/* SPDX-License-Identifier: MIT */
/* The simulated world; see wire.h. */
#include "wire.h"

#include "../record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <common/ip.h>
#include <ipc/actor.h>
#include <ipc/dispatch.h>

#define RECEIVE_BUFFERS 64u
#define TRANSMIT_BUFFERS 128u
#define BLOCKS 512u
#define CALLS 64
#define SENT 4096

static uint64_t now_ns = 1000000000;
static size_t allocations;
static uint64_t turn_number = 1;
static struct call calls[CALLS];
static token_t last_token;

static uint8_t receive_pool[BLOCKS * RECEIVE_BLOCK], transmit_pool[BLOCKS * TRANSMIT_BLOCK];
static uint8_t buffers[(RECEIVE_BUFFERS + TRANSMIT_BUFFERS) * NETIF_BUFFER];
static struct call *transmit_wait;
static struct netif_batch done;
static struct frame sent[SENT];
static size_t sent_first, sent_count;

struct interface *const wire_interface = &net.interfaces[0];
bool wire_holds, wire_checked;
uint32_t world_filter_flags;

/* ---- port.h ------------------------------------------------------------------------------- */

bool world_memory_low;
size_t world_allocations_left = SIZE_MAX;

static bool may_allocate(void) {
    if (world_allocations_left == 0) {
        return false;
    }
    world_allocations_left--;
    allocations++;
    return true;
}

void *port_allocate(size_t size) {
    return may_allocate() ? malloc(size) : NULL;
}

void *port_allocate_zeroed(size_t count, size_t size) {
    return may_allocate() ? calloc(count, size) : NULL;
}

void port_free(void *block) {
    if (block != NULL) {
        allocations--;
        world_allocations_left += world_allocations_left != SIZE_MAX;
    }
    free(block);
}

size_t world_allocations(void) {
    return allocations;
}

uint64_t port_time_ns(void) {
    return now_ns;
}

uint32_t port_random(void) {
    static uint64_t state = 88172645463325252;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)state;
}

bool world_stale_tokens;

/* NULL: there is none, which is allowed. */
static struct call *find_call(token_t token) {
    struct call *call = &calls[token % CALLS];
    if (call->token != token && world_stale_tokens) {
        return NULL;
    }
    if (call->token != token) {
        fprintf(stderr, "token %lu is stale\n", (unsigned long)token);
        abort();
    }
    return call;
}

status_t port_lease_read(token_t token, uint64_t offset, void *to, size_t length) {
    struct call *call = find_call(token);
    if (call == NULL || call->answered || offset + length > call->lease_size) {
        return E_RANGE;
    }
    memcpy(to, (uint8_t *)call->lease + offset, length);
    return OK;
}

status_t port_lease_write(token_t token, uint64_t offset, const void *from, size_t length) {
    struct call *call = find_call(token);
    if (call == NULL || call->answered || offset + length > call->lease_size) {
        return E_RANGE;
    }
    memcpy((uint8_t *)call->lease + offset, from, length);
    return OK;
}

void port_answer(token_t token, status_t status, const void *data, size_t size) {
    struct call *call = find_call(token);
    if (call == NULL || (call->answered && world_stale_tokens)) {
        return;
    }
    if (call->answered) {
        fprintf(stderr, "a call is answered twice\n");
        abort();
    }
    call->answered = true;
    call->status = status;
    if (size != 0) {
        memcpy(call->data, data, size);
    }
}

status_t port_answer_session(token_t token, uint64_t badge, const void *data, size_t size) {
    port_answer(token, OK, data, size);
    struct call *call = find_call(token);
    if (call != NULL) {
        call->session = badge;
    }
    return OK;
}

static handle_t signalled;
static uint64_t signalled_bits;

void port_signal(handle_t notification, uint64_t bits) {
    signalled = notification;
    signalled_bits |= bits;
}

uint64_t world_signals(handle_t notification) {
    uint64_t bits = signalled == notification ? signalled_bits : 0;
    signalled_bits = 0;
    return bits;
}

handle_t world_released;

void port_release(handle_t handle) {
    world_released = handle;
}

void port_memory(uint64_t *used, uint64_t *total) {
    *used = allocations;
    *total = 0;
}

bool port_memory_low(void) {
    return world_memory_low;
}

void port_log(const char *text, ...) {
    va_list arguments;
    va_start(arguments, text);
    printf("# ");
    vprintf(text, arguments);
    printf("\n");
    va_end(arguments);
}

_Noreturn void port_abort(const char *why) {
    fprintf(stderr, "abort: %s\n", why);
    abort();
}

_Noreturn void actor_abort(const char *why) {
    port_abort(why);
}

uint64_t actor_turn(void) {
    return turn_number;
}

/* ---- Calls -------------------------------------------------------------------------------- */

struct call *call_begin(void *lease, size_t size) {
    token_t token = ++last_token;
    struct call *call = &calls[token % CALLS];
    if (call == transmit_wait) {
        token = ++last_token;
        call = &calls[token % CALLS];
    }
    memset(call, 0, sizeof *call);
    call->token = token;
    call->lease = lease;
    call->lease_size = size;
    return call;
}

void call_result(struct call *call, status_t status, const void *data, size_t size) {
    if (status != DISPATCH_PARKED) {
        port_answer(call->token, status, data, size);
    }
}

/* ---- Turns -------------------------------------------------------------------------------- */

static void keep_sent(const struct netif_batch *batch) {
    world_filter_flags |= batch->flags;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct frame *frame = &sent[(sent_first + sent_count) % SENT];
        frame->length = NETIF_FRAME_LENGTH(batch->frames[i]);
        memcpy(frame->bytes, buffers + NETIF_FRAME_INDEX(batch->frames[i]) * NETIF_BUFFER,
               frame->length);
        sent_count = sent_count < SENT ? sent_count + 1 : SENT;
    }
    done = *batch;
}

static void driver_wait(void) {
    transmit_wait = call_begin(NULL, 0);
    status_t status = nic_transmit_wait(wire_interface, transmit_wait->token, &done);
    done.count = 0;
    call_result(transmit_wait, status, NULL, 0);
}

static uint64_t settle(void) {
    uint64_t at = net_settle();
    turn_number++;
    while (!wire_holds && transmit_wait != NULL && transmit_wait->answered &&
           transmit_wait->status == OK) {
        keep_sent((struct netif_batch *)(void *)transmit_wait->data);
        driver_wait();
        at = net_settle();
        turn_number++;
    }
    return at;
}

/* Every turn leaves a sound state. */
static void check(void) {
    const char *wrong = net_check(true);
    if (wrong != NULL) {
        port_abort(wrong);
    }
}

void turn(void) {
    now_ns += 1000;
    while (settle() <= now_ns) {
        now_ns += 1000000;
    }
    check();
}

void pass(uint64_t milliseconds) {
    uint64_t end = now_ns + milliseconds * 1000000;
    uint64_t at;
    while ((at = settle()) <= end) {
        now_ns = at > now_ns ? at : now_ns + 1000000;
    }
    now_ns = end > now_ns ? end : now_ns;
    check();
}

struct net_ip v4(uint32_t ip) {
    struct net_ip result;
    ip_from_v4(result.bytes, ip);
    return result;
}

static void stack_start(void) {
    static uint8_t slots[CAPTURE_SLOTS * CAPTURE_SLOT] __attribute__((aligned(8)));
    static uint32_t next_receive[BLOCKS], next_transmit[BLOCKS];
    struct settings settings = {.dhcp = true};
    blocks_init(&net.receive_blocks, receive_pool, RECEIVE_BLOCK, BLOCKS, next_receive);
    blocks_init(&net.transmit_blocks, transmit_pool, TRANSMIT_BLOCK, BLOCKS, next_transmit);
    net.capture.slots = slots;
    net_init(&settings);
}

/* ---- What lasts when the stack is another process's ---------------------------------------- */

static const struct {
    void *at;
    size_t size;
} lasting[] = {
    {receive_pool, sizeof receive_pool}, {transmit_pool, sizeof transmit_pool},
    {buffers, sizeof buffers},           {calls, sizeof calls},
    {&last_token, sizeof last_token},    {&now_ns, sizeof now_ns},
    {&transmit_wait, sizeof(uintptr_t)}, {&turn_number, sizeof turn_number},
};

void world_save(struct world *to) {
    size_t used = 0;
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
        memcpy(to->bytes + used, lasting[i].at, lasting[i].size);
        used += lasting[i].size;
    }
}

void world_load(const struct world *from) {
    size_t used = 0;
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
        memcpy(lasting[i].at, from->bytes + used, lasting[i].size);
        used += lasting[i].size;
    }
}

status_t world_import(struct records_reader *records) {
    struct record_general general;
    if (!net_import_general(records, &general)) {
        return E_FORMAT;
    }
    stack_start();
    net_import_policies(records);
    return net_import(records);
}

bool port_window(uint32_t number, uint64_t address, uint64_t size) {
    return number == 0 && address == (uintptr_t)buffers && size <= sizeof buffers;
}

void world_driver(void) {
    struct netif_hello hello = {.mtu = 1500,
                                .rx_count = RECEIVE_BUFFERS,
                                .tx_count = TRANSMIT_BUFFERS,
                                .link = 1,
                                .driver = "wire"};
    memcpy(hello.mac, our_mac, sizeof our_mac);
    if (interface_hello(wire_interface, &hello, buffers) != OK) {
        abort();
    }
    driver_wait();
    turn();
}

void world_start(void) {
    if (wire_interface->used) {
        wire_holds = false;
        turn();
        wire_clear();
        return;
    }
    stack_start();
    world_driver();
}

void world_address(void) {
    struct net_configure_request request = {.action = NET_CONFIGURE_STATIC,
                                            .prefix_length = 24,
                                            .ip = v4(OUR_IP),
                                            .gateway = v4(PEER_IP)};
    struct net_configure_request dns = {.action = NET_CONFIGURE_DNS, .dns = {v4(PEER_IP)}};
    struct frame frame;
    world_start();
    if (wire_interface->dhcp &&
        (interface_configure(&request) != OK || interface_configure(&dns) != OK)) {
        abort();
    }
    frame_arp(&frame, 1, PEER_IP, OUR_IP);
    wire_put(&frame);
    pass(10);
    wire_clear();
}

/* ---- Wire --------------------------------------------------------------------------------- */

void wire_put(const struct frame *frame) {
    static uint32_t index;
    struct netif_batch batch = {.count = 1};
    index = (index + 1) % RECEIVE_BUFFERS;
    memcpy(buffers + index * NETIF_BUFFER, frame->bytes, frame->length);
    batch.frames[0] = NETIF_FRAME(index, frame->length) | (wire_checked ? NETIF_FRAME_CHECKED : 0);
    if (nic_receive(wire_interface, &batch) != OK) {
        abort();
    }
    memset(buffers + index * NETIF_BUFFER, 0xee, NETIF_BUFFER); /* the driver's again */
    turn();
}

bool wire_get(struct frame *frame) {
    if (sent_count == 0) {
        return false;
    }
    *frame = sent[sent_first];
    sent_first = (sent_first + 1) % SENT;
    sent_count--;
    return true;
}

void wire_clear(void) {
    sent_count = 0;
}
