/* SPDX-License-Identifier: MIT
 * Accounts. Invariant: the sum of a parent's own use and its children's limits is `used` and never
 * exceeds `limit`.
 */
#include <account.h>
#include <debug.h>

/* The root account pays for itself; its memory is static. */
static struct account root = {
    .object = {.type = OBJECT_ACCOUNT, .references = 1, .account = &root},
};
struct account *account_root = &root;

static void init_slabs(struct account *account) {
    for (unsigned i = 0; i < KMEM_CLASSES; i++) {
        list_init(&account->partial[i]);
    }
}

void account_init(uint64_t limit) {
    root.limit = limit;
    init_slabs(&root);
}

status_t account_create(struct account *parent, uint64_t limit, struct account **out) {
    struct account *account;
    TRY(account_charge(parent, limit));
    status_t status = object_create(OBJECT_ACCOUNT, sizeof(*account), parent, &account);
    if (status != OK) {
        account_release(parent, limit);
        return status;
    }
    init_slabs(account);
    account->parent = parent;
    parent->lent += limit;
    account->limit = limit;
    *out = account;
    return OK;
}

void account_destroy(struct object *object) {
    struct account *account = (struct account *)object;
    ASSERT(account->used == 0 && account != account_root);
    account->parent->lent -= account->limit;
    account_release(account->parent, account->limit);
}
