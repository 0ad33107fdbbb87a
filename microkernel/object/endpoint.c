/* SPDX-License-Identifier: MIT
 * Endpoints and sessions.
 */
#include <call.h>
#include <task.h>

status_t endpoint_create(struct account *account, struct endpoint **out) {
    struct endpoint *endpoint;
    TRY(object_create(OBJECT_ENDPOINT, sizeof(*endpoint), account, &endpoint));
    for (unsigned i = 0; i < PRIORITIES; i++) {
        list_init(&endpoint->queues[i]);
    }
    list_init(&endpoint->cancels);
    list_init(&endpoint->closed);
    *out = endpoint;
    return OK;
}

/* Nobody will ever serve it: callers get E_CLOSED, closed sessions are let go. */
static void drain(struct endpoint *endpoint) {
    for (int top; (top = endpoint_top(endpoint)) >= 0;) {
        call_finish(LIST_ENTRY(endpoint->queues[top].next, struct call, link), E_CLOSED);
    }
    for (struct list *link; (link = list_pop_front(&endpoint->closed)) != NULL;) {
        object_put(&LIST_ENTRY(link, struct session, closed_link)->object);
    }
}

void endpoint_no_handles(struct object *object) {
    struct endpoint *endpoint = (struct endpoint *)object;
    endpoint->dead = true;
    drain(endpoint);
}

bool session_lost(const struct session *session) {
    return session->cold_epoch != session->endpoint->cold_epoch &&
           (session->badge & BADGE_ROOT) == 0;
}

static struct call *lost_call(const struct endpoint *endpoint) {
    for (unsigned i = 0; i < PRIORITIES; i++) {
        LIST_FOR_EACH(link, &endpoint->queues[i]) {
            struct call *call = LIST_ENTRY(link, struct call, link);
            if (session_lost(call->session)) {
                return call;
            }
        }
    }
    return NULL;
}

void endpoint_forget(struct endpoint *endpoint) {
    endpoint->cold_epoch++;
    for (struct call *call; (call = lost_call(endpoint)) != NULL;) {
        call_finish(call, E_RESET); /* may change the queues beyond this call */
    }
    LIST_FOR_EACH_SAFE(link, &endpoint->closed) {
        struct session *session = LIST_ENTRY(link, struct session, closed_link);
        if (session_lost(session)) {
            list_remove(link);
            object_put(&session->object);
        }
    }
}

void endpoint_bind(struct endpoint *endpoint, struct task *task) {
    struct endpoint *old = task->endpoint;
    task->endpoint = endpoint;
    if (endpoint != NULL) {
        object_get(&endpoint->object);
        endpoint->server = task;
    }
    if (old != NULL) {
        old->server = NULL;
        if (old->dead) {
            drain(old);
        }
        object_put(&old->object);
    }
}

status_t session_create(struct endpoint *endpoint, struct account *account, uint64_t badge,
                        struct session **out) {
    struct session *session;
    TRY(object_create(OBJECT_SESSION, sizeof(*session),
                      account == NULL ? endpoint->object.account : account, &session));
    session->endpoint = endpoint;
    object_get(&endpoint->object);
    session->badge = badge;
    session->cold_epoch = endpoint->cold_epoch;
    list_init(&session->closed_link);
    *out = session;
    return OK;
}

void session_no_handles(struct object *object) {
    struct session *session = (struct session *)object;
    struct endpoint *endpoint = session->endpoint;
    /* A session made in a turn that is being undone never existed for its server; one that a task
     * or memory still names, which count as no handles, may be closed again in the turn of that. */
    if (endpoint->dead || session_lost(session) || (object->flags & OBJECT_PROVISIONAL) != 0 ||
        !list_unlinked(&session->closed_link) ||
        (endpoint->server != NULL && endpoint->server->turn.session == session)) {
        return;
    }
    object_get(object); /* the list's reference */
    list_push_back(&endpoint->closed, &session->closed_link);
    if (endpoint->server != NULL) {
        actor_wake(endpoint->server);
    }
}

void session_destroy(struct object *object) {
    object_put(&((struct session *)object)->endpoint->object);
}
