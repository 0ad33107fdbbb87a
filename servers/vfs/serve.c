/* SPDX-License-Identifier: MIT
 * Handlers: find out who calls, lend the caller's buffer to the operation, hand out sessions.
 * Operations on paths need a root session (wired by the supervisor), those on open files the
 * file's.
 */
#include "handlers.h"
#include "policy.h"
#include "remote.h"
#include <common/string.h>
#include <ipc/actor.h>
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

/* The number that the supervisor has given to the client. */
static status_t event_client(const struct event *event, uint64_t *client) {
    *client = event->badge & ~BADGE_ROOT;
    return (event->badge & BADGE_ROOT) != 0 ? OK : E_UNSUPPORTED;
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

_Static_assert(offsetof(struct file_open_request, path) + FILE_PATH_MAX ==
                   sizeof(struct file_open_request),
               "the path is what a request ends with");

/* The path of a request of `size` bytes, which ends with it. OK: it is one of ours. If another file
 * server has it, that one is asked; the result is then, as with errors, the handler's. */
static status_t own_path(struct event *event, const void *request, size_t size, uint32_t access,
                         struct path *path) {
    struct file_open_request copy; /* the longest */
    size_t place = size - FILE_PATH_MAX;
    uint64_t client;
    status_t status = event_client(event, &client);
    if (status == OK) {
        status = policy_path(client, (const char *)request + place, FILE_PATH_MAX, access, path);
    }
    const struct remote *remote = status == OK ? remote_find(&vfs, path->text) : NULL;
    if (remote == NULL) {
        return status;
    }
    memcpy(&copy, request, size);
    remote_path(remote, path, (char *)&copy + place);
    return parked_forward(event, remote->server, &copy, size);
}

/* The same for both paths of a RENAME, which must be with the same server. */
static status_t own_paths(struct event *event, const struct file_rename_request *request,
                          struct path *from, struct path *to) {
    uint64_t client;
    status_t status = event_client(event, &client);
    if (status == OK) {
        status = policy_paths(client, request, from, to);
    }
    if (status != OK) {
        return status;
    }
    const struct remote *remote = remote_find(&vfs, from->text);
    if (remote != remote_find(&vfs, to->text)) {
        event_sure(event); /* programs copy the file then */
        return E_UNSUPPORTED;
    }
    if (remote == NULL) {
        return remote_below(&vfs, from->text) ? E_BUSY : OK;
    }
    char text[FILE_PATH_MAX];
    struct file_rename_request copy = {0};
    remote_path(remote, from, text);
    copy.split = strlcpy(copy.paths, text, sizeof copy.paths) + 1;
    remote_path(remote, to, text);
    size_t room = sizeof copy.paths - copy.split;
    if (strlcpy(copy.paths + copy.split, text, room) >= room) {
        return E_NAME_TOO_LONG;
    }
    return parked_forward(event, remote->server, &copy, sizeof copy);
}

status_t serve_session(uint32_t session, handle_t *handle) {
    return session_create(startup_handle("endpoint"), session_get(&vfs, session)->badge, handle);
}

status_t handle_open(struct event *event, const struct file_open_request *request,
                     struct file_open_reply *answer) {
    static const struct proc_source source = {source_info, source_log};
    struct path path;
    struct opening opening;
    uint32_t session;
    handle_t handle;
    bool changes = (request->flags & (FILE_OPEN_WRITE | FILE_OPEN_CREATE)) != 0;
    uint32_t access = changes ? POLICY_READ | POLICY_WRITE : POLICY_READ;
    status_t status = own_path(event, request, sizeof *request, access, &path);
    if (status == OK) {
        status = operation_open(&vfs, &path, request->flags, &opening);
    }
    if (status != OK) {
        return status;
    }
    const struct node *node = node_get(&vfs, opening.node);
    if (node->kind == NODE_PROC) {
        if (node->object == PROC_SERVICES) {
            return parked_services(event, &opening);
        }
        status = proc_make(&vfs, node->mount, node->object, &source, &opening.node);
        if (status != OK) {
            return status;
        }
    }
    status = operation_open_finish(&vfs, &opening, event->account, &session, answer);
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
    actor_changed(&session->offset, sizeof session->offset);
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
    actor_changed(&session->offset, sizeof session->offset);
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
    struct path path;
    status_t status = own_path(event, request, sizeof *request, POLICY_READ, &path);
    return status == OK ? operation_stat(&vfs, &path, answer) : status;
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

static status_t change_path(struct event *event, const struct file_path_request *request,
                            status_t (*change)(struct vfs *vfs, const struct path *path)) {
    struct path path;
    status_t status = own_path(event, request, sizeof *request, POLICY_WRITE, &path);
    return status == OK ? change(&vfs, &path) : status;
}

status_t handle_mkdir(struct event *event, const struct file_path_request *request,
                      struct file_empty *answer) {
    (void)answer;
    return change_path(event, request, tree_mkdir);
}

status_t handle_unlink(struct event *event, const struct file_path_request *request,
                       struct file_empty *answer) {
    (void)answer;
    return change_path(event, request, tree_unlink);
}

status_t handle_rmdir(struct event *event, const struct file_path_request *request,
                      struct file_empty *answer) {
    (void)answer;
    return change_path(event, request, tree_rmdir);
}

status_t handle_rename(struct event *event, const struct file_rename_request *request,
                       struct file_empty *answer) {
    struct path from;
    struct path to;
    (void)answer;
    status_t status = own_paths(event, request, &from, &to);
    return status == OK ? tree_rename(&vfs, &from, &to) : status;
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
    struct account_information account = {0};
    struct path path;
    status_t status = own_path(event, request, sizeof *request, POLICY_READ, &path);
    if (status == OK) {
        status = account_info(startup_handle("account"), &account);
    }
    if (status != OK) {
        return status;
    }
    uint64_t growth = account.limit > account.used ? account.limit - account.used : 0;
    return operation_statfs(&vfs, &path, growth, answer);
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
    uint64_t client;
    status_t status = event_client(event, &client);
    if (status == OK && !policy_allows(client, "/", POLICY_READ | POLICY_WRITE)) {
        status = E_RIGHTS;
    }
    return status == OK ? path_normalise(request->path, sizeof request->path, path) : status;
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
