/* SPDX-License-Identifier: MIT */
/*
 * The stack against frames made by hand: addresses, ARP, ping, names, a lying driver. The tests
 * share one stack, as lwIP has but one.
 */
#include "check.h"

#include <common/ip.h>

#include "wire.h"

#include <ipc/dispatch.h>

#include <lwip/igmp.h>

#define LOOPBACK 0x7f000001u

static struct frame frame;

/* ---- Interface and DHCP ------------------------------------------------------------------- */

static size_t dhcp_message(uint8_t *message, uint32_t type, uint32_t transaction) {
    static const uint8_t options[] = {99, 130, 83,  99, 54, 4, 10,  0,   0,   2, 51, 4,
                                      0,  0,   255, 0,  1,  4, 255, 255, 255, 0, 3,  4,
                                      10, 0,   0,   2,  6,  4, 10,  0,   0,   2};
    memset(message, 0, 300);
    message[0] = 2;
    message[1] = 1;
    message[2] = 6;
    put32(message + 4, transaction);
    put32(message + 16, OUR_IP);
    memcpy(message + 28, "\2\0\0\0\0\1", 6);
    memcpy(message + 236, options, sizeof options);
    size_t at = 236 + sizeof options;
    message[at++] = 53;
    message[at++] = 1;
    message[at++] = (uint8_t)type;
    message[at] = 255;
    return 300;
}

/* Type of a DHCP message that was sent, 0 for none. */
static uint32_t get_dhcp(uint32_t *transaction) {
    while (wire_get_protocol(&frame, 17)) {
        const uint8_t *message = frame.bytes + DATA_AT + 8;
        if (get16(frame.bytes + DATA_AT + 2) == 67 && message[240] == 53) {
            *transaction = get32(message + 4);
            return message[242];
        }
    }
    return 0;
}

TEST(an_early_ping_waits_and_dhcp_binds) {
    uint8_t message[300];
    uint32_t transaction = 0;
    world_start();
    struct net_interface report = {0};
    CHECK_EQ(interface_report(0, &report), OK);
    CHECK_STR(report.name, "eth0");
    CHECK_EQ(report.dhcp, NET_DHCP_ASKING);
    struct call *early = call_begin(NULL, 0);
    struct net_ping_request ping = {.ip = v4(PEER_IP), .size = 8, .timeout_ns = 1000000000};
    call_result(early, query_ping(NULL, early->token, &ping), NULL, 0);
    CHECK(!early->answered);

    CHECK_EQ(get_dhcp(&transaction), 1);
    size_t length = dhcp_message(message, 2, transaction);
    frame_udp(&frame, PEER_IP, 67, 0xffffffff, 68, message, length);
    memset(frame.bytes, 0xff, 6);
    wire_put(&frame);
    CHECK_EQ(get_dhcp(&transaction), 3);
    length = dhcp_message(message, 5, transaction);
    frame_udp(&frame, PEER_IP, 67, 0xffffffff, 68, message, length);
    wire_put(&frame);
    pass(4000);
    CHECK_EQ(interface_report(0, &report), OK);
    CHECK_EQ(report.dhcp, NET_DHCP_BOUND);
    CHECK_EQ(ip_to_v4(report.ip.bytes), OUR_IP);
    CHECK_EQ(ip_to_v4(report.gateway.bytes), PEER_IP);
    CHECK_EQ(ip_to_v4(report.dns[0].bytes), PEER_IP);
    CHECK(early->answered); /* nobody answered the ping */
    CHECK_EQ(early->status, E_TIMEOUT);
    CHECK_EQ(interface_report(2, &report), E_NOT_FOUND);
}

TEST(addresses_are_checked) {
    struct address_settings settings;
    CHECK(interface_parse("10.0.2.15/24", "10.0.2.2", "8.8.8.8", &settings));
    CHECK_EQ(settings.mask, 0xffffff00);
    CHECK_EQ(settings.gateway, 0x0a000202);
    CHECK(interface_parse("10.0.2.15/24", NULL, NULL, &settings));
    CHECK(!interface_parse("10.0.2.15", NULL, NULL, &settings));
    CHECK(!interface_parse("10.0.2.15/33", NULL, NULL, &settings));
    CHECK(!interface_parse("10.0.2.255/24", NULL, NULL, &settings));
    CHECK(!interface_parse("10.0.2.0/24", NULL, NULL, &settings));
    CHECK(!interface_parse("224.0.0.1/24", NULL, NULL, &settings));
    CHECK(!interface_parse("10.0.2.15/24", "10.0.3.2", NULL, &settings));
    CHECK(!interface_parse("999.1.1.1/24", NULL, NULL, &settings));
    world_address();
    struct net_configure_request bad = {
        .action = NET_CONFIGURE_STATIC, .prefix_length = 33, .ip = v4(OUR_IP)};
    CHECK_EQ(interface_configure(&bad), E_ADDRESS);
    bad.interface = 77;
    CHECK_EQ(interface_configure(&bad), E_NOT_FOUND);
}

/* ---- ARP, ICMP, names --------------------------------------------------------------------- */

TEST(arp_requests_for_us_are_answered) {
    world_address();
    frame_arp(&frame, 1, PEER_IP, OUR_IP);
    wire_put(&frame);
    REQUIRE(wire_get_protocol(&frame, 0));
    CHECK_EQ(get16(frame.bytes + 20), 2);
    CHECK_EQ(get32(frame.bytes + 28), OUR_IP);
    frame_arp(&frame, 1, PEER_IP, STRANGER_IP);
    wire_put(&frame);
    CHECK(!wire_get(&frame));
    struct net_neighbour entry = {0};
    CHECK_EQ(list_neighbour(0, &entry), OK);
    CHECK_EQ(ip_to_v4(entry.ip.bytes), PEER_IP);
    CHECK_EQ(list_neighbour(1, &entry), E_NOT_FOUND);
}

TEST(echo_requests_are_answered_unless_damaged) {
    uint8_t payload[64];
    world_address();
    memset(payload, 'x', sizeof payload);
    frame_icmp(&frame, PEER_IP, 8, 1, 2, payload, sizeof payload);
    wire_put(&frame);
    REQUIRE(wire_get_protocol(&frame, 1));
    CHECK(ip_checksums_valid(&frame));
    CHECK_EQ(frame.bytes[DATA_AT], 0);
    CHECK(memcmp(frame.bytes + DATA_AT + 8, payload, sizeof payload) == 0);
    frame_icmp(&frame, PEER_IP, 8, 1, 2, payload, sizeof payload);
    frame.bytes[50] ^= 1;
    wire_put(&frame);
    CHECK(!wire_get(&frame));
    frame_icmp(&frame, PEER_IP, 8, 1, 2, payload, sizeof payload);
    frame.bytes[IP_AT + 8] ^= 1;
    wire_put(&frame);
    CHECK(!wire_get(&frame));
}

static struct call *begin_ping(uint32_t ip) {
    struct net_ping_request request = {
        .ip = v4(ip), .sequence = 5, .size = 32, .timeout_ns = 2000000000};
    struct call *call = call_begin(NULL, 0);
    call_result(call, query_ping(NULL, call->token, &request), NULL, 0);
    turn();
    return call;
}

TEST(ping_gets_its_answer) {
    world_address();
    struct call *call = begin_ping(PEER_IP);
    REQUIRE(wire_get_protocol(&frame, 1));
    CHECK(ip_checksums_valid(&frame));
    uint32_t id = get16(frame.bytes + DATA_AT + 4);
    CHECK_EQ(get16(frame.bytes + DATA_AT + 6), 5);
    struct frame answer;
    frame_icmp(&answer, PEER_IP, 0, id + 1, 5, frame.bytes + DATA_AT + 8, 32);
    wire_put(&answer);
    CHECK(!call->answered);
    pass(3);
    frame_icmp(&answer, PEER_IP, 0, id, 5, frame.bytes + DATA_AT + 8, 32);
    wire_put(&answer);
    REQUIRE(call->answered && call->status == OK);
    const struct net_ping_reply *reply = (const void *)call->data;
    CHECK(reply->rtt_ns >= 3000000 && reply->rtt_ns < 4000000);
    CHECK_EQ(ip_to_v4(reply->ip.bytes), PEER_IP);
    CHECK_EQ(reply->hop_limit, 63);
    CHECK_EQ(reply->size, 32);
}

TEST(ping_fails_in_time) {
    world_address();
    struct call *call = begin_ping(STRANGER_IP);
    pass(1900);
    CHECK(!call->answered);
    pass(200);
    CHECK(call->answered && call->status == E_TIMEOUT);
    call = begin_ping(PEER_IP);
    REQUIRE(wire_get_protocol(&frame, 1));
    struct frame answer;
    frame_icmp(&answer, PEER_IP, 3, 0, 1, frame.bytes + IP_AT, 28);
    wire_put(&answer);
    CHECK(call->answered && call->status == E_HOST_UNREACHABLE);
    call = begin_ping(PEER_IP);
    net_cancel(BADGE_ROOT, call->token);
    CHECK(call->answered && call->status == E_CANCELLED);
    call = begin_ping(LOOPBACK);
    CHECK(call->answered && call->status == OK);
    CHECK_EQ(net.ping_count, 0);
}

static struct call *begin_resolve(const char *name) {
    struct net_resolve_request request = {0};
    struct net_resolve_reply address = {0};
    strncpy(request.name, name, sizeof request.name - 1);
    struct call *call = call_begin(NULL, 0);
    call_result(call, query_resolve(call->token, &request, &address), &address, sizeof address);
    turn();
    return call;
}

static uint32_t resolved(const struct call *call) {
    const struct net_resolve_reply *reply = (const void *)call->data;
    return reply->count == 1 ? ip_to_v4(reply->ips[0].bytes) : 0u;
}

/* Answers the DNS query in `frame`. */
static void answer_query(uint32_t code, uint32_t ip) {
    uint8_t message[512];
    const uint8_t *udp = frame.bytes + DATA_AT;
    size_t length = (size_t)get16(udp + 4) - 8;
    memcpy(message, udp + 8, length);
    put16(message + 2, 0x8180 | code);
    if (code == 0) {
        static const uint8_t head[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
        put16(message + 6, 1);
        memcpy(message + length, head, sizeof head);
        put32(message + length + sizeof head, ip);
        length += sizeof head + 4;
    }
    uint32_t port = get16(udp);
    frame_udp(&frame, PEER_IP, 53, OUR_IP, port, message, length);
    wire_put(&frame);
}

TEST(names_are_resolved) {
    world_address();
    struct call *call = begin_resolve("192.168.1.2");
    REQUIRE(call->answered && call->status == OK);
    CHECK_EQ(resolved(call), 0xc0a80102);
    call = begin_resolve("localhost");
    CHECK(call->answered && call->status == OK);
    call = begin_resolve("host.test");
    CHECK(!call->answered);
    REQUIRE(wire_get_protocol(&frame, 17));
    CHECK(memcmp(frame.bytes + DATA_AT + 8 + 12, "\4host\4test\0\0\1\0\1", 15) == 0);
    answer_query(0, 0x01020304);
    REQUIRE(call->answered && call->status == OK);
    CHECK_EQ(resolved(call), 0x01020304);
    call = begin_resolve("host.test");
    CHECK(call->answered && call->status == OK); /* from the cache */
    call = begin_resolve("no.test");
    REQUIRE(wire_get_protocol(&frame, 17));
    answer_query(3, 0);
    CHECK(!call->answered); /* it may have an IPv6 address */
    REQUIRE(wire_get_protocol(&frame, 17));
    CHECK(memcmp(frame.bytes + DATA_AT + 8 + 12, "\2no\4test\0\0\34\0\1", 13) == 0);
    answer_query(3, 0);
    CHECK(call->answered && call->status == E_NOT_FOUND);
}

TEST(names_fail_in_time) {
    world_address();
    static const char *const bad[] = {"", ".", "a..b", "1.2.3", "300.1.1.1", "a b", "a/b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct call *call = begin_resolve(bad[i]);
        CHECK(call->answered && call->status == E_INVALID);
    }
    struct call *call = begin_resolve("silent.test");
    struct call *cancelled = begin_resolve("other.test");
    net_cancel(BADGE_ROOT, cancelled->token);
    CHECK(cancelled->answered && cancelled->status == E_CANCELLED);
    pass(20000);
    CHECK(call->answered && call->status == E_TIMEOUT);
    CHECK_EQ(net.resolve_count, 0);
}

/* ---- Driver ------------------------------------------------------------------------------- */

TEST(a_lying_driver_harms_nobody) {
    world_address();
    struct netif_batch batch = {.count = NETIF_BATCH + 1};
    CHECK_EQ(nic_receive(wire_interface, &batch), E_INVALID);
    static const uint32_t frames[] = {NETIF_FRAME(64, 60), NETIF_FRAME(0xffff, 60),
                                      NETIF_FRAME(0, 13), NETIF_FRAME(0, 0),
                                      NETIF_FRAME(0, 0xffff)};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        batch = (struct netif_batch){.count = 1, .frames = {frames[i]}};
        CHECK_EQ(nic_receive(wire_interface, &batch), E_INVALID);
    }
    uint32_t before = wire_interface->nic.free_count;
    batch = (struct netif_batch){
        .count = 3, .frames = {NETIF_FRAME(0, 0), NETIF_FRAME(70, 0), NETIF_FRAME(0xffff, 0)}};
    struct call *call = call_begin(NULL, 0);
    CHECK_EQ(nic_transmit_wait(wire_interface, call->token, &batch), E_BUSY);
    token_t parked = wire_interface->nic.wait_token;
    wire_interface->nic.wait_token = TOKEN_NONE;
    CHECK_EQ(nic_transmit_wait(wire_interface, call->token, &batch), DISPATCH_PARKED);
    CHECK_EQ(wire_interface->nic.free_count, before); /* none of them was the driver's */
    wire_interface->nic.wait_token = parked;
    CHECK_EQ(nic_receive(&net.interfaces[1], &batch), E_STATE);
}

TEST(a_driver_that_sends_nothing_starts_again) {
    world_address();
    struct nic *nic = &wire_interface->nic, saved = *nic;
    uint64_t now = timers_now_ms();
    nic->wait_token = TOKEN_NONE;
    nic->free_count = 0;
    memset(nic->state, NIC_SENT, nic->transmit_count);
    interface_tick(now);
    interface_tick(now + 2999);
    CHECK(nic->generation != 0);
    struct call *call = call_begin(NULL, 0); /* one comes back: the driver is only slow */
    struct netif_batch batch = {.count = 1, .frames = {NETIF_FRAME(nic->receive_count, 0)}};
    CHECK_EQ(nic_transmit_wait(wire_interface, call->token, &batch), DISPATCH_PARKED);
    CHECK_EQ(nic->free_count, 1);
    nic->free_count = 0; /* and is used again */
    nic->state[0] = NIC_SENT;
    interface_tick(now + 3000);
    interface_tick(now + 5999);
    CHECK(nic->generation != 0 && !call->answered);
    interface_tick(now + 6000);
    CHECK_EQ(nic->generation, 0);
    CHECK(call->answered && call->status == E_RESET);
    batch.count = 0;
    CHECK_EQ(nic_receive(wire_interface, &batch), E_STATE); /* and hears it so, too */
    *nic = saved;
    nic->wait_token = TOKEN_NONE; /* it does not ask any more */
    interface_tick(now);
    interface_tick(now + 9000);
    CHECK(nic->generation != 0); /* but there is nothing to send */
    nic->queue_count = 1;
    nic->free_count--;
    interface_tick(now);
    interface_tick(now + 3000);
    CHECK_EQ(nic->generation, 0);
    *nic = saved;
}

static bool has_group(const struct netif_filter *filter, const char *mac) {
    for (uint32_t i = 0; i < filter->count; i++) {
        if (memcmp(filter->macs[i], mac, 6) == 0) {
            return true;
        }
    }
    return false;
}

TEST(the_driver_hears_of_groups) {
    struct netif_filter filter = {0};
    world_address();
    interface_filter(wire_interface, &filter);
    CHECK(has_group(&filter, "\x01\x00\x5e\x00\x00\xfb"));
    CHECK(has_group(&filter, "\x33\x33\x00\x00\x00\x01"));
    CHECK(has_group(&filter, "\x33\x33\x00\x00\x00\xfb"));
    CHECK(has_group(&filter, "\x33\x33\xff\x00\x00\x01")); /* neighbours look for us there */
    CHECK_EQ(filter.all, 0);
    world_filter_flags = 0;
    wire_interface->nic.filters = wire_interface->nic.filter_changed = true;
    turn();
    CHECK_EQ(world_filter_flags, NETIF_BATCH_FILTER);
    turn();
    CHECK(!wire_interface->nic.filter_changed);
    ip4_addr_t group = {.addr = PP_HTONL(0xe0090909u)};
    CHECK_EQ(igmp_joingroup_netif(&wire_interface->netif, &group), ERR_OK);
    CHECK(wire_interface->nic.filter_changed);
    CHECK_EQ(igmp_leavegroup_netif(&wire_interface->netif, &group), ERR_OK);
    turn();
}

TEST(checked_frames_are_not_looked_at_again) {
    world_address();
    for (int checked = 0; checked < 2; checked++) {
        frame_icmp(&frame, PEER_IP, 8, 1, 2, "x", 1);
        frame.bytes[IP_AT + 10] ^= 1; /* IPv4's checksum */
        wire_clear();
        wire_checked = checked != 0;
        wire_put(&frame);
        wire_checked = false;
        CHECK_EQ(wire_get_protocol(&frame, 1), checked != 0);
    }
    frame_icmp(&frame, PEER_IP, 8, 1, 2, "x", 1);
    frame.bytes[IP_AT + 10] ^= 1;
    wire_clear();
    wire_put(&frame);
    CHECK(!wire_get_protocol(&frame, 1));
}

TEST(checksum_is_the_plain_sum) {
    uint8_t bytes[300];
    for (int round = 0; round < 2000; round++) {
        size_t length = check_random_below(sizeof bytes - 8);
        size_t offset = check_random_below(8);
        uint32_t plain = 0;
        for (size_t i = 0; i < length; i++) {
            bytes[offset + i] = (uint8_t)(round % 3 == 0 ? 0xff : check_random());
            plain += i % 2 == 0 ? bytes[offset + i] : (uint32_t)bytes[offset + i] << 8;
        }
        while (plain >> 16 != 0) {
            plain = (plain & 0xffff) + (plain >> 16);
        }
        REQUIRE(CHECK_EQ(net_checksum(bytes + offset, (int)length), plain));
    }
}
