/* SPDX-License-Identifier: MIT */
/*
 * Wall time by SNTP (RFC 4330): the server that the arguments or DHCP name is asked until it
 * answers, then every 17 minutes.
 */
#include <common/ip.h>
#include <common/string.h>

#include "socket.h"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/udp.h>

#define SNTP_PORT 123u
#define POLL_MS 1024000u
#define RETRY_FIRST_MS 2000u
#define RETRY_LAST_MS 256000u
#define NS_PER_S 1000000000ull
#define SECONDS_1900_TO_1970 2208988800ull
#define ERA_SECONDS (1ull << 32)
#define NTP_CLIENT 0x23u /* version 4, mode 3 */
#define MODE_SERVER 4u
#define LEAP_ALARM 3u
#define STRATUM_MAX 15u

struct sntp_message {
    uint8_t flags, stratum, poll, precision;
    uint32_t root_delay, root_dispersion, reference_id;
    uint32_t reference[2], originate[2], receive[2], transmit[2];
};
_Static_assert(sizeof(struct sntp_message) == 48, "RFC 4330");

/* An NTP time as ns since 1970; the era is the one that lies after 1970. */
static uint64_t unix_ns(const uint32_t time[2]) {
    uint64_t seconds = lwip_ntohl(time[0]);
    seconds += seconds < SECONDS_1900_TO_1970 ? ERA_SECONDS : 0;
    return (seconds - SECONDS_1900_TO_1970) * NS_PER_S + (lwip_ntohl(time[1]) * NS_PER_S >> 32);
}

static bool answer_valid(const struct sntp_message *message) {
    const struct clock *clock = &net.clock;
    return (message->flags & 7) == MODE_SERVER && message->flags >> 6 != LEAP_ALARM &&
           message->stratum >= 1 && message->stratum <= STRATUM_MAX &&
           memcmp(message->originate, clock->cookie, sizeof clock->cookie) == 0 &&
           message->transmit[0] != 0;
}

static void on_answer(void *argument, struct udp_pcb *pcb, struct pbuf *packet, const ip_addr_t *ip,
                      u16_t port) {
    struct clock *clock = &net.clock;
    struct sntp_message message;
    (void)argument;
    (void)pcb;
    bool sound = clock->asked_ns != 0 && port == SNTP_PORT && ip_addr_cmp(ip, &clock->server) &&
                 pbuf_copy_partial(packet, &message, sizeof message, 0) == sizeof message &&
                 answer_valid(&message);
    pbuf_free(packet);
    if (!sound) {
        return;
    }
    uint64_t now = port_time_ns(), first = clock->base_ns == 0;
    uint64_t held = unix_ns(message.transmit) - unix_ns(message.receive);
    uint64_t round = now - clock->asked_ns;
    uint64_t wire = held < round ? round - held : round;
    clock->base_ns = unix_ns(message.transmit) + wire / 2 - now;
    clock->answered_ns = now;
    clock->asked_ns = 0;
    clock->stratum = message.stratum;
    clock->retry_ms = 0;
    clock->due_ms = timers_now_ms() + POLL_MS;
    if (first) {
        struct net_ip from;
        char text[IP_TEXT];
        ip_from_lwip(ip, &from);
        port_log("clock set by %s", ip_format(text, from.bytes));
    }
}

static void ask(void) {
    struct clock *clock = &net.clock;
    struct sntp_message message = {.flags = NTP_CLIENT};
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, sizeof message, PBUF_RAM);
    if (packet == NULL) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        clock->cookie[i] = port_random();
        message.transmit[i] = clock->cookie[i];
    }
    memcpy(packet->payload, &message, sizeof message);
    clock->asked_ns = port_time_ns();
    (void)udp_sendto(clock->pcb, packet, &clock->server, SNTP_PORT);
    pbuf_free(packet);
}

static void on_name(const char *name, const ip_addr_t *ip, void *argument) {
    (void)name;
    (void)argument;
    if (ip != NULL) {
        net.clock.server = *ip;
        net.clock.due_ms = timers_now_ms();
    }
}

/* The server's address, which a name may need a lookup for. */
static bool server_known(void) {
    struct clock *clock = &net.clock;
    if (ip_addr_isany(&clock->server) && clock->name[0] != '\0' &&
        dns_gethostbyname(clock->name, &clock->server, on_name, NULL) != ERR_OK) {
        ip_addr_set_zero(&clock->server);
    }
    return !ip_addr_isany(&clock->server);
}

void clock_tick(uint64_t now_ms) {
    struct clock *clock = &net.clock;
    if (clock->due_ms > now_ms) {
        return;
    }
    clock->retry_ms = clock->retry_ms == 0              ? RETRY_FIRST_MS
                      : clock->retry_ms < RETRY_LAST_MS ? clock->retry_ms * 2
                                                        : RETRY_LAST_MS;
    clock->due_ms = now_ms + clock->retry_ms;
    if (server_known()) {
        ask();
    }
}

uint64_t clock_deadline(void) {
    return net.clock.due_ms;
}

/* lwIP's: servers that DHCP named. The arguments' one comes first. */
void dhcp_set_ntp_servers(u8_t count, const ip4_addr_t *servers) {
    struct clock *clock = &net.clock;
    if (count == 0 || clock->name[0] != '\0' ||
        (IP_IS_V4_VAL(clock->server) && ip4_addr_cmp(ip_2_ip4(&clock->server), servers))) {
        return;
    }
    ip_addr_set_ip4_u32(&clock->server, servers[0].addr);
    clock->due_ms = timers_now_ms();
}

status_t clock_report(struct net_clock *report) {
    const struct clock *clock = &net.clock;
    if (clock->base_ns == 0) {
        return E_UNAVAILABLE;
    }
    report->base_ns = clock->base_ns;
    report->age_ns = port_time_ns() - clock->answered_ns;
    report->stratum = clock->stratum;
    ip_from_lwip(&clock->server, &report->server);
    return OK;
}

void clock_init(const char *name) {
    struct clock *clock = &net.clock;
    clock->due_ms = TIMERS_NEVER;
    clock->pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (clock->pcb == NULL || udp_bind(clock->pcb, IP_ANY_TYPE, 0) != ERR_OK) {
        port_abort("no memory for the clock");
    }
    udp_recv(clock->pcb, on_answer, NULL);
    if (name != NULL) {
        strlcpy(clock->name, name, sizeof clock->name);
        clock->due_ms = timers_now_ms() + RETRY_FIRST_MS;
    }
}
