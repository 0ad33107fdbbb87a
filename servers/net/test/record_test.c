/* SPDX-License-Identifier: MIT */
/*
 * The stack's state as records: what one process exports another imports, as two programs do.
 * Nothing is missing, everything goes on, and damaged records do no harm. (lwIP's variables exist
 * once in a process and start as the linker made them, so each stack has a process of its own.)
 */
#include "check.h"

#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../record.h"
#include "sockets.h"

#define ROOM (1u << 20)
#define NOTIFICATION 9u
#define PROCESSES 300u
#define CPU_SECONDS 60u

/* What one process tells the next; `again` is what the importer exports. */
static struct shared {
    struct world world;
    uint8_t records[ROOM], again[ROOM];
    size_t size, again_size;
    uint64_t talking, reading, listening, datagrams;
    token_t parked;
    uint32_t our_port, peer_port, next, acknowledged;
    status_t status;
} * shared;

static void share(void) {
    if (shared == NULL) {
        int segment_id = shmget(IPC_PRIVATE, sizeof *shared, 0600);
        shared = shmat(segment_id, NULL, 0);
        (void)shmctl(segment_id, IPC_RMID, NULL);
    }
}

/* Runs the function in a process of its own, whose failed checks are ours. */
static bool apart(void (*function)(void)) {
    int status = -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {CPU_SECONDS, CPU_SECONDS};
        unsigned before = check_failures;
        (void)setrlimit(RLIMIT_CPU, &limit);
        function();
        fflush(stdout);
        _exit(check_failures == before ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static size_t export_to(uint8_t *to) {
    const struct image_note program = {.name = "net"};
    struct records_writer writer;
    records_begin(&writer, to, ROOM);
    net_export(&writer);
    CHECK_EQ(records_end(&writer, &program), OK);
    return writer.used;
}

/* ---- A stack with something of everything -------------------------------------------------- */

static void talk(void) {
    static char text[] = "0123456789abcdefghij";
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    (void)begin_io(socket, true, text, 20, 0);
    REQUIRE(wire_get_tcp(&frame, &segment));
    peer.acknowledged += 5; /* of the twenty */
    peer_send(ACK, "hello", 5);
    shared->talking = socket->badge;
    shared->our_port = peer.our_port;
    shared->peer_port = peer.peer_port;
    shared->next = peer.next;
    shared->acknowledged = peer.acknowledged;
}

static void others(void) {
    static char room[100];
    struct socket *reading = connected();
    REQUIRE(reading != NULL);
    struct call *call = begin_io(reading, false, room, sizeof room, 0);
    CHECK(!call->answered);
    shared->parked = call->token;
    shared->reading = reading->badge;
    struct socket *listener = listener_at(4000);
    shared->listening = listener->badge;
    (void)begin_connect(make(NET_TCP), OUR_IP, 4000); /* waits to be accepted */
    struct net_watch_request watch = {.events = NET_POLL_READ, .bits = 0x10};
    uint64_t now;
    CHECK_EQ(socket_watch(reading, &watch, NOTIFICATION, &now), OK);
    struct net_ping_request ping = {
        .ip = v4(STRANGER_IP), .sequence = 5, .size = 32, .timeout_ns = 60000000000};
    call = call_begin(NULL, 0);
    call_result(call, query_ping(NULL, call->token, &ping), NULL, 0);
    struct net_restrict_request restricted = {.mode = NET_MODE_LOOPBACK};
    struct policy *outer, *inner;
    CHECK_EQ(policy_create(NULL, ACCOUNT, &restricted, &outer), OK);
    CHECK_EQ(policy_create(outer, ACCOUNT, &restricted, &inner), OK);
    turn();
}

static void datagrams(void) {
    struct socket *socket = make(NET_UDP);
    struct net_address address = {.port = 5000};
    struct net_group_request group = {.group = v4(0xe0000105), .join = 1};
    CHECK_EQ(socket_bind(socket, &address), OK);
    CHECK_EQ(udp_socket_group(socket, &group), OK);
    frame_udp(&frame, PEER_IP, 53, OUR_IP, 5000, "datagram", 8);
    wire_put(&frame);
    CHECK_EQ(socket->datagram_count, 1);
    shared->datagrams = socket->badge;
}

static void make_everything(void) {
    world_address();
    talk();
    others();
    datagrams();
    CHECK(net_check(true) == NULL);
    shared->size = export_to(shared->records);
    world_save(&shared->world);
}

/* ---- Taken over ----------------------------------------------------------------------------- */

static bool import_all(void) {
    struct records_reader reader;
    world_load(&shared->world);
    shared->status = records_open(&reader, shared->records, shared->size);
    if (shared->status == OK) {
        shared->status = world_import(&reader);
    }
    return shared->status == OK;
}

static void import_and_export(void) {
    REQUIRE(import_all());
    CHECK(net_check(true) == NULL);
    shared->again_size = export_to(shared->again);
}

/* lwIP has begun to send again what was not acknowledged, and looks for routers. */
static bool goes_on(uint16_t tag) {
    return tag == RECORD_TCP || tag == RECORD_INTERFACE;
}

static void compare(void) {
    struct records_reader left, right;
    struct record a, b;
    uint32_t tags = 0;
    REQUIRE(records_open(&left, shared->records, shared->size) == OK);
    REQUIRE(records_open(&right, shared->again, shared->again_size) == OK);
    while (record_next(&left, &a)) {
        REQUIRE(record_next(&right, &b));
        tags |= 1u << a.tag;
        CHECK_EQ(a.tag, b.tag);
        CHECK_EQ(a.version, b.version);
        REQUIRE(a.length == b.length);
        if (!goes_on(a.tag) && !CHECK(memcmp(a.data, b.data, a.length) == 0)) {
            printf("# a record of tag %u\n", a.tag);
        }
    }
    CHECK(!record_next(&right, &b));
    for (uint32_t tag = RECORD_GENERAL; tag <= RECORD_PING; tag++) {
        if (!CHECK((tags & 1u << tag) != 0)) {
            printf("# no record of tag %u\n", tag);
        }
    }
}

/* Neighbours are not in the records. */
static void meet_peer(void) {
    frame_arp(&frame, 1, PEER_IP, OUR_IP);
    wire_put(&frame);
}

/* The peer sees one connection: the rest of what was sent, what it sends is read. */
static void conversation_goes_on(void) {
    char got[100] = "";
    REQUIRE(import_all());
    struct socket *socket = socket_find(shared->talking);
    REQUIRE(socket != NULL && socket->tcp != NULL && socket->tcp->state == ESTABLISHED);
    CHECK_EQ(socket->tcp->rcv_nxt, shared->next);
    peer.our_port = shared->our_port;
    peer.peer_port = shared->peer_port;
    peer.next = shared->next;
    peer.acknowledged = shared->acknowledged;
    meet_peer();
    pass(5000);
    bool found = false;
    while (wire_get_tcp(&frame, &segment)) {
        if (segment.from_port == peer.our_port && segment.length != 0) {
            uint32_t again = peer.acknowledged - segment.sequence;
            REQUIRE(again <= 5);
            CHECK_EQ(segment.length - again, 15);
            CHECK(memcmp(segment.data + again, "56789abcdefghij", 15) == 0);
            found = true;
        }
    }
    CHECK(found);
    peer.acknowledged += 15;
    peer_send(ACK, " world", 6);
    struct call *call = begin_io(socket, false, got, sizeof got, 0);
    CHECK(call->answered && call->status == OK);
    CHECK_STR(got, "hello world");
    CHECK_EQ(socket->transmit_bytes, 0);
}

/* The parked call is answered, once, by what comes; the datagram and the connection that waited
 * are there. */
static void waiting_goes_on(void) {
    char got[100] = "";
    REQUIRE(import_all());
    struct socket *reading = socket_find(shared->reading);
    struct socket *listener = socket_find(shared->listening);
    struct socket *datagram = socket_find(shared->datagrams);
    REQUIRE(reading != NULL && listener != NULL && datagram != NULL);
    CHECK_EQ(reading->request_count, 1);
    meet_peer();
    peer.our_port = reading->tcp->local_port;
    peer.peer_port = 80;
    peer.next = reading->tcp->rcv_nxt;
    peer.acknowledged = reading->tcp->lastack;
    peer_send(FIN | ACK, NULL, 0);
    CHECK_EQ(reading->request_count, 0);
    CHECK_EQ(world_signals(NOTIFICATION), 0x10);
    struct call *call = begin_io(datagram, false, got, sizeof got, 0);
    CHECK(call->answered && call->status == OK);
    CHECK_EQ(moved(call), 8);
    CHECK_STR(got, "datagram");
    CHECK(accept_from(listener) != NULL);
    CHECK_EQ(net.ping_count, 1);
    CHECK(net_check(true) == NULL);
}

static bool prepare(void) {
    share();
    return CHECK(apart(make_everything));
}

TEST(what_is_exported_is_imported) {
    REQUIRE(prepare());
    REQUIRE(apart(import_and_export));
    compare();
}

TEST(everything_goes_on) {
    REQUIRE(prepare());
    CHECK(apart(conversation_goes_on));
    CHECK(apart(waiting_goes_on));
}

/* A program has said something and closed; nobody has acknowledged it. So many bytes that some wait
 * for room, and the FIN is part of them; or few, and the FIN is on its own. */
static size_t farewell;
#define FAREWELL_MOST 9000u
#define ROUNDS 50

static void say_farewell(void) {
    static char text[FAREWELL_MOST];
    world_address();
    struct socket *socket = connected();
    REQUIRE(socket != NULL);
    struct call *call = begin_io(socket, true, text, farewell, 0);
    CHECK(call->answered && moved(call) == farewell);
    shared->our_port = peer.our_port;
    shared->next = peer.next;
    shared->acknowledged = peer.acknowledged;
    socket_closed(socket);
    turn();
    shared->size = export_to(shared->records);
    world_save(&shared->world);
}

static void farewell_is_said(void) {
    uint32_t count = 0, rounds = 0;
    bool end = false;
    REQUIRE(import_all());
    CHECK(net_check(true) == NULL);
    peer.our_port = shared->our_port;
    peer.peer_port = 80;
    peer.next = shared->next;
    peer.acknowledged = shared->acknowledged;
    meet_peer();
    for (; !end && rounds < ROUNDS; rounds++) {
        pass(1000);
        while (wire_get_tcp(&frame, &segment)) {
            if (segment.sequence == peer.acknowledged) {
                end = (segment.flags & FIN) != 0;
                count += (uint32_t)segment.length;
                peer.acknowledged += (uint32_t)segment.length + (end ? 1 : 0);
            }
        }
        peer_send(ACK, NULL, 0);
    }
    CHECK(end);
    CHECK_EQ(count, farewell);
}

TEST(what_was_said_at_the_end_is_said) {
    static const size_t lengths[] = {1, 100, FAREWELL_MOST};
    share();
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        farewell = lengths[i];
        REQUIRE(apart(say_farewell));
        CHECK(apart(farewell_is_said));
    }
}

/* A packet of the records for which there is no memory leaves its block free. */
static void packet_without_memory(void) {
    world_start();
    blocks_adopt(&net.receive_blocks, 2);
    world_allocations_left = 0;
    CHECK(payload_adopt_packet(1, 0, 100) == NULL);
    world_allocations_left = SIZE_MAX;
    size_t allocations = world_allocations();
    CHECK(payload_adopt_packet(1, RECEIVE_BLOCK, 1) == NULL);
    CHECK_EQ(world_allocations(), allocations);
    struct pbuf *packet = payload_adopt_packet(1, 0, 100);
    REQUIRE(packet != NULL);
    CHECK(payload_adopt_packet(1, 0, 100) == NULL);
    pbuf_free(packet);
}

TEST(a_packet_without_memory_takes_no_block) {
    CHECK(apart(packet_without_memory));
}

/* ---- Damaged -------------------------------------------------------------------------------- */

/* A sound state, or none; and the stack works on for a while. */
static void take_damaged(void) {
    world_stale_tokens = true; /* as the kernel has it: nobody is answered */
    if (!import_all()) {
        return;
    }
    const char *wrong = net_check(true);
    if (wrong != NULL) {
        printf("# %s\n", wrong);
    }
    CHECK(wrong == NULL);
    wire_holds = true;
    frame_arp(&frame, 1, PEER_IP, OUR_IP);
    if (net.interfaces[0].nic.generation != 0) {
        wire_put(&frame);
        frame_udp(&frame, PEER_IP, 53, OUR_IP, 5000, "datagram", 8);
        wire_put(&frame);
    }
    pass(3000);
    CHECK(net_check(true) == NULL);
}

static void seal(void) {
    struct records_head *head = (struct records_head *)(void *)shared->records;
    head->checksum = records_checksum(head + 1, head->length);
}

enum damage { ZEROS, ONES, RANDOM, FIELD, DAMAGES };

/* Changes the data of the n-th record; its tag. 0: there are not so many. */
static uint16_t damage(uint32_t number, enum damage how) {
    struct records_reader reader;
    struct record record;
    if (!CHECK_EQ(records_open(&reader, shared->records, shared->size), OK)) {
        return 0;
    }
    for (uint32_t i = 0; record_next(&reader, &record); i++) {
        if (i != number) {
            continue;
        }
        uint8_t *data = shared->records + ((const uint8_t *)record.data - shared->records);
        size_t at = record.length >= 8 ? check_random_below(record.length / 4) * 4 : 0;
        switch (how) {
        case ZEROS:
            memset(data, 0, record.length);
            break;
        case ONES:
            memset(data, 0xff, record.length);
            break;
        case RANDOM:
            for (uint32_t k = 0; k < record.length; k++) {
                data[k] = (uint8_t)check_random();
            }
            break;
        default:
            for (size_t k = at; k < at + 4 && k < record.length; k++) {
                data[k] = (uint8_t)check_random();
            }
            break;
        }
        seal();
        return record.tag;
    }
    return 0;
}

TEST(each_record_may_be_damaged) {
    static uint8_t kept[ROOM];
    REQUIRE(prepare());
    memcpy(kept, shared->records, shared->size);
    uint16_t tag = 1;
    for (uint32_t number = 0; tag != 0; number++) {
        for (uint32_t how = ZEROS; how <= RANDOM; how++) {
            memcpy(shared->records, kept, shared->size);
            tag = damage(number, how);
            if (tag != 0 && !CHECK(apart(take_damaged))) {
                printf("# record %u, tag %u, damage %u\n", number, tag, how);
            }
        }
    }
}

TEST(any_field_may_be_damaged) {
    static uint8_t kept[ROOM];
    REQUIRE(prepare());
    memcpy(kept, shared->records, shared->size);
    uint64_t count = ((const struct records_head *)(void *)kept)->count;
    for (uint32_t round = 0; round < PROCESSES; round++) {
        memcpy(shared->records, kept, shared->size);
        uint16_t tag = 0;
        for (uint32_t hits = 0; hits <= round % 4; hits++) {
            tag = damage((uint32_t)check_random_below(count), FIELD);
        }
        if (!CHECK(apart(take_damaged))) {
            printf("# round %u, tag %u last\n", round, tag);
        }
    }
}
