/* SPDX-License-Identifier: MIT */
/* How many sockets and blocks of data to send each account has; one that has reached its limit
 * harms only itself. */
#include "net.h"

#define KEPT 4u   /* of the pool's blocks one in so many is for accounts */
#define SMALL 16u /* that have less than one in so many of them */

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

bool account_may_take_block(uint32_t id) {
    const struct blocks *pool = &net.transmit_blocks;
    const struct account *account = account_find(id, false);
    return blocks_available(pool) > pool->count / KEPT ||
           (account != NULL && account->blocks < pool->count / SMALL);
}

void account_take_block(uint32_t id) {
    struct account *account = account_find(id, false);
    if (account != NULL) {
        account->blocks++;
    } else {
        port_abort("an account without a socket has data to send");
    }
}

void account_release_block(uint32_t id) {
    struct account *account = account_find(id, false);
    if (account != NULL && account->blocks != 0) {
        account->blocks--;
    } else {
        port_abort("a block was released twice");
    }
}
