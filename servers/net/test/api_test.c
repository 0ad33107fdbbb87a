/* SPDX-License-Identifier: MIT */
/*
 * The rest of the socket protocol: both families, rules, readiness, options, frames, time. Over
 * the loopback interface, and against a peer whose frames the test makes.
 */
#include "check.h"

#include <common/ip.h>

#include "sockets.h"

#include <lwip/dhcp.h>

#define NOTIFICATION 9u

static struct net_address at(const char *text, uint32_t port) {
    struct net_address address = {.port = (uint16_t)port};
    CHECK(ip_parse(text, strlen(text), address.ip.bytes));
    return address;
}

static struct call *connect_to(struct socket *socket, const struct net_address *address,
                               uint64_t flags) {
    struct call *call = call_begin(NULL, 0);
    call_result(call, socket_connect(socket, call->token, address, flags), NULL, 0);
    turn();
    return call;
}

static uint64_t ready(struct socket *socket, uint64_t events) {
    struct net_poll_request request = {.events = events, .flags = NET_NO_WAIT};
    uint64_t result = 0;
    CHECK_EQ(socket_poll(socket, TOKEN_NONE, &request, &result), OK);
    return result;
}

static uint64_t option(struct socket *socket, uint64_t name) {
    struct net_option_request request = {.option = name};
    uint64_t value = 0;
    CHECK_EQ(socket_option(socket, &request, &value), OK);
    return value;
}

static status_t option_set(struct socket *socket, uint64_t name, uint64_t value) {
    struct net_option_request request = {.option = name, .value = value, .set = 1};
    return socket_option(socket, &request, &value);
}

static void close_all(struct socket *a, struct socket *b, struct socket *c) {
    struct socket *all[] = {a, b, c};
    for (int i = 0; i < 3; i++) {
        if (all[i] != NULL) {
            socket_closed(all[i]);
        }
        turn();
    }
    pass(2 * TCP_MSL + 2000);
    CHECK_EQ(net.socket_count, 0);
}

/* ---- Both families ------------------------------------------------------------------------ */

static void talk(const char *server, const char *local) {
    char text[] = "both ways", got[16] = {0};
    struct net_address to = at(server, 4000), theirs = {0}, mine = {0};
    struct socket *listener = listener_at(4000), *client = make(NET_TCP);
    struct call *call = connect_to(client, &to, 0);
    REQUIRE(call->answered && CHECK_EQ(call->status, OK));
    struct socket *accepted = accept_from(listener);
    REQUIRE(accepted != NULL);
    CHECK_EQ(socket_peer(accepted, &theirs), OK);
    CHECK_EQ(socket_local(client, &mine), OK);
    CHECK(memcmp(&theirs.ip, &mine.ip, 16) == 0 && theirs.port == mine.port);
    struct net_address expected = at(local, 0);
    CHECK(memcmp(&mine.ip, &expected.ip, sizeof mine.ip) == 0);
    (void)begin_io(client, true, text, sizeof text, 0);
    call = begin_io(accepted, false, got, sizeof got, NET_PEEK);
    CHECK(call->answered && moved(call) == sizeof text);
    memset(got, 0, sizeof got);
    call = begin_io(accepted, false, got, sizeof got, 0);
    CHECK(call->answered && moved(call) == sizeof text && strcmp(got, text) == 0);
    close_all(client, accepted, listener);
}

TEST(one_listener_takes_both_families) {
    world_address();
    talk("127.0.0.1", "127.0.0.1");
    talk("::1", "::1");
    talk("10.0.0.1", "10.0.0.1");
}

TEST(v6_only_refuses_ipv4) {
    world_address();
    struct socket *listener = make(NET_TCP), *client = make(NET_TCP);
    CHECK_EQ(option_set(listener, NET_OPTION_V6_ONLY, 1), OK);
    struct net_address any = {.port = 4001}, to = at("127.0.0.1", 4001);
    CHECK_EQ(socket_bind(listener, &any), OK);
    CHECK_EQ(socket_listen(listener, 4), OK);
    struct call *call = connect_to(client, &to, 0);
    CHECK(call->answered && call->status == E_CONN_REFUSED);
    to = at("::1", 4001);
    call = connect_to(client, &to, 0);
    CHECK(call->answered && call->status == OK);
    close_all(client, listener, NULL);
    client = make(NET_TCP);
    CHECK_EQ(option_set(client, NET_OPTION_V6_ONLY, 1), OK);
    to = at("127.0.0.1", 4001);
    call = connect_to(client, &to, 0);
    CHECK(call->answered && call->status == E_ADDRESS);
    close_all(client, NULL, NULL);
}

TEST(udp_speaks_both_families) {
    char text[] = "datagram", got[4];
    world_address();
    struct socket *server = make(NET_UDP), *client = make(NET_UDP);
    struct net_address any = {.port = 4002};
    CHECK_EQ(socket_bind(server, &any), OK);
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    for (int i = 0; i < 2; i++) {
        struct net_io_request request = {.length = sizeof text, .address = at(hosts[i], 4002)};
        struct net_io_reply reply = {0};
        struct call *call = call_begin(text, sizeof text);
        call_result(call, socket_send(client, call->token, &request, &reply), NULL, 0);
        turn();
        CHECK_EQ(call->status, OK);
        CHECK_EQ(ready(server, NET_POLL_READ), NET_POLL_READ);
        call = begin_io(server, false, got, sizeof got, 0);
        const struct net_io_reply *answer = (const void *)call->data;
        CHECK(call->answered && answer->length == sizeof got);
        CHECK_EQ(answer->size, sizeof text);
        CHECK(memcmp(&answer->address.ip, &request.address.ip, sizeof any.ip) == 0);
    }
    close_all(server, client, NULL);
}

/* ---- Without waiting ---------------------------------------------------------------------- */

TEST(connect_without_waiting) {
    world_address();
    struct net_address to = at("10.0.0.2", 80);
    struct socket *socket = make(NET_TCP);
    struct call *call = connect_to(socket, &to, NET_NO_WAIT);
    CHECK(call->answered && call->status == E_WOULD_BLOCK);
    CHECK_EQ(ready(socket, NET_POLL_WRITE | NET_POLL_ERROR), 0);
    call = connect_to(socket, &to, NET_NO_WAIT);
    CHECK_EQ(call->status, E_BUSY);
    REQUIRE(wire_get_tcp(&frame, &segment));
    peer.our_port = segment.from_port;
    peer.peer_port = 80;
    peer.next = 0;
    peer.acknowledged = segment.sequence + 1;
    peer_send(RST | ACK, NULL, 0);
    CHECK_EQ(ready(socket, NET_POLL_ERROR), NET_POLL_ERROR);
    CHECK_EQ((int64_t)option(socket, NET_OPTION_ERROR), -E_CONN_REFUSED);
    to = at("127.0.0.1", 4003);
    struct socket *listener = listener_at(4003);
    (void)connect_to(socket, &to, NET_NO_WAIT);
    CHECK_EQ(ready(socket, NET_POLL_WRITE | NET_POLL_ERROR), NET_POLL_WRITE);
    CHECK_EQ(option(socket, NET_OPTION_ERROR), 0);
    call = call_begin(NULL, 0);
    CHECK_EQ(socket_accept(listener, call->token, NET_NO_WAIT), DISPATCH_PARKED);
    CHECK(call->answered && call->status == OK); /* answered with the session */
    struct socket *accepted = socket_find(call->session);
    call = call_begin(NULL, 0);
    CHECK_EQ(socket_accept(listener, call->token, NET_NO_WAIT), E_WOULD_BLOCK);
    close_all(socket, accepted, listener);
}

TEST(watchers_hear_of_changes_only) {
    char text[] = "x";
    world_address();
    struct socket *listener = listener_at(4004), *client = make(NET_TCP);
    struct net_watch_request request = {.events = NET_POLL_READ, .bits = 0x10};
    uint64_t now = 1;
    CHECK_EQ(socket_watch(listener, &request, NOTIFICATION, &now), OK);
    CHECK_EQ(now, 0);
    turn();
    CHECK_EQ(world_signals(NOTIFICATION), 0);
    struct net_address to = at("::1", 4004);
    (void)connect_to(client, &to, 0);
    CHECK_EQ(world_signals(NOTIFICATION), 0x10);
    struct socket *accepted = accept_from(listener);
    REQUIRE(accepted != NULL);
    CHECK_EQ(world_signals(NOTIFICATION), 0);
    CHECK_EQ(option_set(client, NET_OPTION_NODELAY, 1), OK);
    CHECK_EQ(socket_watch(accepted, &request, NOTIFICATION, &now), OK);
    (void)begin_io(client, true, text, 1, 0);
    CHECK_EQ(world_signals(NOTIFICATION), 0x10);
    (void)begin_io(client, true, text, 1, 0); /* it can be read already */
    CHECK_EQ(world_signals(NOTIFICATION), 0);
    CHECK_EQ(option(accepted, NET_OPTION_RECEIVE_QUEUED), 2);
    char got[8];
    (void)begin_io(accepted, false, got, sizeof got, 0);
    (void)begin_io(client, true, text, 1, 0);
    CHECK_EQ(world_signals(NOTIFICATION), 0x10);
    request.events = 0;
    world_released = 0;
    CHECK_EQ(socket_watch(accepted, &request, HANDLE_NONE, &now), OK);
    CHECK_EQ(world_released, NOTIFICATION);
    world_released = 0;
    close_all(client, accepted, listener);
    CHECK_EQ(world_released, NOTIFICATION);
}

TEST(options_are_kept_and_checked) {
    world_address();
    struct socket *socket = make(NET_TCP);
    static const struct {
        uint32_t option;
        uint64_t value, bad;
    } cases[] = {
        {NET_OPTION_NODELAY, 1, 0},      {NET_OPTION_KEEPALIVE, 1, 0},
        {NET_OPTION_KEEP_IDLE, 7, 0},    {NET_OPTION_KEEP_INTERVAL, 3, 1000000},
        {NET_OPTION_KEEP_COUNT, 5, 128}, {NET_OPTION_HOP_LIMIT, 3, 256},
        {NET_OPTION_ABORT, 1, 0},        {NET_OPTION_TRAFFIC_CLASS, 8, 300},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_EQ(option_set(socket, cases[i].option, cases[i].value), OK);
        CHECK_EQ(option(socket, cases[i].option), cases[i].value);
        if (cases[i].bad != 0) {
            CHECK_EQ(option_set(socket, cases[i].option, cases[i].bad), E_INVALID);
            CHECK_EQ(option(socket, cases[i].option), cases[i].value);
        }
    }
    CHECK_EQ(option(socket, NET_OPTION_KIND), NET_TCP);
    CHECK_EQ(option_set(socket, NET_OPTION_KIND, NET_UDP), E_READ_ONLY);
    CHECK_EQ(option_set(socket, NET_OPTION_COUNT, 1), E_INVALID);
    CHECK_EQ(option_set(socket, NET_OPTION_MULTICAST_HOPS, 1), E_UNSUPPORTED);
    socket_closed(socket);
    socket = make(NET_UDP);
    CHECK_EQ(option_set(socket, NET_OPTION_NODELAY, 1), E_UNSUPPORTED);
    CHECK_EQ(option_set(socket, NET_OPTION_MULTICAST_HOPS, 4), OK);
    CHECK_EQ(option(socket, NET_OPTION_MULTICAST_HOPS), 4);
    close_all(socket, NULL, NULL);
}

TEST(groups_bring_datagrams_and_end_with_the_socket) {
    char text[] = "to all", got[16];
    world_address();
    struct socket *socket = make(NET_UDP);
    struct net_address any = {.port = 5353};
    struct net_address group = at("224.1.2.3", 0);
    struct net_group_request request = {.group = group.ip, .join = 1};
    CHECK_EQ(socket_bind(socket, &any), E_ADDRESS_IN_USE); /* net's own, which shares it */
    CHECK_EQ(option_set(socket, NET_OPTION_REUSE, 1), OK);
    CHECK_EQ(socket_bind(socket, &any), OK);
    frame_udp(&frame, PEER_IP, 5353, 0xe0010203, 5353, text, sizeof text);
    wire_put(&frame);
    CHECK_EQ(ready(socket, NET_POLL_READ), 0);
    CHECK_EQ(socket_group(socket, &request), OK);
    CHECK_EQ(socket_group(socket, &request), E_EXISTS);
    wire_put(&frame);
    struct call *call = begin_io(socket, false, got, sizeof got, 0);
    CHECK(call->answered && moved(call) == sizeof text);
    request.join = 0;
    CHECK_EQ(socket_group(socket, &request), OK);
    CHECK_EQ(socket_group(socket, &request), E_NOT_FOUND);
    frame_udp(&frame, PEER_IP, 5353, 0xe0010203, 5353, text, sizeof text);
    wire_put(&frame);
    CHECK_EQ(ready(socket, NET_POLL_READ), 0);
    request.group = at("10.0.0.9", 0).ip;
    CHECK_EQ(socket_group(socket, &request), E_ADDRESS);
    request = (struct net_group_request){.group = at("ff02::1234", 0).ip, .join = 1};
    CHECK_EQ(socket_group(socket, &request), OK);
    close_all(socket, NULL, NULL);
}

/* ---- Rules -------------------------------------------------------------------------------- */

static struct socket *make_under(struct policy *policy, uint32_t kind) {
    struct socket *socket;
    CHECK(socket_create(ACCOUNT, policy, kind, &socket) == OK);
    CHECK_EQ(kind == NET_TCP ? tcp_socket_open(socket) : udp_socket_open(socket), OK);
    return socket;
}

TEST(rules_from_arguments) {
    static const char *const bad[] = {"",
                                      "3",
                                      "300,none",
                                      "3,some",
                                      "3,none,x",
                                      "3,deny",
                                      "3,deny,bind,tcp,*",
                                      "3,deny,bind,tcp,*,80,1",
                                      "3,deny,fly,tcp,*,80",
                                      "3,deny,bind,sctp,*,80",
                                      "3,deny,bind,tcp,10.0.0.0/33,80",
                                      "3,deny,bind,tcp,10.0.0,80",
                                      "3,deny,bind,tcp,*,99-80",
                                      "3,deny,bind,tcp,*,65536"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!CHECK(!policy_wire(bad[i]))) {
            printf("# %s\n", bad[i]);
        }
    }
    world_address();
    CHECK(policy_wire("3,allow,connect,tcp,10.0.0.0/8,80"));
    CHECK(policy_wire("3,deny,connect,*,*,*"));
    CHECK(policy_wire("3,deny,bind,tcp,*,1-1023"));
    struct policy *policy = policy_of(BADGE_ROOT | 3);
    REQUIRE(policy != NULL);
    CHECK(policy_of(BADGE_ROOT | 4) == NULL);
    struct socket *socket = make_under(policy, NET_TCP), *udp = make_under(policy, NET_UDP);
    uint64_t before = net.denied;
    struct net_address to = at("11.0.0.2", 80), low = {.port = 1023}, high = {.port = 1024};
    CHECK_EQ(connect_to(socket, &to, 0)->status, E_RIGHTS);
    to = at("10.0.0.2", 81);
    CHECK_EQ(connect_to(socket, &to, 0)->status, E_RIGHTS);
    CHECK_EQ(connect_to(udp, &to, 0)->status, E_RIGHTS);
    CHECK_EQ(socket_bind(socket, &low), E_RIGHTS);
    CHECK_EQ(net.denied, before + 4);
    CHECK_EQ(socket_bind(udp, &low), OK);
    CHECK_EQ(socket_bind(socket, &high), OK);
    to = at("10.0.0.2", 80);
    CHECK(!connect_to(socket, &to, 0)->answered);
    close_all(socket, udp, NULL);
}

TEST(restricted_sessions_can_do_less_only) {
    world_address();
    struct net_restrict_request request = {.mode = NET_MODE_LOOPBACK};
    struct policy *outer, *inner;
    REQUIRE(policy_create(NULL, ACCOUNT, &request, &outer) == OK);
    CHECK(policy_of(outer->badge) == outer && !policy_shared(outer));
    request = (struct net_restrict_request){
        .mode = NET_MODE_SHARED,
        .count = 1,
        .rules = {{.deny = 1, .actions = NET_ACTION_ACCEPT, .kinds = 0xff, .port_last = 0xffff}}};
    REQUIRE(policy_create(outer, ACCOUNT, &request, &inner) == OK);
    request.count = NET_RULES + 1;
    struct policy *none;
    CHECK_EQ(policy_create(outer, ACCOUNT, &request, &none), E_INVALID);
    struct socket *client = make_under(inner, NET_TCP);
    struct socket *listener = make_under(inner, NET_TCP);
    policy_closed(outer); /* the sessions are gone, the sockets keep the rules */
    policy_closed(inner);
    struct net_address to = at("10.0.0.2", 80), own = at("::1", 4005), any = {.port = 4005};
    CHECK_EQ(connect_to(client, &to, 0)->status, E_RIGHTS); /* by the outer's mode */
    CHECK_EQ(socket_bind(listener, &any), OK);
    CHECK_EQ(socket_listen(listener, 2), OK);
    struct call *call = connect_to(client, &own, 0);
    CHECK(call->answered && call->status != E_RIGHTS);
    CHECK_EQ(ready(listener, NET_POLL_READ), 0); /* by the inner's rule */
    close_all(client, listener, NULL);
    for (int i = 0; i < NET_POLICIES; i++) {
        CHECK(net.policies[i] == NULL || net.policies[i]->number == 3);
    }
}

/* ---- IPv6 on the wire --------------------------------------------------------------------- */

TEST(a_router_gives_an_address) {
    struct net_interface report = {0};
    world_address();
    frame_router(&frame);
    wire_put(&frame);
    pass(3000);
    CHECK_EQ(interface_report(0, &report), OK);
    struct net_address expected = at("2001:db8::ff:fe00:1", 0);
    bool found = false;
    for (uint64_t i = 0; i < report.ip6_count; i++) {
        found = found || (memcmp(&report.ip6[i].ip, &expected.ip, 16) == 0 &&
                          report.ip6[i].state == NET_IP6_PREFERRED);
    }
    CHECK(found);
    expected = at("fe80::2", 0);
    CHECK(memcmp(&report.router, &expected.ip, 16) == 0);
    struct net_route route;
    uint32_t routes = 0;
    for (uint64_t i = 0; list_route(i, &route) == OK; i++) {
        routes += !ip_is_v4(route.ip.bytes);
    }
    CHECK_EQ(routes, 2); /* the prefix and all others */
}

/* ---- Frames and time ---------------------------------------------------------------------- */

TEST(frames_are_recorded) {
    static uint8_t buffer[8192];
    world_address();
    capture_start(&(struct net_capture_request){.on = 1, .length = 60});
    struct net_frames_request from = {0};
    for (int i = 0; i < 3; i++) {
        frame_icmp(&frame, PEER_IP, 8, 1, (uint32_t)i, "data", 4);
        wire_put(&frame);
    }
    struct call *call = call_begin(buffer, sizeof buffer);
    struct net_frames_reply reply = {0};
    CHECK_EQ(capture_read(call->token, sizeof buffer, &from, &reply), OK);
    CHECK_EQ(reply.length, 6 * (sizeof(struct net_frame) + 64)); /* each with its answer */
    const struct net_frame *first = (const void *)buffer;
    CHECK(first->sent == 0 && first->kept == 60 && first->length == 60);
    CHECK_EQ(get16(buffer + sizeof *first + 12), 0x0800);
    from.cursor = reply.cursor;
    reply = (struct net_frames_reply){0};
    CHECK_EQ(capture_read(call->token, sizeof buffer, &from, &reply), OK);
    CHECK_EQ(reply.length, 0);
    for (uint32_t i = 0; i < 2 * CAPTURE_SLOTS; i++) {
        frame_arp(&frame, 1, PEER_IP, PEER_IP);
        wire_put(&frame);
    }
    reply = (struct net_frames_reply){0};
    CHECK_EQ(capture_read(call->token, sizeof buffer, &from, &reply), OK);
    CHECK_EQ(first->number, net.capture.next - CAPTURE_SLOTS); /* older ones are gone */
    capture_start(&(struct net_capture_request){0});
}

TEST(time_comes_from_a_server) {
    struct net_clock report = {0};
    world_address();
    CHECK_EQ(clock_report(&report), E_UNAVAILABLE);
    ip4_addr_t server = {.addr = lwip_htonl(PEER_IP)};
    dhcp_set_ntp_servers(1, &server);
    turn();
    REQUIRE(wire_get_protocol(&frame, 17));
    const uint8_t *udp = frame.bytes + DATA_AT;
    CHECK_EQ(get16(udp + 2), 123);
    uint32_t port = get16(udp);
    uint8_t message[48] = {0x24, 2};
    memcpy(message + 24, udp + 8 + 40, 8); /* originate: what was sent */
    put32(message + 32, 3913056000u);      /* received, sent: 2024-01-01 */
    put32(message + 40, 3913056000u);
    uint8_t forged[48];
    memcpy(forged, message, sizeof forged);
    forged[25] ^= 1;
    frame_udp(&frame, PEER_IP, 123, OUR_IP, port, forged, sizeof forged);
    wire_put(&frame);
    CHECK_EQ(clock_report(&report), E_UNAVAILABLE);
    frame_udp(&frame, PEER_IP, 123, OUR_IP, port, message, sizeof message);
    wire_put(&frame);
    REQUIRE(CHECK_EQ(clock_report(&report), OK));
    uint64_t wall = report.base_ns + port_time_ns();
    CHECK(wall >= 1704067200ull * 1000000000 && wall < 1704067201ull * 1000000000);
    CHECK_EQ(report.stratum, 2);
}

/* ---- Names and neighbours ----------------------------------------------------------------- */

static bool ask_mdns(const char *question, size_t length, uint32_t from_port, uint32_t count) {
    uint8_t message[256] = {0x12, 0x34, [5] = (uint8_t)count};
    memcpy(message + 12, question, length);
    frame_udp(&frame, PEER_IP, from_port, 0xe00000fb, 5353, message, 12 + length);
    wire_clear();
    wire_put(&frame);
    return wire_get_protocol(&frame, 17);
}

TEST(our_name_is_answered_on_the_link) {
    static const char question[] = "\7aXolotl\5LOCAL\0\0\1\0\1";
    world_address();
    REQUIRE(ask_mdns(question, 19, 5353, 1));
    CHECK(ip_checksums_valid(&frame));
    CHECK_EQ(get32(frame.bytes + IP_AT + 16), 0xe00000fb);
    const uint8_t *dns = frame.bytes + DATA_AT + 8;
    CHECK_EQ(get16(dns + 2), 0x8400);
    CHECK_EQ(get16(dns + 6), 1);
    CHECK(memcmp(dns + 12, "\7axolotl\5local", 15) == 0);
    CHECK_EQ(get32(dns + 12 + 15 + 10), OUR_IP);
    REQUIRE(ask_mdns(question, 19, 40000, 1)); /* a plain resolver */
    CHECK_EQ(get32(frame.bytes + IP_AT + 16), PEER_IP);
    CHECK_EQ(get16(frame.bytes + DATA_AT + 8), 0x1234);
    CHECK(ask_mdns("\7axolotl\5local\0\0\34\0\1", 19, 5353, 1)); /* AAAA */
    CHECK(ask_mdns("\1x\0\0\1\0\1\7axolotl\5local\0\0\377\0\1", 26, 5353, 2));
    static const struct {
        const char *question;
        size_t length;
        uint32_t count;
    } silent[] = {
        {"\7axolotm\5local\0\0\1\0\1", 19, 1},
        {"\7axolotl\0\0\1\0\1", 13, 1},
        {"\7axolotl\5local\1x\0\0\1\0\1", 21, 1},
        {"\7axolotl\5local\0\0\20\0\1", 19, 1},
        {"\300\14\0\1\0\1", 6, 1},
        {"\77axolotl", 8, 1},
        {"\7axolotl\5local\0", 15, 1},
        {"", 0, 9},
    };
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        CHECK(!ask_mdns(silent[i].question, silent[i].length, 5353, silent[i].count));
    }
}

TEST(our_address_is_defended) {
    world_address();
    uint64_t before = wire_interface->conflicts;
    pass(20000);
    frame_arp(&frame, 1, OUR_IP, OUR_IP);
    wire_clear();
    wire_put(&frame);
    REQUIRE(wire_get_protocol(&frame, 0));
    CHECK_EQ(get32(frame.bytes + IP_AT + 14), OUR_IP);
    CHECK_EQ(wire_interface->conflicts, before + 1);
    frame_arp(&frame, 1, OUR_IP, OUR_IP);
    wire_clear();
    wire_put(&frame);
    struct frame sent;
    while (wire_get(&sent)) { /* answers, but no second claim within 10 s */
        CHECK(get16(sent.bytes + 12) != 0x0806 || get16(sent.bytes + IP_AT + 6) != 1);
    }
    CHECK_EQ(wire_interface->conflicts, before + 2);
}
