/* SPDX-License-Identifier: MIT */
/*
 * Path MTU discovery for TCP (RFC 1191, RFC 8201). A router says that a segment was too large; a
 * stranger may say so too, and is believed only when he names a byte that is on its way (RFC 5927).
 * Segments up to MTU4_LEAST may be fragmented by routers, so a path may be as narrow as it likes.
 */
#include <common/string.h>

#include "net.h"

#include <lwip/icmp.h>
#include <lwip/icmp6.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>

#define MTU4_LEAST 552u
#define MTU6_LEAST 1280u
#define MESSAGE 8u /* bytes of an ICMP message before the packet that it is about */

void path_mark(uint8_t *frame, uint32_t length) {
    struct ip_hdr header;
    if (length <= SIZEOF_ETH_HDR + MTU4_LEAST || frame[12] != 0x08 || frame[13] != 0) {
        return;
    }
    memcpy(&header, frame + SIZEOF_ETH_HDR, sizeof header);
    if (IPH_PROTO(&header) == IP_PROTO_TCP && IPH_OFFSET(&header) == 0) {
        IPH_OFFSET_SET(&header, PP_HTONS(IP_DF));
        uint32_t sum = (uint32_t)(uint16_t)~IPH_CHKSUM(&header) + PP_HTONS(IP_DF); /* RFC 1624 */
        IPH_CHKSUM_SET(&header, (uint16_t) ~(sum + (sum >> 16)));
        memcpy(frame + SIZEOF_ETH_HDR, &header, sizeof header);
    }
}

/* What a router says: the packet of `length` bytes, of a TCP segment from `sequence` on, was longer
 * than `mtu`. */
struct complaint {
    uint32_t mtu, length, sequence;
    uint16_t local_port, remote_port;
    ip_addr_t local, remote;
};

static bool read_quoted4(const struct pbuf *packet, uint32_t at, struct complaint *complaint,
                         uint32_t *ports_at) {
    struct ip_hdr header;
    if (pbuf_copy_partial(packet, &header, IP_HLEN, (u16_t)at) != IP_HLEN ||
        IPH_PROTO(&header) != IP_PROTO_TCP) {
        return false;
    }
    complaint->length = lwip_ntohs(IPH_LEN(&header));
    ip_addr_copy_from_ip4(complaint->local, header.src);
    ip_addr_copy_from_ip4(complaint->remote, header.dest);
    *ports_at = at + IPH_HL_BYTES(&header);
    return true;
}

static bool read_quoted6(const struct pbuf *packet, uint32_t at, struct complaint *complaint,
                         uint32_t *ports_at) {
    struct ip6_hdr header;
    if (pbuf_copy_partial(packet, &header, IP6_HLEN, (u16_t)at) != IP6_HLEN ||
        IP6H_NEXTH(&header) != IP6_NEXTH_TCP) {
        return false;
    }
    complaint->length = IP6_HLEN + (uint32_t)IP6H_PLEN(&header);
    ip_addr_copy_from_ip6_packed(complaint->local, header.src);
    ip_addr_copy_from_ip6_packed(complaint->remote, header.dest);
    *ports_at = at + IP6_HLEN;
    return true;
}

/* False when it is about no TCP segment: then only mtu counts. `at`: of the ICMP message. */
static bool read_complaint(const struct pbuf *packet, uint32_t at, bool v6,
                           struct complaint *complaint) {
    uint32_t message[2] = {0}, begin[2], ports_at;
    memset(complaint, 0, sizeof *complaint);
    (void)pbuf_copy_partial(packet, message, MESSAGE, (u16_t)at);
    complaint->mtu = v6 ? lwip_ntohl(message[1]) : lwip_ntohl(message[1]) & 0xffff;
    bool quoted = v6 ? read_quoted6(packet, at + MESSAGE, complaint, &ports_at)
                     : read_quoted4(packet, at + MESSAGE, complaint, &ports_at);
    if (!quoted ||
        pbuf_copy_partial(packet, begin, sizeof begin, (u16_t)ports_at) != sizeof begin) {
        return false;
    }
    complaint->local_port = (uint16_t)(lwip_ntohl(begin[0]) >> 16);
    complaint->remote_port = (uint16_t)lwip_ntohl(begin[0]);
    complaint->sequence = lwip_ntohl(begin[1]);
    return true;
}

/* The connection that has sent it and still waits for it to arrive; NULL: none. */
static struct tcp_pcb *sender_of(const struct complaint *complaint) {
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->local_port == complaint->local_port &&
            pcb->remote_port == complaint->remote_port &&
            ip_addr_cmp_zoneless(&pcb->local_ip, &complaint->local) &&
            ip_addr_cmp_zoneless(&pcb->remote_ip, &complaint->remote)) {
            bool under_way = TCP_SEQ_GEQ(complaint->sequence, pcb->lastack) &&
                             TCP_SEQ_LT(complaint->sequence, pcb->snd_nxt);
            return under_way ? pcb : NULL;
        }
    }
    return NULL;
}

static bool any_longer(const struct tcp_seg *segment, uint32_t size) {
    while (segment != NULL && segment->len <= size) {
        segment = segment->next;
    }
    return segment != NULL;
}

/* What memory does not suffice for stays long, and comes here again after the next time-out. */
static void cut_unsent(struct tcp_pcb *pcb) {
    struct tcp_seg *first = pcb->unsent;
    for (struct tcp_seg *segment = first; segment != NULL; segment = segment->next) {
        pcb->unsent = segment; /* lwIP cuts the first one */
        (void)tcp_split_unsent_seg(pcb, pcb->mss);
    }
    pcb->unsent = first;
}

/* Nothing was lost to congestion, so the window stays. Of several complaints about one flight only
 * the first finds something to do. */
static void narrow(struct tcp_pcb *pcb, uint16_t mss) {
    pcb->mss = mss < pcb->mss ? mss : pcb->mss;
    if (any_longer(pcb->unacked, pcb->mss) && tcp_rexmit_rto_prepare(pcb) != ERR_OK) {
        return;
    }
    if (any_longer(pcb->unsent, pcb->mss)) {
        cut_unsent(pcb);
        (void)tcp_output(pcb);
    }
}

static bool checksum_valid(struct pbuf *packet, uint32_t at, bool v6) {
    (void)pbuf_remove_header(packet, at);
    uint16_t sum = v6 ? ip6_chksum_pseudo(packet, IP6_NEXTH_ICMP6, packet->tot_len,
                                          ip6_current_src_addr(), ip6_current_dest_addr())
                      : inet_chksum_pbuf(packet);
    (void)pbuf_header_force(packet, (s16_t)at);
    return sum == 0;
}

bool path_too_big(struct pbuf *packet, uint32_t at, bool v6) {
    uint32_t least = v6 ? MTU6_LEAST : MTU4_LEAST, headers = (v6 ? IP6_HLEN : IP_HLEN) + TCP_HLEN;
    struct complaint complaint;
    bool about_tcp = read_complaint(packet, at, v6, &complaint);
    if (!checksum_valid(packet, at, v6) || (v6 && complaint.mtu < least)) {
        return false;
    }
    if (!about_tcp) {
        return true;
    }
    struct tcp_pcb *pcb = sender_of(&complaint);
    if (pcb == NULL || complaint.mtu >= complaint.length) {
        return false;
    }
    /* Routers of before RFC 1191 say 0. */
    narrow(pcb, (uint16_t)((complaint.mtu > least ? complaint.mtu : least) - headers));
    return true;
}
