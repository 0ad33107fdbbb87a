/* SPDX-License-Identifier: MIT */
/* lwIP's errors as statuses. */
#include "socket.h"

status_t status_of(err_t error) {
    switch (error) {
    case ERR_OK:
        return OK;
    case ERR_MEM:
        return E_QUOTA;
    case ERR_TIMEOUT:
        return E_TIMEOUT;
    case ERR_RTE:
        return netif_default == NULL || !netif_is_link_up(netif_default) ? E_NET_DOWN
                                                                         : E_HOST_UNREACHABLE;
    case ERR_INPROGRESS:
    case ERR_ALREADY:
        return E_BUSY;
    case ERR_USE:
    case ERR_BUF: /* no local port is left */
        return E_ADDRESS_IN_USE;
    case ERR_ISCONN:
        return E_IS_CONNECTED;
    case ERR_CONN:
        return E_NOT_CONNECTED;
    case ERR_IF:
        return E_NET_DOWN;
    case ERR_ABRT:
        return E_CONN_ABORTED;
    case ERR_RST:
        return E_CONN_RESET;
    case ERR_CLSD:
        return E_CLOSED;
    default:
        return E_INVALID;
    }
}

status_t status_of_packet(err_t error) {
    return error == ERR_MEM ? OK : status_of(error);
}
