/* SPDX-License-Identifier: MIT
 * Open files, and work that waits for other servers. Invariants: node->opens counts the sessions
 * whose `node` it is; a directory's session list holds exactly those on it; each pending work has
 * one staged call that is not answered yet, and stays until that answer comes.
 */
#include "session.h"
#include "node.h"

struct session *session_get(const struct vfs *vfs, uint32_t id) {
    return pool_get(&vfs->pool, POOL_SESSION, id);
}

static uint32_t *bucket_of(const struct vfs *vfs, uint64_t badge) {
    return (uint32_t *)&vfs->session_buckets[(badge >> 32) % VFS_SESSION_BUCKETS];
}

struct session *session_find(const struct vfs *vfs, uint64_t badge, uint32_t *id) {
    for (uint32_t number = *bucket_of(vfs, badge); number != 0;) {
        struct session *session = session_get(vfs, number);
        if (session->badge == badge) {
            *id = number;
            return session;
        }
        number = session->hash_next;
    }
    return NULL;
}

static void bucket_remove(struct vfs *vfs, const struct session *session, uint32_t id) {
    uint32_t *link = bucket_of(vfs, session->badge);
    while (*link != id) {
        ASSERT(*link != 0);
        link = &session_get(vfs, *link)->hash_next;
    }
    *link = session->hash_next;
}

static struct account_usage *account_find(struct vfs *vfs, uint32_t account) {
    struct account_usage *unused = NULL;
    for (uint32_t i = 0; i < VFS_ACCOUNTS; i++) {
        struct account_usage *usage = &vfs->accounts[i];
        if (usage->sessions == 0) {
            unused = unused == NULL ? usage : unused;
        } else if (usage->account == account) {
            return usage;
        }
    }
    if (unused != NULL) {
        unused->account = account;
    }
    return unused;
}

static void directory_join(struct vfs *vfs, struct node *node, uint32_t id) {
    struct session *session = session_get(vfs, id);
    session->next = node->directory.sessions;
    if (session->next != 0) {
        session_get(vfs, session->next)->prev = id;
    }
    node->directory.sessions = id;
}

static void directory_leave(struct vfs *vfs, struct node *node, uint32_t id) {
    struct session *session = session_get(vfs, id);
    if (session->prev != 0) {
        session_get(vfs, session->prev)->next = session->next;
    } else {
        ASSERT(node->directory.sessions == id);
        node->directory.sessions = session->next;
    }
    if (session->next != 0) {
        session_get(vfs, session->next)->prev = session->prev;
    }
}

/* badge 0: a new one. */
status_t session_adopt(struct vfs *vfs, uint32_t node_id, uint64_t badge, uint32_t flags,
                       uint32_t account, uint32_t *id) {
    struct account_usage *usage = account_find(vfs, account);
    if (usage == NULL || usage->sessions >= VFS_SESSIONS_PER_ACCOUNT) {
        return E_QUOTA;
    }
    uint32_t number;
    status_t status = pool_allocate(&vfs->pool, POOL_SESSION, &number);
    if (status != OK) {
        return status;
    }
    usage->sessions++;
    if (badge == 0) {
        vfs->serial = (vfs->serial + 1) & 0x7fffffff;
        badge = (uint64_t)vfs->serial << 32 | number;
    }
    struct session *session = session_get(vfs, number);
    struct node *node = node_get(vfs, node_id);
    session->badge = badge;
    session->hash_next = *bucket_of(vfs, badge);
    *bucket_of(vfs, badge) = number;
    session->node = node_id;
    session->flags = flags;
    session->account = account;
    node->opens++;
    if (node->kind == NODE_DIRECTORY) {
        directory_join(vfs, node, number);
    }
    *id = number;
    return OK;
}

status_t session_open(struct vfs *vfs, uint32_t node, uint32_t flags, uint32_t account,
                      uint32_t *id) {
    return session_adopt(vfs, node, 0, flags, account, id);
}

void session_close(struct vfs *vfs, uint32_t id) {
    struct session *session = session_get(vfs, id);
    uint32_t node_id = session->node;
    struct node *node = node_get(vfs, node_id);
    struct account_usage *usage = account_find(vfs, session->account);
    ASSERT(usage != NULL && usage->sessions > 0 && node->opens > 0);
    usage->sessions--;
    if (node->kind == NODE_DIRECTORY) {
        directory_leave(vfs, node, id);
    }
    bucket_remove(vfs, session, id);
    pool_free(&vfs->pool, id);
    node->opens--;
    node_release(vfs, node_id);
}

struct pending *pending_get(const struct vfs *vfs, uint32_t id) {
    return pool_get(&vfs->pool, POOL_PENDING, id);
}

status_t pending_create(struct vfs *vfs, enum pending_kind kind, token_t token, uint32_t *id) {
    if (vfs->pool.used[POOL_PENDING] >= VFS_PENDING_MAX) {
        return E_BUSY;
    }
    status_t status = pool_allocate(&vfs->pool, POOL_PENDING, id);
    if (status != OK) {
        return status;
    }
    struct pending *pending = pending_get(vfs, *id);
    pending->kind = kind;
    pending->token = token;
    pending->next = vfs->pending;
    vfs->pending = *id;
    return OK;
}

void pending_free(struct vfs *vfs, uint32_t id) {
    uint32_t *link = &vfs->pending;
    while (*link != id) {
        ASSERT(*link != 0);
        link = &pending_get(vfs, *link)->next;
    }
    *link = pending_get(vfs, id)->next;
    pool_free(&vfs->pool, id);
}

uint32_t pending_waiting(const struct vfs *vfs, token_t staged) {
    uint32_t id = vfs->pending;
    while (id != 0 && pending_get(vfs, id)->staged != staged) {
        id = pending_get(vfs, id)->next;
    }
    return id;
}

struct pending *pending_find(const struct vfs *vfs, token_t token) {
    uint32_t id = vfs->pending;
    while (id != 0) {
        struct pending *pending = pending_get(vfs, id);
        if (pending->token == token) {
            return pending;
        }
        id = pending->next;
    }
    return NULL;
}
