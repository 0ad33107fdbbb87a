/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/blocks.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <proto/net.h>

#include <terminal/protocol.h>
#include <terminal/record.h>

#define COLUMNS 80 /* of a client that does not tell */
#define ROWS 24
#define COLUMNS_MIN 20 /* as narrow as the line editor likes it */
#define ROWS_MIN 2
#define PAGE 4096u
#define SHELL_MEMORY (1u << 20)
#define SHELL_PRIORITY 12
#define KEEP_IDLE 60 /* s of silence after which a client that has vanished is looked for */

ARENA static struct session sessions[SESSIONS];
ARENA static uint32_t serials;
ARENA static handle_t image; /* of the shell */

static uint32_t slot_of(const struct session *session) {
    return (uint32_t)(session - sessions);
}

static uint8_t *page_in(const struct session *session) {
    return (uint8_t *)(uintptr_t)(BLOCKS_VA + slot_of(session) * 2ull * PAGE);
}

static uint8_t *page_out(const struct session *session) {
    return page_in(session) + PAGE;
}

struct session *session_at(uint32_t slot) {
    return slot < SESSIONS && sessions[slot].serial != 0 ? &sessions[slot] : NULL;
}

struct session *session_of(uint64_t badge) {
    struct session *session = session_at((uint32_t)(badge & 0xff));
    return session != NULL && session->serial == (uint32_t)(badge >> 8) ? session : NULL;
}

bool session_free(void) {
    for (uint32_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].serial == 0) {
            return true;
        }
    }
    return false;
}

status_t sessions_create(void) {
    return memory_map_new(BLOCKS_VA, SESSIONS * 2ull * PAGE, MAP_POPULATE);
}

/* ---- The shell ---------------------------------------------------------------------------- */

struct building {
    handle_t task;
    struct startup startup;
};

static status_t grant(struct building *building, const char *name, handle_t handle,
                      uint32_t rights) {
    return startup_grant(&building->startup, building->task, name, handle, rights);
}

static status_t grant_all(struct building *building, handle_t account, handle_t tty) {
    static const char *const services[] = {"vfs", "net", "devmgr", "aiproxy", "proc", "init"};
    status_t status = grant(building, "tty", tty, RIGHT_CALL | RIGHT_COPY);
    for (size_t i = 0; i < sizeof services / sizeof services[0] && status == OK; i++) {
        status = grant(building, services[i], startup_handle(services[i]), RIGHT_CALL | RIGHT_COPY);
    }
    if (status == OK) {
        status = grant(building, "system", startup_handle("system"), RIGHT_READ);
    }
    return status == OK
               ? grant(building, "account", account, RIGHT_CHARGE | RIGHT_READ | RIGHT_COPY)
               : status;
}

static status_t map_startup(const struct building *building, handle_t account) {
    handle_t memory;
    status_t status = memory_create(account, PAGE, &memory);
    if (status != OK) {
        return status;
    }
    status = memory_write(memory, 0, &building->startup, sizeof building->startup);
    if (status == OK) {
        status = memory_map(building->task, memory, 0, STARTUP_VA, PAGE, PROT_READ | MAP_PERSIST);
    }
    handle_close(memory);
    return status;
}

/* The kernel tells us of its end. */
static status_t supervise(const struct session *session, handle_t task) {
    handle_t supervisor;
    status_t status =
        session_create(startup_handle("endpoint"),
                       BADGE(BADGE_SHELL, session->serial, slot_of(session)), &supervisor);
    if (status == OK) {
        status = task_supervise(task, supervisor, HANDLE_NONE, 0);
        handle_close(supervisor);
    }
    return status;
}

static status_t load_image(void) {
    struct memory_info info;
    handle_t module = startup_handle("shell");
    status_t status = module == HANDLE_NONE ? E_UNAVAILABLE : memory_info(module, &info);
    return status == OK ? image_create(startup_handle("account"), module, info.size, &image)
                        : status;
}

static status_t start_shell(struct session *session, handle_t account) {
    static struct building building;
    struct task_create parameters = {
        .account = account, .image = image, .priority = SHELL_PRIORITY, .name = "telnet shell"};
    handle_t tty;
    status_t status = task_create(&parameters, &building.task);
    if (status != OK) {
        return status;
    }
    session->shell = building.task;
    memset(&building.startup, 0, sizeof building.startup);
    building.startup.magic = STARTUP_MAGIC;
    building.startup.arguments = offsetof(struct startup, text);
    strlcpy(building.startup.name, "shell", sizeof building.startup.name);
    status = session_create(startup_handle("endpoint"),
                            BADGE(BADGE_TERMINAL, session->serial, slot_of(session)), &tty);
    if (status == OK) {
        status = grant_all(&building, account, tty);
        handle_close(tty);
    }
    if (status == OK) {
        status = map_startup(&building, account);
    }
    if (status == OK) {
        status = supervise(session, building.task);
    }
    return status == OK ? task_start(building.task) : status;
}

/* The account lives as long as the task. */
static status_t make_shell(struct session *session) {
    handle_t account;
    status_t status = image == HANDLE_NONE ? load_image() : OK;
    if (status == OK) {
        status = account_create(startup_handle("account"), SHELL_MEMORY, &account);
    }
    if (status == OK) {
        status = start_shell(session, account);
        handle_close(account);
    }
    return status;
}

/* ---- Beginning and end -------------------------------------------------------------------- */

static uint64_t cookie(const struct session *session, uint32_t what) {
    return BADGE(what, session->serial, slot_of(session));
}

static void set_option(const struct session *session, uint64_t option, uint64_t value) {
    struct net_option_request request = {.option = option, .value = value, .set = 1};
    if (call_stage(session->connection, NET_OPTION, &request, sizeof request, COOKIE_OTHER) != OK) {
        log_line("an option of a connection is left out");
    }
}

/* Stops the shell; the client still gets what was written. */
static void begin_end(struct session *session) {
    session->ending = true;
    if (session->shell != HANDLE_NONE) {
        (void)task_destroy(session->shell);
        handle_close(session->shell);
        session->shell = HANDLE_NONE;
    }
    terminal_hang_up(&session->terminal, E_CLOSED);
    if (session->receiving) {
        (void)call_cancel(session->receive_token);
    }
}

/* The slot is free again when both calls have been answered: they lend its pages. */
static void end(struct session *session) {
    begin_end(session);
    handle_close(session->connection);
    session->connection = HANDLE_NONE;
    if (session->sending) {
        (void)call_cancel(session->send_token);
    }
    if (!session->receiving && !session->sending) {
        session->serial = 0;
    }
}

void session_begin(handle_t connection) {
    struct session *session = sessions;
    while (session->serial != 0) {
        session++;
    }
    memset(session, 0, sizeof *session);
    session->serial = ++serials;
    session->connection = connection;
    session->shell = HANDLE_NONE;
    byte_queue_init(&session->output, session->output_bytes, SESSION_OUTPUT);
    terminal_init(&session->terminal, COLUMNS, ROWS, &session->output);
    telnet_open(&session->telnet);
    set_option(session, NET_OPTION_NODELAY, 1);
    set_option(session, NET_OPTION_KEEP_IDLE, KEEP_IDLE);
    set_option(session, NET_OPTION_KEEPALIVE, 1);
    status_t status = make_shell(session);
    if (status != OK) {
        log_line("no shell: %s", status_text(status));
        terminal_write(&session->terminal, "no memory for a shell\n", 22);
        begin_end(session);
    }
}

void session_shell_ended(struct session *session) {
    begin_end(session);
}

/* ---- Bytes -------------------------------------------------------------------------------- */

void session_replied(const struct event *event) {
    struct session *session = session_of(event->cookie);
    struct net_io_reply reply = {0};
    status_t status = event_status(event);
    if (session == NULL) {
        return;
    }
    status = status == OK ? event_data(event, &reply, sizeof reply) : status;
    if (BADGE_KIND(event->cookie) == COOKIE_RECEIVED) {
        session->receiving = false;
        session->received = reply.length <= PAGE ? (uint32_t)reply.length : 0;
        session->taken = 0;
        status = status == OK && reply.length == 0 ? E_CLOSED : status;
        status = session->ending && status == E_CANCELLED ? OK : status;
    } else {
        session->sending = false;
        session->started += reply.length <= session->waiting - session->started
                                ? (uint32_t)reply.length
                                : session->waiting - session->started;
    }
    if (status != OK || session->connection == HANDLE_NONE) {
        end(session);
    }
}

static void receive(struct session *session) {
    struct net_io_request request = {.length = PAGE};
    struct lease lease = lease_out(page_in(session), PAGE);
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    session->receiving =
        call_stage_message(session->connection, NET_RECEIVE, &message,
                           cookie(session, COOKIE_RECEIVED), &session->receive_token) == OK;
    if (!session->receiving) {
        end(session);
    }
}

static void send(struct session *session) {
    struct net_io_request request = {.length = session->waiting - session->started};
    struct lease lease = lease_in(page_out(session) + session->started, request.length);
    struct message message = {
        .data = &request, .size = sizeof request, .leases = &lease, .lease_count = 1};
    session->sending = call_stage_message(session->connection, NET_SEND, &message,
                                          cookie(session, COOKIE_SENT), &session->send_token) == OK;
    if (!session->sending) {
        end(session);
    }
}

static uint32_t within(uint32_t value, uint32_t least, uint32_t most) {
    return value < least ? least : value > most ? most : value;
}

/* What the client has told besides keys. */
static void follow(struct session *session) {
    struct telnet *telnet = &session->telnet;
    session->terminal.quiet = !telnet->echo;
    if (telnet->resized) {
        telnet->resized = false;
        terminal_resize(&session->terminal,
                        telnet->columns == 0
                            ? COLUMNS
                            : within(telnet->columns, COLUMNS_MIN, SCREEN_COLUMNS_MAX),
                        telnet->rows == 0 ? ROWS : within(telnet->rows, ROWS_MIN, SCREEN_ROWS_MAX));
    }
}

/* Takes what has come, as far as there is room for what it means. */
static void take(struct session *session) {
    const uint8_t *bytes = page_in(session);
    while (session->taken < session->received && telnet_ready(&session->telnet) &&
           byte_queue_room(&session->terminal.input) != 0) {
        uint8_t typed;
        if (telnet_input(&session->telnet, bytes[session->taken++], &typed)) {
            terminal_typed(&session->terminal, &typed, 1);
        }
        follow(session);
    }
}

static void settle(struct session *session) {
    uint32_t before;
    if (session->connection == HANDLE_NONE) {
        return;
    }
    do {
        before = session->taken;
        if (!session->ending) {
            take(session);
            terminal_pump(&session->terminal);
        }
        if (!session->sending && session->started == session->waiting) {
            session->started = 0;
            session->waiting = (uint32_t)telnet_output(&session->telnet, &session->output,
                                                       page_out(session), PAGE);
        }
    } while (session->taken != before);
    if (!session->sending && session->started < session->waiting) {
        send(session);
    }
    if (session->connection == HANDLE_NONE) {
        return;
    }
    if (session->ending) {
        if (!session->sending) {
            end(session);
        }
    } else if (!session->receiving && session->taken == session->received) {
        receive(session);
    }
}

void sessions_settle(void) {
    for (uint32_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].serial != 0) {
            settle(&sessions[i]);
        }
    }
}

static bool sound(const struct session *session) {
    const struct telnet *telnet = &session->telnet;
    return session->taken <= session->received && session->received <= PAGE &&
           session->started <= session->waiting && session->waiting <= PAGE &&
           session->output.bytes == session->output_bytes &&
           session->output.size == SESSION_OUTPUT &&
           byte_queue_length(&session->output) <= SESSION_OUTPUT &&
           session->terminal.serial == &session->output && telnet->reply_length <= TELNET_REPLY &&
           telnet->sub_length <= sizeof telnet->sub &&
           (session->terminal.reader != READER_NONE ||
            session->terminal.reader_token == TOKEN_NONE);
}

const char *sessions_check(bool full) {
    for (uint32_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].serial != 0) {
            const char *wrong = sound(&sessions[i]) ? NULL : "a session's numbers are wrong";
            wrong = wrong == NULL && full ? terminal_check(&sessions[i].terminal) : wrong;
            if (wrong != NULL) {
                return wrong;
            }
        }
    }
    return NULL;
}
