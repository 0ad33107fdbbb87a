/* SPDX-License-Identifier: MIT
 * The guest's end of the recovery tests: a TCP server at port 7. It greets with a line; the first
 * line that comes says what the connection is for. (The greeting is for QEMU's user network, which
 * forgets what the host has sent already when our SYN and ACK come twice.)
 *
 *   echo              sends everything back, until the end
 *   sum               reads to the end, then answers "COUNT HASH"
 *   hold              answers "held"; the same, but reads nothing before somebody says "go"
 *   make COUNT SEED   sends that many bytes of a sequence, then closes
 *   go                lets the held connections read
 *   kill NAME,… COUNT US TURNS   kills COUNT times, the named services by turns, each time when the
 *                     service has committed up to TURNS turns since the last one, after a pause of
 *                     up to US microseconds; both are random; answers "STATUS"
 *   time              answers the time since boot in ns
 *   account           a line "NAME STATE BYTES HANDLES" for each service, then "free BYTES"
 *
 * At port 81 it takes HTTP's PUT, without a greeting, and answers like sum.
 */
#include <client/init.h>
#include <client/net.h>
#include <common/format.h>
#include <common/parse.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/random.h>
#include <ipc/startup.h>
#include <ipc/status.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#define PORT 7
#define PUT_PORT 81
#define GREETING "peer\n"
#define WORKERS 10u
#define PUT_WORKERS 2u
#define BACKLOG 64
#define WORKER_PRIORITY 10u /* as others that work: nobody starves */
#define KILLER_PRIORITY 26u /* above every service: a kill falls anywhere into a turn */
#define PIECE 16384u
#define LINE 64u
#define WORDS 5u
#define NAMES 8u
#define LOOK_NS (5 * NS_PER_MS)
#define IDLE_LOOKS 2000u

#define HASH_START 0xcbf29ce484222325u /* FNV-1a, 64 bits */
#define HASH_FACTOR 0x100000001b3u

struct worker {
    handle_t listener, connection;
    size_t filled; /* bytes that came with the first line */
    char line[LINE];
    uint8_t piece[PIECE];
};
static struct worker workers[WORKERS + PUT_WORKERS];
static uint32_t gone; /* futex word: how often somebody has said "go" */

/* ---- Bytes --------------------------------------------------------------------------------- */

static bool send_all(const struct worker *worker, const void *bytes, size_t length) {
    status_t status = net_send_all(worker->connection, bytes, length, 0);
    if (status != OK) {
        log_line("# send: %s", status_text(status));
    }
    return status == OK;
}

/* The bytes behind the first line come first. */
static bool receive(struct worker *worker, size_t *length) {
    *length = worker->filled;
    worker->filled = 0;
    status_t status =
        *length != 0 ? OK : net_receive(worker->connection, worker->piece, PIECE, 0, 0, length);
    if (status != OK) {
        log_line("# receive: %s", status_text(status));
    }
    return status == OK && *length != 0;
}

static void answer(const struct worker *worker, const char *text, ...)
    __attribute__((format(printf, 2, 3)));
static void answer(const struct worker *worker, const char *text, ...) {
    char line[128];
    va_list arguments;
    va_start(arguments, text);
    size_t length = format_v(line, sizeof line, text, arguments);
    va_end(arguments);
    (void)send_all(worker, line, length < sizeof line ? length : sizeof line - 1);
}

/* ---- Orders -------------------------------------------------------------------------------- */

static void echo(struct worker *worker) {
    size_t length;
    while (receive(worker, &length) && send_all(worker, worker->piece, length)) {
    }
}

/* Of the bytes to the end, or so many. */
static void sum(struct worker *worker, uint64_t most) {
    uint64_t count = 0, hash = HASH_START;
    size_t length;
    while (count < most && receive(worker, &length)) {
        count += length;
        for (size_t i = 0; i < length; i++) {
            hash = (hash ^ worker->piece[i]) * HASH_FACTOR;
        }
    }
    answer(worker, "%lu %016lx\n", count, hash);
}

static void hold(struct worker *worker) {
    uint32_t seen = __atomic_load_n(&gone, __ATOMIC_ACQUIRE);
    answer(worker, "held\n");
    while (__atomic_load_n(&gone, __ATOMIC_ACQUIRE) == seen) {
        (void)futex_wait(&gone, seen, UINT64_MAX);
    }
    sum(worker, UINT64_MAX);
}

static void go(struct worker *worker) {
    __atomic_fetch_add(&gone, 1, __ATOMIC_RELEASE);
    (void)futex_wake(&gone, WORKERS);
    answer(worker, "0\n");
}

/* Each byte is the top one of a linear congruential sequence. */
static void make(struct worker *worker, uint64_t count, uint64_t state) {
    while (count != 0) {
        size_t length = count < PIECE ? (size_t)count : PIECE;
        for (size_t i = 0; i < length; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            worker->piece[i] = (uint8_t)(state >> 56);
        }
        if (!send_all(worker, worker->piece, length)) {
            return;
        }
        count -= length;
    }
}

static struct task_info task_of(uint64_t id) {
    struct task_info information;
    for (uint64_t i = 0; system_info_read(startup_handle("system"), INFO_TASK, i, &information,
                                          sizeof information) == OK;
         i++) {
        if (information.id == id) {
            return information;
        }
    }
    return (struct task_info){0};
}

static uint64_t commits_of(const char *name) {
    struct init_info_reply service;
    for (uint64_t i = 0; init_info(startup_handle("init"), i, &service) == OK; i++) {
        if (strcmp(service.name, name) == 0) {
            return task_of(service.task_id).commits;
        }
    }
    return 0;
}

/* On a machine that is starved a service may take long for a turn: a pause in time would have it
 * killed for ever before it has done anything. A service that stands still has nothing to do. */
static void wait_turns(const char *name, uint64_t turns) {
    uint64_t start = commits_of(name), last = start, now = start;
    for (unsigned idle = 0; now - start < turns && idle < IDLE_LOOKS; idle++) {
        (void)thread_sleep(LOOK_NS);
        now = commits_of(name);
        idle = now != last ? 0 : idle;
        last = now;
    }
}

/* Cuts a list at its commas; the number of names. */
static unsigned cut_names(char *list, const char **names) {
    unsigned count = 0;
    for (char *at = list; at != NULL && count < NAMES; count++) {
        names[count] = at;
        at = strchr(at, ',');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    return count;
}

static void kill_often(struct worker *worker, char *list, const uint64_t *numbers) {
    const char *names[NAMES];
    unsigned name_count = cut_names(list, names);
    uint64_t count = numbers[0], pause = numbers[1] * NS_PER_US, turns = numbers[2];
    handle_t init = startup_handle("init");
    status_t status = OK;
    (void)thread_schedule(HANDLE_NONE, KILLER_PRIORITY, 0);
    for (uint64_t i = 0; i < count && status == OK; i++) {
        const char *name = names[i % name_count];
        wait_turns(name, turns == 0 ? 0 : random_u64() % (turns + 1));
        (void)thread_sleep(pause == 0 ? 0 : random_u64() % pause);
        status = init_kill(init, name);
    }
    (void)thread_schedule(HANDLE_NONE, WORKER_PRIORITY, 0);
    answer(worker, "%d\n", status);
}

static void account(struct worker *worker) {
    struct init_info_reply service;
    struct system_info system = {.memory_free = 0};
    (void)system_info_read(startup_handle("system"), INFO_SYSTEM, 0, &system, sizeof system);
    for (uint64_t i = 0; init_info(startup_handle("init"), i, &service) == OK; i++) {
        answer(worker, "%s %u %lu %u\n", service.name, service.state, service.memory,
               task_of(service.task_id).handles);
    }
    answer(worker, "free %lu\n", system.memory_free);
}

/* ---- Connections --------------------------------------------------------------------------- */

/* Reads a line, and what comes right after it. */
static bool read_line(struct worker *worker) {
    size_t used = worker->filled;
    while (true) {
        const uint8_t *end = memchr(worker->piece, '\n', used);
        if (end != NULL) {
            size_t line = (size_t)(end - worker->piece);
            size_t kept = line < LINE ? line : LINE - 1;
            memcpy(worker->line, worker->piece, kept);
            worker->line[kept] = '\0';
            worker->filled = used - line - 1;
            memmove(worker->piece, end + 1, worker->filled);
            return true;
        }
        size_t length = 0;
        status_t status = used == PIECE ? E_RANGE
                                        : net_receive(worker->connection, worker->piece + used,
                                                      PIECE - used, 0, 0, &length);
        if (status != OK || length == 0) {
            log_line("# no line: %s", status_text(status));
            return false;
        }
        used += length;
    }
}

static void put(struct worker *worker) {
    static const char FIELD[] = "Content-Length: ";
    uint64_t count = 0;
    do {
        if (memcmp(worker->line, FIELD, sizeof FIELD - 1) == 0) {
            const char *cursor = worker->line + sizeof FIELD - 1, *word;
            size_t length = parse_word(&cursor, cursor + strlen(cursor), &word);
            (void)parse_u64(word, length != 0 && word[length - 1] == '\r' ? length - 1 : length,
                            &count);
        }
        if (!read_line(worker)) {
            return;
        }
    } while (worker->line[0] != '\r');
    answer(worker, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    sum(worker, count);
}

static void serve(struct worker *worker) {
    char words[WORDS][LINE] = {""};
    uint64_t numbers[WORDS] = {0};
    const char *cursor = worker->line, *word;
    size_t length;
    for (unsigned i = 0;
         i < WORDS &&
         (length = parse_word(&cursor, worker->line + strlen(worker->line), &word)) != 0;
         i++) {
        memcpy(words[i], word, length);
        (void)parse_u64(word, length, &numbers[i]);
    }
    if (strcmp(words[0], "echo") == 0) {
        echo(worker);
    } else if (strcmp(words[0], "sum") == 0) {
        sum(worker, UINT64_MAX);
    } else if (strcmp(words[0], "hold") == 0) {
        hold(worker);
    } else if (strcmp(words[0], "make") == 0) {
        make(worker, numbers[1], numbers[2]);
    } else if (strcmp(words[0], "go") == 0) {
        go(worker);
    } else if (strcmp(words[0], "kill") == 0) {
        kill_often(worker, words[1], &numbers[2]);
    } else if (strcmp(words[0], "time") == 0) {
        answer(worker, "%lu\n", time_now_ns());
    } else if (strcmp(words[0], "account") == 0) {
        account(worker);
    } else if (strcmp(words[0], "PUT") == 0) {
        put(worker);
    } else {
        log_line("# unknown order: %s", worker->line);
    }
}

static void work(void *argument) {
    struct worker *worker = argument;
    bool greets = worker < &workers[WORKERS];
    status_t status;
    while ((status = net_accept(worker->listener, 0, &worker->connection, NULL)) == OK) {
        worker->filled = 0;
        if ((!greets || send_all(worker, GREETING, sizeof GREETING - 1)) && read_line(worker)) {
            serve(worker);
        }
        handle_close(worker->connection);
    }
    log_line("# accept: %s", status_text(status));
}

static status_t listen_at(uint16_t port, handle_t *listener) {
    status_t status = net_socket(startup_handle("net"), NET_TCP, listener);
    if (status == OK) {
        status = net_bind_port(*listener, port);
    }
    return status != OK ? status : net_listen(*listener, BACKLOG);
}

int main(void) {
    handle_t listener, put_listener;
    status_t status = listen_at(PORT, &listener);
    if (status == OK) {
        status = listen_at(PUT_PORT, &put_listener);
    }
    for (unsigned i = 0; i < WORKERS + PUT_WORKERS && status == OK; i++) {
        workers[i].listener = i < WORKERS ? listener : put_listener;
        status = i == 0 ? OK : thread_create(work, &workers[i], WORKER_PRIORITY, NULL);
    }
    if (status != OK) {
        log_line("# start: %s", status_text(status));
        return 1;
    }
    (void)thread_schedule(HANDLE_NONE, WORKER_PRIORITY, 0);
    log_line("ready");
    work(&workers[0]);
    return 1;
}
