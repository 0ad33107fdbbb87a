/* SPDX-License-Identifier: MIT */
/* How many sockets each account has; one that has reached its limit harms only itself. */
#include "net.h"

static struct account *account_find(uint32_t id, bool add) {
    struct account *empty = NULL;
    for (int i = 0; i < NET_ACCOUNTS; i++) {
        struct account *account = &net.accounts[i];
        if (account->sockets != 0 && account->id == id) {
            return account;
        }
        if (account->sockets == 0 && empty == NULL) {
            empty = account;
        }
    }
    if (add && empty != NULL) {
        empty->id = id;
        return empty;
    }
    return NULL;
}

status_t account_charge_socket(uint32_t id) {
    struct account *account = account_find(id, true);
    if (account == NULL || account->sockets >= NET_ACCOUNT_SOCKETS) {
        return E_QUOTA;
    }
    account->sockets++;
    return OK;
}

void account_release_socket(uint32_t id) {
    struct account *account = account_find(id, false);
    if (account != NULL) {
        account->sockets--;
    } else {
        port_abort("a socket was released twice");
    }
}
