/* SPDX-License-Identifier: MIT */
/* Export and import: policies, interfaces, questions. */
#include "record.h"

#include <common/string.h>

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/nd6.h>
#include <lwip/prot/ethernet.h>

#define WIRED(policy) ((policy)->number != UINT32_MAX)

struct record_policy {
    uint64_t badge, denied;
    uint32_t index, number, account, mode, count;
    uint32_t parent; /* index + 1; 0: none */
    struct net_rule rules[NET_RULES];
};

struct record_dhcp {
    uint32_t xid, state, tries, subnet_mask_given;
    uint32_t request_timeout, t1_timeout, t2_timeout, t1_renew_time, t2_rebind_time;
    uint32_t lease_used, t0_timeout;
    uint32_t ip, mask, gateway; /* offered; network order */
    uint32_t offered_t0_lease, offered_t1_renew, offered_t2_rebind;
    struct record_ip server;
};

struct record_interface {
    uint32_t index, dhcp, gave_up, link, speed, mtu, mtu6, checksums;
    uint32_t bound; /* the DHCP record is valid */
    char driver[16];
    uint8_t mac[8];
    uint32_t ip, mask, gateway; /* network order */
    struct record_ip dns[2];
    struct {
        struct record_ip ip;
        uint32_t state, valid, preferred;
    } ip6[LWIP_IPV6_NUM_ADDRESSES];
    uint64_t generations, give_up_ms, wait6_ms, conflicts, defended_ms;
    uint64_t counters[6];
    uint64_t buffers, generation, wait_token;
    uint32_t receive_count, transmit_count;
    uint32_t filters, lost;    /* as in struct nic */
    uint8_t sent[NET_BUFFERS]; /* 1: the driver has it */
    struct record_dhcp lease;
};

struct record_ping {
    uint64_t token, sent_ns, due_ms, size;
    struct record_ip ip;
    uint32_t id, sequence;
};

struct record_deferred {
    uint64_t token, badge;
    uint32_t operation, policy;
    union {
        struct net_address address;
        struct net_ping_request ping;
        struct net_resolve_request resolve;
    };
};

static struct policy *policies[NET_POLICIES]; /* by their old index */

struct record_ip record_ip_of(const ip_addr_t *ip) {
    struct record_ip record = {.type = IP_GET_TYPE(ip)};
    if (IP_IS_V6(ip)) {
        memcpy(record.bytes, ip_2_ip6(ip)->addr, sizeof record.bytes);
        record.zone = ip6_addr_zone(ip_2_ip6(ip));
    } else {
        memcpy(record.bytes, ip_2_ip4(ip), sizeof(ip4_addr_t));
    }
    return record;
}

ip_addr_t record_ip_to(const struct record_ip *record) {
    ip_addr_t ip = {0};
    if (record->type == IPADDR_TYPE_V6) {
        memcpy(ip_2_ip6(&ip)->addr, record->bytes, sizeof record->bytes);
        ip6_addr_set_zone(ip_2_ip6(&ip), record->zone);
    } else {
        memcpy(ip_2_ip4(&ip), record->bytes, sizeof(ip4_addr_t));
    }
    IP_SET_TYPE(&ip, record->type);
    return ip;
}

uint32_t record_policy_index(const struct policy *policy) {
    for (uint32_t i = 0; i < NET_POLICIES; i++) {
        if (policy != NULL && net.policies[i] == policy) {
            return i;
        }
    }
    return UINT32_MAX;
}

struct policy *record_policy(uint32_t index) {
    return index < NET_POLICIES ? policies[index] : NULL;
}

/* ---- Export ------------------------------------------------------------------------------- */

static void export_general(struct records_writer *records) {
    struct record_general general = {
        .badge_count = net.badge_count,
        .denied = net.denied,
        .start_ms = net.start_ms,
        .receive_count = net.receive_blocks.count,
        .receive_fresh = net.receive_blocks.fresh,
        .transmit_count = net.transmit_blocks.count,
        .transmit_fresh = net.transmit_blocks.fresh,
        .clock_base_ns = net.clock.base_ns,
        .clock_answered_ns = net.clock.answered_ns,
        .clock_stratum = net.clock.stratum,
        .ping_id = net.ping_id,
    };
    memcpy(general.secret, net.sequence_secret, sizeof general.secret);
    record_put(records, RECORD_GENERAL, 1, &general, sizeof general);
}

static void export_policy(uint32_t index, struct records_writer *records) {
    const struct policy *policy = net.policies[index];
    struct record_policy record = {
        .badge = policy->badge,
        .denied = policy->denied,
        .index = index,
        .number = policy->number,
        .account = policy->account,
        .mode = policy->mode,
        .count = policy->count,
        .parent = record_policy_index(policy->parent) + 1,
    };
    memcpy(record.rules, policy->rules, sizeof record.rules);
    record_put(records, RECORD_POLICY, 1, &record, sizeof record);
}

static void export_lease(const struct dhcp *dhcp, struct record_dhcp *to) {
    *to = (struct record_dhcp){
        .xid = dhcp->xid,
        .state = dhcp->state,
        .tries = dhcp->tries,
        .subnet_mask_given = dhcp->subnet_mask_given,
        .request_timeout = dhcp->request_timeout,
        .t1_timeout = dhcp->t1_timeout,
        .t2_timeout = dhcp->t2_timeout,
        .t1_renew_time = dhcp->t1_renew_time,
        .t2_rebind_time = dhcp->t2_rebind_time,
        .lease_used = dhcp->lease_used,
        .t0_timeout = dhcp->t0_timeout,
        .ip = dhcp->offered_ip_addr.addr,
        .mask = dhcp->offered_sn_mask.addr,
        .gateway = dhcp->offered_gw_addr.addr,
        .offered_t0_lease = dhcp->offered_t0_lease,
        .offered_t1_renew = dhcp->offered_t1_renew,
        .offered_t2_rebind = dhcp->offered_t2_rebind,
        .server = record_ip_of(&dhcp->server_ip_addr),
    };
}

static void export_nic(const struct nic *nic, struct record_interface *to) {
    to->generation = nic->generation;
    to->buffers = (uintptr_t)nic->buffers;
    to->receive_count = nic->receive_count;
    to->transmit_count = nic->transmit_count;
    to->wait_token = nic->wait_token;
    to->filters = nic->filters;
    to->lost = nic->lost;
    for (uint32_t i = 0; i < nic->transmit_count && i < NET_BUFFERS; i++) {
        to->sent[i] = nic->state[i] == NIC_SENT;
    }
}

static void export_addresses(const struct netif *netif, struct record_interface *to) {
    to->ip = netif_ip4_addr(netif)->addr;
    to->mask = netif_ip4_netmask(netif)->addr;
    to->gateway = netif_ip4_gw(netif)->addr;
    for (u8_t i = 0; i < 2; i++) {
        to->dns[i] = record_ip_of(dns_getserver(i));
    }
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        to->ip6[i].ip = record_ip_of(&netif->ip6_addr[i]);
        to->ip6[i].state = netif_ip6_addr_state(netif, i);
        to->ip6[i].valid = netif_ip6_addr_valid_life(netif, i);
        to->ip6[i].preferred = netif_ip6_addr_pref_life(netif, i);
    }
}

static void export_interface(uint32_t index, struct records_writer *records) {
    const struct interface *interface = &net.interfaces[index];
    const struct netif *netif = &interface->netif;
    const struct dhcp *dhcp = netif_dhcp_data(netif);
    struct record_interface *to = record_add(records, RECORD_INTERFACE, 1, sizeof *to);
    if (to == NULL) {
        return;
    }
    const uint64_t counters[6] = {interface->receive_packets, interface->receive_bytes,
                                  interface->receive_dropped, interface->transmit_packets,
                                  interface->transmit_bytes,  interface->transmit_dropped};
    to->index = index;
    to->dhcp = interface->dhcp;
    to->gave_up = interface->gave_up;
    to->link = netif_is_link_up(netif) ? 1 : 0;
    to->speed = interface->speed;
    to->mtu = netif->mtu;
    to->mtu6 = netif->mtu6;
    to->checksums = netif->chksum_flags;
    memcpy(to->driver, interface->driver, sizeof to->driver);
    memcpy(to->mac, netif->hwaddr, ETH_HWADDR_LEN);
    to->generations = interface->generations;
    to->give_up_ms = interface->give_up_ms;
    to->wait6_ms = interface->wait6_ms;
    to->conflicts = interface->conflicts;
    to->defended_ms = interface->defended_ms;
    memcpy(to->counters, counters, sizeof counters);
    export_addresses(netif, to);
    export_nic(&interface->nic, to);
    if (dhcp != NULL) {
        to->bound = 1;
        export_lease(dhcp, &to->lease);
    }
}

static void export_questions(struct records_writer *records) {
    for (struct list *link = net.pings.next; link != &net.pings; link = link->next) {
        const struct ping *ping = LIST_ENTRY(link, struct ping, link);
        struct record_ping record = {ping->token,   ping->sent_ns,           ping->due_ms,
                                     ping->size,    record_ip_of(&ping->ip), ping->id,
                                     ping->sequence};
        record_put(records, RECORD_PING, 1, &record, sizeof record);
    }
    for (struct list *link = net.deferred.next; link != &net.deferred; link = link->next) {
        const struct deferred *deferred = LIST_ENTRY(link, struct deferred, link);
        struct record_deferred record = {.token = deferred->token,
                                         .badge = deferred->badge,
                                         .operation = deferred->operation,
                                         .policy = record_policy_index(deferred->policy),
                                         .resolve = deferred->resolve};
        record_put(records, RECORD_DEFERRED, 1, &record, sizeof record);
    }
    for (struct list *link = net.resolves.next; link != &net.resolves; link = link->next) {
        const struct resolve *resolve = LIST_ENTRY(link, struct resolve, link);
        struct record_deferred record = {.token = resolve->token,
                                         .operation = NET_RESOLVE,
                                         .policy = UINT32_MAX,
                                         .resolve = resolve->request};
        if (resolve->token != TOKEN_NONE) { /* it is asked again */
            record_put(records, RECORD_DEFERRED, 1, &record, sizeof record);
        }
    }
}

void net_export(struct records_writer *records) {
    export_general(records);
    for (uint32_t i = 0; i < NET_POLICIES; i++) {
        if (net.policies[i] != NULL) {
            export_policy(i, records);
        }
    }
    for (uint32_t i = 0; i < NET_INTERFACES; i++) {
        if (net.interfaces[i].used) {
            export_interface(i, records);
        }
    }
    sockets_export(records);
    export_questions(records);
}

/* ---- Import ------------------------------------------------------------------------------- */

bool net_import_general(struct records_reader *records, struct record_general *general) {
    struct record record;
    records_rewind(records);
    while (record_next(records, &record)) {
        if (record.tag == RECORD_GENERAL) {
            record_copy(&record, general, sizeof *general);
            return true;
        }
    }
    return false;
}

static void import_policy(const struct record *record) {
    struct record_policy from;
    record_copy(record, &from, sizeof from);
    if (from.index >= NET_POLICIES || net.policies[from.index] != NULL || WIRED(&from) ||
        from.count > NET_RULES || account_charge_socket(from.account) != OK) {
        return;
    }
    struct policy *policy = port_allocate_zeroed(1, sizeof *policy);
    if (policy == NULL) {
        account_release_socket(from.account);
        return;
    }
    net.policies[from.index] = policy;
    policies[from.index] = policy;
    policy->badge = from.badge;
    policy->number = from.number;
    policy->references = from.badge != 0 ? 1 : 0;
    policy->account = from.account;
    policy->mode = from.mode;
    policy->count = from.count;
    policy->denied = from.denied;
    memcpy(policy->rules, from.rules, sizeof policy->rules);
}

void net_import_policies(struct records_reader *records) {
    struct record record;
    records_rewind(records);
    while (record_next(records, &record)) {
        if (record.tag == RECORD_POLICY) {
            import_policy(&record);
        }
    }
}

/* Wired policies are made from the arguments and found again by their number. */
static void link_policies(struct records_reader *records) {
    struct record record;
    struct record_policy from;
    records_rewind(records);
    while (record_next(records, &record)) {
        record_copy(&record, &from, sizeof from);
        if (record.tag == RECORD_POLICY && from.index < NET_POLICIES && WIRED(&from)) {
            policies[from.index] = policy_of(BADGE_ROOT | from.number);
        }
    }
    records_rewind(records);
    while (record_next(records, &record)) {
        record_copy(&record, &from, sizeof from);
        struct policy *policy = record_policy(from.index);
        if (record.tag == RECORD_POLICY && policy != NULL && !WIRED(policy)) {
            policy->parent = policy_hold(record_policy(from.parent - 1));
        }
    }
}

static void import_lease(struct netif *netif, const struct record_dhcp *from) {
    struct dhcp *dhcp;
    if (dhcp_start(netif) != ERR_OK || (dhcp = netif_dhcp_data(netif)) == NULL) {
        return;
    }
    dhcp->xid = from->xid;
    dhcp->state = (u8_t)from->state;
    dhcp->tries = (u8_t)from->tries;
    dhcp->subnet_mask_given = (u8_t)from->subnet_mask_given;
    dhcp->request_timeout = (u16_t)from->request_timeout;
    dhcp->t1_timeout = (u16_t)from->t1_timeout;
    dhcp->t2_timeout = (u16_t)from->t2_timeout;
    dhcp->t1_renew_time = (u16_t)from->t1_renew_time;
    dhcp->t2_rebind_time = (u16_t)from->t2_rebind_time;
    dhcp->lease_used = (u16_t)from->lease_used;
    dhcp->t0_timeout = (u16_t)from->t0_timeout;
    dhcp->offered_ip_addr.addr = from->ip;
    dhcp->offered_sn_mask.addr = from->mask;
    dhcp->offered_gw_addr.addr = from->gateway;
    dhcp->offered_t0_lease = from->offered_t0_lease;
    dhcp->offered_t1_renew = from->offered_t1_renew;
    dhcp->offered_t2_rebind = from->offered_t2_rebind;
    dhcp->server_ip_addr = record_ip_to(&from->server);
}

/* Frames that waited for the driver are dropped; those that it has come back as usual. */
static void import_nic(struct nic *nic, const struct record_interface *from) {
    uint64_t size = ((uint64_t)from->receive_count + from->transmit_count) * NETIF_BUFFER;
    if (from->generation == 0 || from->transmit_count > NET_BUFFERS ||
        !port_window(from->index, from->buffers, size)) {
        return;
    }
    nic->generation = from->generation;
    nic->buffers = (uint8_t *)(uintptr_t)from->buffers;
    nic->receive_count = from->receive_count;
    nic->transmit_count = from->transmit_count;
    nic->wait_token = from->wait_token;
    nic->filters = nic->filter_changed = from->filters != 0; /* what was told last is not known */
    nic->lost = from->lost;
    for (uint32_t i = nic->transmit_count; i-- > 0;) {
        nic->state[i] = from->sent[i] != 0 ? NIC_SENT : NIC_FREE;
        if (from->sent[i] == 0) {
            nic->free[nic->free_count++] = (uint16_t)i;
        }
    }
}

static void import_addresses(struct netif *netif, const struct record_interface *from) {
    ip4_addr_t ip = {from->ip}, mask = {from->mask}, gateway = {from->gateway};
    netif_set_addr(netif, &ip, &mask, &gateway);
    for (u8_t i = 0; i < 2; i++) {
        ip_addr_t server = record_ip_to(&from->dns[i]);
        dns_setserver(i, &server);
    }
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        ip_addr_t ip6 = record_ip_to(&from->ip6[i].ip);
        if (from->ip6[i].state == IP6_ADDR_INVALID || !IP_IS_V6(&ip6)) {
            continue;
        }
        netif_ip6_addr_set(netif, i, ip_2_ip6(&ip6));
        netif_ip6_addr_set_valid_life(netif, i, from->ip6[i].valid);
        netif_ip6_addr_set_pref_life(netif, i, from->ip6[i].preferred);
        netif_ip6_addr_set_state(netif, i, (u8_t)from->ip6[i].state);
    }
    netif_set_ip6_autoconfig_enabled(netif, 1);
}

static status_t import_interface(const struct record *record) {
    static struct record_interface from; /* large */
    record_copy(record, &from, sizeof from);
    if (from.index >= NET_INTERFACES || net.interfaces[from.index].used) {
        return OK;
    }
    struct interface *interface = &net.interfaces[from.index];
    struct netif *netif = &interface->netif;
    status_t status = interface_create(interface);
    if (status != OK) {
        return status;
    }
    netif->mtu = (u16_t)from.mtu;
    netif->mtu6 = (u16_t)from.mtu6;
    memcpy(netif->hwaddr, from.mac, ETH_HWADDR_LEN);
    NETIF_SET_CHECKSUM_CTRL(netif, (u16_t)from.checksums);
    memcpy(interface->driver, from.driver, sizeof interface->driver - 1);
    interface->reported_ip = lwip_ntohl(from.ip);
    interface->generations = from.generations;
    interface->speed = from.speed;
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        interface->reported_ip6[i] = (uint8_t)from.ip6[i].state;
    }
    import_addresses(netif, &from);
    interface->dhcp = from.dhcp != 0;
    interface->gave_up = from.gave_up != 0;
    if (from.bound != 0) {
        import_lease(netif, &from.lease); /* the link is down: it asks nobody */
    }
    interface->give_up_ms = from.give_up_ms;
    interface->wait6_ms = from.wait6_ms;
    interface->conflicts = from.conflicts;
    interface->defended_ms = from.defended_ms;
    interface->receive_packets = from.counters[0];
    interface->receive_bytes = from.counters[1];
    interface->receive_dropped = from.counters[2];
    interface->transmit_packets = from.counters[3];
    interface->transmit_bytes = from.counters[4];
    interface->transmit_dropped = from.counters[5];
    import_nic(&interface->nic, &from);
    if (from.link != 0) { /* not netif_set_link_up, which starts DHCP over */
        netif_set_flags(netif, NETIF_FLAG_LINK_UP);
        nd6_restart_netif(netif); /* finds the routers again */
    }
    return OK;
}

static void import_ping(const struct record *record) {
    struct record_ping from;
    record_copy(record, &from, sizeof from);
    struct ping *ping = net.ping_count < NET_PINGS ? port_allocate_zeroed(1, sizeof *ping) : NULL;
    if (ping == NULL) {
        port_answer(from.token, E_TIMEOUT, NULL, 0);
        return;
    }
    *ping = (struct ping){.token = from.token,
                          .sent_ns = from.sent_ns,
                          .due_ms = from.due_ms,
                          .ip = record_ip_to(&from.ip),
                          .id = (uint16_t)from.id,
                          .sequence = (uint16_t)from.sequence,
                          .size = from.size};
    list_push_back(&net.pings, &ping->link);
    net.ping_count++;
}

static void import_deferred(const struct record *record) {
    struct record_deferred from;
    record_copy(record, &from, sizeof from);
    status_t status = E_INVALID;
    if (from.operation == NET_CONNECT) {
        status = defer_connect(from.badge, from.token, &from.address);
    } else if (from.operation == NET_PING) {
        status = defer_ping(record_policy(from.policy), from.token, &from.ping);
    } else if (from.operation == NET_RESOLVE &&
               record_text(from.resolve.name, sizeof from.resolve.name)) {
        status = defer_resolve(from.token, &from.resolve);
    }
    if (status < 0) {
        port_answer(from.token, status, NULL, 0);
    }
}

status_t net_import(struct records_reader *records) {
    struct record_general general;
    struct record record;
    status_t status = OK;
    if (!net_import_general(records, &general)) {
        return E_FORMAT;
    }
    net.badge_count = general.badge_count > net.badge_count ? general.badge_count : net.badge_count;
    net.denied = general.denied;
    net.start_ms = general.start_ms;
    net.ping_id = (uint16_t)general.ping_id;
    net.clock.base_ns = general.clock_base_ns;
    net.clock.answered_ns = general.clock_answered_ns;
    net.clock.stratum = general.clock_stratum;
    memcpy(net.sequence_secret, general.secret, sizeof net.sequence_secret);
    blocks_adopt(&net.receive_blocks, general.receive_fresh);
    blocks_adopt(&net.transmit_blocks, general.transmit_fresh);
    link_policies(records);
    records_rewind(records);
    while (status == OK && record_next(records, &record)) {
        if (record.tag == RECORD_INTERFACE) {
            status = import_interface(&record);
        }
    }
    if (status != OK) {
        return status;
    }
    sockets_import(records);
    records_rewind(records);
    while (record_next(records, &record)) {
        if (record.tag == RECORD_PING) {
            import_ping(&record);
        } else if (record.tag == RECORD_DEFERRED) {
            import_deferred(&record);
        }
    }
    for (uint32_t i = 0; i < NET_POLICIES; i++) { /* nobody holds it any more */
        if (net.policies[i] != NULL && net.policies[i]->references == 0) {
            policy_release(policy_hold(net.policies[i]));
        }
    }
    blocks_adopted(&net.receive_blocks);
    blocks_adopted(&net.transmit_blocks);
    return OK;
}
