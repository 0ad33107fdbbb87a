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

#include <lwip/etharp.h>
#include <lwip/inet_chksum.h>

#define RECEIVE_BUFFERS 64u
#define TRANSMIT_BUFFERS 128u
#define BLOCKS 512u
#define CALLS 64
#define SENT 4096

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};

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

/* ---- Frames ------------------------------------------------------------------------------- */

uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t get32(const uint8_t *at) {
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

/* A plain sum, not the one under test. */
static uint32_t sum(const uint8_t *at, size_t length) {
    uint32_t total = 0;
    for (size_t i = 0; i < length; i++) {
        total += i % 2 == 0 ? (uint32_t)at[i] << 8 : at[i];
    }
    return total;
}

static uint16_t fold(uint32_t total) {
    while (total >> 16 != 0) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint16_t)~total;
}

static uint32_t pseudo_sum(const struct frame *frame) {
    const uint8_t *ip = frame->bytes + IP_AT;
    return sum(ip + 12, 8) + ip[9] + (uint32_t)(get16(ip + 2) - 20);
}

static void ethernet(struct frame *frame, uint32_t type) {
    memset(frame->bytes, 0, 60);
    memcpy(frame->bytes, our_mac, 6);
    memcpy(frame->bytes + 6, peer_mac, 6);
    put16(frame->bytes + 12, type);
}

void frame_arp(struct frame *frame, uint32_t operation, uint32_t sender, uint32_t target) {
    uint8_t *arp = frame->bytes + IP_AT;
    ethernet(frame, 0x0806);
    put16(arp, 1);
    put16(arp + 2, 0x0800);
    arp[4] = 6;
    arp[5] = 4;
    put16(arp + 6, operation);
    memcpy(arp + 8, peer_mac, 6);
    put32(arp + 14, sender);
    memcpy(arp + 18, our_mac, 6);
    put32(arp + 24, target);
    frame->length = 60;
}

void frame_ip(struct frame *frame, uint32_t protocol, uint32_t from, uint32_t to,
              const void *payload, size_t length) {
    uint8_t *ip = frame->bytes + IP_AT;
    ethernet(frame, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)(20 + length));
    ip[8] = 63;
    ip[9] = (uint8_t)protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    put16(ip + 10, fold(sum(ip, 20)));
    memmove(ip + 20, payload, length);
    frame->length = 34 + length < 60 ? 60 : 34 + length;
}

void frame_udp(struct frame *frame, uint32_t from, uint32_t from_port, uint32_t to,
               uint32_t to_port, const void *payload, size_t length) {
    uint8_t udp[FRAME_MAX] = {0};
    put16(udp, from_port);
    put16(udp + 2, to_port);
    put16(udp + 4, (uint32_t)(8 + length));
    memcpy(udp + 8, payload, length);
    frame_ip(frame, 17, from, to, udp, 8 + length);
    put16(frame->bytes + DATA_AT + 6,
          fold(pseudo_sum(frame) + sum(frame->bytes + DATA_AT, 8 + length)));
}

void frame_icmp(struct frame *frame, uint32_t from, uint32_t type, uint32_t id, uint32_t sequence,
                const void *payload, size_t length) {
    uint8_t icmp[FRAME_MAX] = {0};
    icmp[0] = (uint8_t)type;
    put16(icmp + 4, id);
    put16(icmp + 6, sequence);
    memcpy(icmp + 8, payload, length);
    put16(icmp + 2, fold(sum(icmp, 8 + length)));
    frame_ip(frame, 1, from, OUR_IP, icmp, 8 + length);
}

#define IP6_HEADER 40
void frame_icmp6(struct frame *frame, const uint8_t *message, size_t length) {
    static const uint8_t router[16] = {0xfe, 0x80, [15] = 2}, all_nodes[16] = {0xff, 2, [15] = 1};
    uint8_t *ip = frame->bytes + IP_AT;
    ethernet(frame, 0x86dd);
    memset(ip, 0, IP6_HEADER);
    ip[0] = 0x60;
    put16(ip + 4, (uint32_t)length);
    ip[6] = 58;
    ip[7] = 255;
    memcpy(ip + 8, router, sizeof router);
    memcpy(ip + 24, all_nodes, sizeof all_nodes);
    memcpy(ip + IP6_HEADER, message, length);
    put16(ip + IP6_HEADER + 2, 0);
    uint32_t total = sum(ip + 8, 32) + 58 + (uint32_t)length + sum(ip + IP6_HEADER, length);
    put16(ip + IP6_HEADER + 2, fold(total));
    frame->length = IP_AT + IP6_HEADER + length;
}

void frame_router(struct frame *frame) {
    uint8_t message[56] = {134, [4] = 64, [6] = 7, [7] = 8}; /* lifetime 1800 s */
    uint8_t *option = message + 16;
    option[0] = 1; /* source link-layer address */
    option[1] = 1;
    memcpy(option + 2, peer_mac, sizeof peer_mac);
    option += 8;
    option[0] = 3; /* prefix information */
    option[1] = 4;
    option[2] = 64;
    option[3] = 0xc0; /* on the link, for addresses */
    put32(option + 4, 7200);
    put32(option + 8, 3600);
    put32(option + 16, 0x20010db8);
    frame_icmp6(frame, message, sizeof message);
}

void frame_tcp(struct frame *frame, const struct segment *segment) {
    uint8_t tcp[FRAME_MAX] = {0};
    put16(tcp, segment->from_port);
    put16(tcp + 2, segment->to_port);
    put32(tcp + 4, segment->sequence);
    put32(tcp + 8, segment->acknowledgement);
    tcp[12] = 5 << 4;
    tcp[13] = (uint8_t)segment->flags;
    put16(tcp + 14, segment->window);
    if (segment->length != 0) {
        memcpy(tcp + 20, segment->data, segment->length);
    }
    frame_ip(frame, 6, PEER_IP, OUR_IP, tcp, 20 + segment->length);
    put16(frame->bytes + DATA_AT + 16,
          fold(pseudo_sum(frame) + sum(frame->bytes + DATA_AT, 20 + segment->length)));
}

bool ip_checksums_valid(const struct frame *frame) {
    const uint8_t *ip = frame->bytes + IP_AT;
    uint32_t length = (uint32_t)get16(ip + 2) - 20;
    if (fold(sum(ip, 20)) != 0 || IP_AT + 20 + length > frame->length) {
        return false;
    }
    uint32_t total = sum(frame->bytes + DATA_AT, length);
    return fold(ip[9] == 1 ? total : total + pseudo_sum(frame)) == 0;
}

bool wire_get_protocol(struct frame *frame, uint32_t protocol) {
    while (wire_get(frame)) {
        bool arp = get16(frame->bytes + 12) == 0x0806;
        if (protocol == 0 ? arp : !arp && frame->bytes[IP_AT + 9] == protocol) {
            return true;
        }
    }
    return false;
}

bool wire_get_tcp(struct frame *frame, struct segment *segment) {
    if (!wire_get_protocol(frame, 6) || !ip_checksums_valid(frame)) {
        return false;
    }
    const uint8_t *tcp = frame->bytes + DATA_AT;
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    *segment = (struct segment){
        .from_port = get16(tcp),
        .to_port = get16(tcp + 2),
        .sequence = get32(tcp + 4),
        .acknowledgement = get32(tcp + 8),
        .flags = tcp[13] & 0x1fu,
        .window = get16(tcp + 14),
        .data = tcp + header,
        .length = (size_t)get16(frame->bytes + IP_AT + 2) - 20 - header,
    };
    return true;
}
