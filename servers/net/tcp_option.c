/* SPDX-License-Identifier: MIT */
/* Options of TCP sockets. */
#include "socket.h"

#include <lwip/priv/tcp_priv.h>

#define MS_PER_S 1000u
#define SECONDS_MAX 86400u
#define PROBES_MAX 127u

static uint64_t option_get(const struct socket *socket, uint64_t option) {
    struct tcp_pcb *pcb = socket->tcp;
    switch (option) {
    case NET_OPTION_KEEPALIVE:
        return ip_get_option(pcb, SOF_KEEPALIVE) ? 1 : 0;
    case NET_OPTION_REUSE:
        return ip_get_option(pcb, SOF_REUSEADDR) ? 1 : 0;
    case NET_OPTION_V6_ONLY:
        return IP_IS_V6_VAL(pcb->local_ip) ? 1 : 0;
    case NET_OPTION_HOP_LIMIT:
        return pcb->ttl;
    case NET_OPTION_TRAFFIC_CLASS:
        return pcb->tos;
    case NET_OPTION_ABORT:
        return socket->abort_at_close;
    default:
        break;
    }
    if (socket->listening) {
        return 0; /* such a pcb ends here */
    }
    switch (option) {
    case NET_OPTION_NODELAY:
        return tcp_nagle_disabled(pcb) ? 1 : 0;
    case NET_OPTION_KEEP_IDLE:
        return pcb->keep_idle / MS_PER_S;
    case NET_OPTION_KEEP_INTERVAL:
        return pcb->keep_intvl / MS_PER_S;
    case NET_OPTION_KEEP_COUNT:
        return pcb->keep_cnt;
    case NET_OPTION_RECEIVE_QUEUED:
        return socket->receive_bytes;
    case NET_OPTION_SEND_QUEUED:
        return socket->transmit_bytes;
    case NET_OPTION_RECEIVE_BUFFER:
        return TCP_WND_MAX(pcb);
    default:
        return TCP_SND_BUF;
    }
}

static void flag_set(struct tcp_pcb *pcb, uint8_t flag, bool on) {
    if (on) {
        ip_set_option(pcb, flag);
    } else {
        ip_reset_option(pcb, flag);
    }
}

static status_t v6_only_set(struct tcp_pcb *pcb, bool on) {
    if (pcb->state != CLOSED || pcb->local_port != 0) {
        return E_STATE;
    }
    IP_SET_TYPE_VAL(pcb->local_ip, on ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
    IP_SET_TYPE_VAL(pcb->remote_ip, on ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
    return OK;
}

static status_t keep_set(struct tcp_pcb *pcb, uint64_t option, uint64_t value) {
    if (value == 0 || value > (option == NET_OPTION_KEEP_COUNT ? PROBES_MAX : SECONDS_MAX)) {
        return E_INVALID;
    }
    if (option == NET_OPTION_KEEP_IDLE) {
        pcb->keep_idle = (u32_t)value * MS_PER_S;
    } else if (option == NET_OPTION_KEEP_INTERVAL) {
        pcb->keep_intvl = (u32_t)value * MS_PER_S;
    } else {
        pcb->keep_cnt = (u32_t)value;
    }
    return OK;
}

static status_t byte_set(u8_t *to, uint64_t value, uint64_t least) {
    if (value < least || value > UINT8_MAX) {
        return E_INVALID;
    }
    *to = (u8_t)value;
    return OK;
}

static status_t option_set(struct socket *socket, uint64_t option, uint64_t value) {
    struct tcp_pcb *pcb = socket->tcp;
    switch (option) {
    case NET_OPTION_KEEPALIVE:
        flag_set(pcb, SOF_KEEPALIVE, value != 0);
        return OK;
    case NET_OPTION_REUSE:
        flag_set(pcb, SOF_REUSEADDR, value != 0);
        return OK;
    case NET_OPTION_V6_ONLY:
        return v6_only_set(pcb, value != 0);
    case NET_OPTION_HOP_LIMIT:
        return byte_set(&pcb->ttl, value, 1);
    case NET_OPTION_TRAFFIC_CLASS:
        return byte_set(&pcb->tos, value, 0);
    case NET_OPTION_ABORT:
        socket->abort_at_close = value != 0;
        return OK;
    default:
        break;
    }
    if (socket->listening) {
        return E_STATE;
    }
    switch (option) {
    case NET_OPTION_NODELAY:
        if (value != 0) {
            tcp_nagle_disable(pcb);
        } else {
            tcp_nagle_enable(pcb);
        }
        return OK;
    case NET_OPTION_KEEP_IDLE:
    case NET_OPTION_KEEP_INTERVAL:
    case NET_OPTION_KEEP_COUNT:
        return keep_set(pcb, option, value);
    default:
        return E_UNSUPPORTED;
    }
}

static bool is_known(uint64_t option) {
    return option != NET_OPTION_MULTICAST_HOPS && option != NET_OPTION_MULTICAST_LOOP &&
           option != NET_OPTION_BROADCAST;
}

status_t tcp_socket_option(struct socket *socket, const struct net_option_request *request,
                           uint64_t *value) {
    if (!is_known(request->option)) {
        return E_UNSUPPORTED;
    }
    if (socket->tcp == NULL) {
        return socket->error != OK ? socket->error : E_NOT_CONNECTED;
    }
    if (request->set != 0) {
        status_t status = option_set(socket, request->option, request->value);
        if (status != OK) {
            return status;
        }
    }
    *value = option_get(socket, request->option);
    return OK;
}
