/* SPDX-License-Identifier: MIT
 * Handlers: find out who calls, lend the caller's buffer to the operation, hand out sessions.
 * Operations on paths need a root session (wired by the supervisor), those on open files the
 * file's.
 */
#include "handlers.h"
#include "policy.h"
#include "remote.h"
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/machine.h>
#include <ipc/object.h>
#include <ipc/startup.h>

static status_t source_info(uint32_t kind, uint64_t index, void *to, size_t size) {
    return system_info_read(startup_handle("system"), kind, index, to, size);
}

static int64_t source_log(uint64_t *position, void *to, size_t size) {
    return system_log_read(startup_handle("system"), position, to, size);
}

static status_t event_client(const struct event *event, struct client *client) {
    if ((event->badge & BADGE_ROOT) == 0) {
        return E_UNSUPPORTED;
    }
    *client = (struct client){event->badge & ~BADGE_ROOT, event->account};
    return OK;
}

/* An unknown badge is a file that was open when the server lost its state. */
static status_t event_session(const struct event *event, struct session **session, uint32_t *id) {
    if ((event->badge & BADGE_ROOT) != 0) {
        return E_UNSUPPORTED;
    }
    *session = session_find(&vfs, event->badge, id);
    return *session == NULL ? E_RESET : OK;
}

static status_t move_from_caller(void *context, uint64_t offset, void *bytes, size_t length) {
    return lease_read(*(const token_t *)context, 0, offset, bytes, length);
}

static status_t move_to_caller(void *context, uint64_t offset, void *bytes, size_t length) {
    return lease_write(*(const token_t *)context, 0, offset, bytes, length);
}

/* The request must lie within the buffer that was lent for it. */
static status_t check_lease(const struct event *event, const struct file_io_request *request,
                            uint32_t access) {
    if (event->lease_count != 1 || (event->leases[0].access & access) == 0) {
        return E_INVALID;
    }
    return request->length > event->leases[0].length ? E_RANGE : OK;
}

static bool is_console(const struct session *session) {
    const struct node *node = node_get(&vfs, session->node);
    return node->kind == NODE_DEVICE && node->object == DEVICE_CONSOLE;
}

/* A copy of a request whose path may have to be another one for another server. */
struct routed {
    void *request;
    size_t size;
    char *text; /* the path in it */
    uint32_t access;
};

/* Passes an operation on if another file server has to do it; *status is then the handler's result.
 * Errors are left to our own code, which finds them again. */
static bool elsewhere(struct event *event, const struct routed *routed, status_t *status) {
    struct client client;
    struct path path;
    if (event_client(event, &client) != OK ||
        client_path(&client, routed->text, FILE_PATH_MAX, routed->access, &path) != OK) {
        return false;
    }
    const struct remote *remote = remote_find(&vfs, path.text);
    if (remote == NULL) {
        return false;
    }
    remote_path(remote, &path, routed->text);
    *status = parked_forward(event, remote->server, routed->request, routed->size);
    return true;
}

static bool path_elsewhere(struct event *event, const struct file_path_request *request,
                           uint32_t access, status_t *status) {
    struct file_path_request copy = *request;
    struct routed routed = {&copy, sizeof copy, copy.path, access};
    return elsewhere(event, &routed, status);
}

static bool open_elsewhere(struct event *event, const struct file_open_request *request,
                           status_t *status) {
    struct file_open_request copy = *request;
    bool changes = (copy.flags & (FILE_OPEN_WRITE | FILE_OPEN_CREATE)) != 0;
    struct routed routed = {&copy, sizeof copy, copy.path,
                            changes ? POLICY_READ | POLICY_WRITE : POLICY_READ};
    return elsewhere(event, &routed, status);
}

/* Both names must be with the same server. */
static bool rename_elsewhere(struct event *event, const struct client *client,
                             const struct file_rename_request *request, status_t *status) {
    struct path from;
    struct path to;
    uint64_t split = request->split;
    if (split == 0 || split >= sizeof request->paths ||
        client_path(client, request->paths, split, POLICY_WRITE, &from) != OK ||
        client_path(client, request->paths + split, sizeof request->paths - split, POLICY_WRITE,
                    &to) != OK) {
        return false;
    }
    const struct remote *remote = remote_find(&vfs, from.text);
    if (remote != remote_find(&vfs, to.text)) {
        *status = E_UNSUPPORTED;
        return true;
    }
    if (remote == NULL) {
        bool below = remote_below(&vfs, from.text);
        *status = below ? E_BUSY : OK;
        return below;
    }
    char text[FILE_PATH_MAX];
    struct file_rename_request copy = {0};
    remote_path(remote, &from, text);
    copy.split = strlcpy(copy.paths, text, sizeof copy.paths) + 1;
    remote_path(remote, &to, text);
    if (strlcpy(copy.paths + copy.split, text, sizeof copy.paths - copy.split) >=
        sizeof copy.paths - copy.split) {
        *status = E_NAME_TOO_LONG;
        return true;
    }
    *status = parked_forward(event, remote->server, &copy, sizeof copy);
    return true;
}

status_t serve_session(uint32_t session, handle_t *handle) {
    return session_create(startup_handle("endpoint"), session_get(&vfs, session)->badge, handle);
}

status_t handle_open(struct event *event, const struct file_open_request *request,
                     struct file_open_reply *answer) {
    static const struct proc_source source = {source_info, source_log};
    struct client client;
    struct opening opening;
    uint32_t session;
    handle_t handle;
    status_t status;
    if (open_elsewhere(event, request, &status)) {
        return status;
    }
    status = event_client(event, &client);
    if (status == OK) {
        status = operation_open(&vfs, &client, request, &opening);
    }
    if (status != OK) {
        return status;
    }
    const struct node *node = node_get(&vfs, opening.node);
    if (node->kind == NODE_PROC) {
        if (node->object == PROC_SERVICES) {
            return parked_services(event, &client, &opening);
        }
        status = proc_make(&vfs, node->mount, node->object, &source, &opening.node);
        if (status != OK) {
            return status;
        }
    }
    status = operation_open_finish(&vfs, &client, &opening, &session, answer);
    if (status != OK) {
        node_release(&vfs, opening.node);
        return status;
    }
    status = serve_session(session, &handle);
    if (status != OK) {
        session_close(&vfs, session);
        return status;
    }
    event_answer_handle(event, handle, HANDLE_MOVE | RIGHT_CALL | RIGHT_COPY);
    return OK;
}

status_t handle_read(struct event *event, const struct file_io_request *request,
                     struct file_io_reply *answer) {
    struct session *session;
    uint32_t id;
    struct transfer transfer = {move_to_caller, &event->token};
    status_t status = event_session(event, &session, &id);
    if (status == OK) {
        status = check_lease(event, request, LEASE_WRITE);
    }
    if (status != OK) {
        return status;
    }
    if (is_console(session) && (session->flags & FILE_OPEN_READ) != 0) {
        return parked_console_read(event, request->length, answer);
    }
    return operation_read(&vfs, session, request, &transfer, answer);
}

status_t handle_write(struct event *event, const struct file_io_request *request,
                      struct file_io_reply *answer) {
    struct session *session;
    uint32_t id;
    struct transfer transfer = {move_from_caller, &event->token};
    status_t status = event_session(event, &session, &id);
    if (status == OK) {
        status = check_lease(event, request, LEASE_READ);
    }
    if (status != OK) {
        return status;
    }
    if (is_console(session) && (session->flags & FILE_OPEN_WRITE) != 0) {
        return parked_console_write(event, request->length);
    }
    return operation_write(&vfs, session, request, &transfer, answer);
}

status_t handle_seek(struct event *event, const struct file_seek_request *request,
                     struct file_seek_reply *answer) {
    struct session *session;
    uint32_t id;
    status_t status = event_session(event, &session, &id);
    return status == OK ? operation_seek(&vfs, session, request, answer) : status;
}

status_t handle_stat(struct event *event, const struct file_path_request *request,
                     struct file_stat *answer) {
    struct client client;
    status_t status;
    if (path_elsewhere(event, request, POLICY_READ, &status)) {
        return status;
    }
    status = event_client(event, &client);
    return status == OK ? operation_stat(&vfs, &client, request, answer) : status;
}

status_t handle_fstat(struct event *event, const struct file_empty *request,
                      struct file_stat *answer) {
    struct session *session;
    uint32_t id;
    (void)request;
    status_t status = event_session(event, &session, &id);
    if (status == OK) {
        operation_fstat(&vfs, session, answer);
    }
    return status;
}

status_t handle_readdir(struct event *event, const struct file_readdir_request *request,
                        struct file_readdir_reply *answer) {
    struct session *session;
    uint32_t id;
    status_t status = event_session(event, &session, &id);
    return status == OK ? operation_readdir(&vfs, id, request, answer) : status;
}

status_t handle_mkdir(struct event *event, const struct file_path_request *request,
                      struct file_empty *answer) {
    struct client client;
    (void)answer;
    status_t status;
    if (path_elsewhere(event, request, POLICY_WRITE, &status)) {
        return status;
    }
    status = event_client(event, &client);
    return status == OK ? operation_mkdir(&vfs, &client, request) : status;
}

status_t handle_unlink(struct event *event, const struct file_path_request *request,
                       struct file_empty *answer) {
    struct client client;
    (void)answer;
    status_t status;
    if (path_elsewhere(event, request, POLICY_WRITE, &status)) {
        return status;
    }
    status = event_client(event, &client);
    return status == OK ? operation_unlink(&vfs, &client, request) : status;
}

status_t handle_rmdir(struct event *event, const struct file_path_request *request,
                      struct file_empty *answer) {
    struct client client;
    (void)answer;
    status_t status;
    if (path_elsewhere(event, request, POLICY_WRITE, &status)) {
        return status;
    }
    status = event_client(event, &client);
    return status == OK ? operation_rmdir(&vfs, &client, request) : status;
}

status_t handle_rename(struct event *event, const struct file_rename_request *request,
                       struct file_empty *answer) {
    struct client client;
    (void)answer;
    status_t status = event_client(event, &client);
    if (status == OK && rename_elsewhere(event, &client, request, &status)) {
        return status;
    }
    return status == OK ? operation_rename(&vfs, &client, request) : status;
}

status_t handle_truncate(struct event *event, const struct file_truncate_request *request,
                         struct file_empty *answer) {
    struct session *session;
    uint32_t id;
    (void)answer;
    status_t status = event_session(event, &session, &id);
    return status == OK ? operation_truncate(&vfs, session, request) : status;
}

status_t handle_statfs(struct event *event, const struct file_path_request *request,
                       struct file_statfs *answer) {
    struct client client;
    struct account_information account = {0};
    status_t status;
    if (path_elsewhere(event, request, POLICY_READ, &status)) {
        return status;
    }
    status = event_client(event, &client);
    if (status == OK) {
        status = account_info(startup_handle("account"), &account);
    }
    if (status != OK) {
        return status;
    }
    uint64_t growth = account.limit > account.used ? account.limit - account.used : 0;
    return operation_statfs(&vfs, &client, request, growth, answer);
}

/* Everything answered is already as lasting as it gets. */
status_t handle_sync(struct event *event, const struct file_empty *request,
                     struct file_empty *answer) {
    (void)event;
    (void)request;
    (void)answer;
    return OK;
}

/* Whether the client may change everything, which mounting does. */
static status_t mount_path(const struct event *event, const struct file_path_request *request,
                           struct path *path) {
    struct client client;
    status_t status = event_client(event, &client);
    if (status == OK && !policy_allows(client.number, "/", POLICY_READ | POLICY_WRITE)) {
        status = E_RIGHTS;
    }
    return status == OK
               ? client_path(&client, request->path, sizeof request->path, POLICY_WRITE, path)
               : status;
}

status_t handle_mount(struct event *event, const struct file_path_request *request,
                      struct file_empty *answer) {
    struct path path;
    struct handle_information info;
    (void)answer;
    status_t status = mount_path(event, request, &path);
    if (status != OK) {
        return status;
    }
    if (event->handle_count != 1 || handle_info(event->handles[0].handle, &info) != OK ||
        info.type != OBJECT_SESSION) {
        return E_INVALID;
    }
    status = remote_add(&vfs, &path, event->handles[0].handle);
    if (status == OK) {
        (void)event_take_handle(event, 0);
    }
    return status;
}

status_t handle_unmount(struct event *event, const struct file_path_request *request,
                        struct file_empty *answer) {
    struct path path;
    handle_t server;
    (void)answer;
    status_t status = mount_path(event, request, &path);
    if (status == OK) {
        status = remote_remove(&vfs, &path, &server);
    }
    return status == OK ? handle_close(server) : status;
}
