/* SPDX-License-Identifier: MIT
 * The client of `tally`: upgrades it while other threads of its own use it, and looks whether they
 * or the state notice. Reports TAP on the kernel log.
 */
#include <stdbool.h>

#include <client/init.h>
#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/startup.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "judge.h"
#include "tally.h"

#define PRIORITY 9u

static handle_t server, init, session;

static status_t ask(handle_t to, uint32_t operation, uint64_t word, uint64_t *result_word) {
    uint64_t answer = 0;
    status_t status = call_words(to, operation, &word, sizeof word, &answer, sizeof answer);
    if (result_word != NULL) {
        *result_word = answer;
    }
    return status;
}

static uint64_t word_of(handle_t to, uint32_t operation, uint64_t word) {
    uint64_t answer = 0;
    expect(ask(to, operation, word, &answer), OK, "call");
    return answer;
}

static struct init_info_reply service(void) {
    return service_info(init, "tally");
}

/* ---- Those who must not notice --------------------------------------------------------------- */

static uint32_t stop, workers_done, parked_done, killer_done; /* futex words */
static uint64_t added;
static uint64_t parked_count;
static status_t parked_status;

static void worker(void *unused) {
    uint64_t sum;
    (void)unused;
    while (__atomic_load_n(&stop, __ATOMIC_ACQUIRE) == 0) {
        status_t status = ask(session, TALLY_ADD, 1, &sum);
        added += status == OK;
        if (!expect(status, OK, "worker") ||
            !expect((int64_t)sum, (int64_t)added, "the worker's count")) {
            break;
        }
        (void)thread_sleep(NS_PER_MS / 4);
    }
    __atomic_store_n(&workers_done, 1, __ATOMIC_RELEASE);
    (void)futex_wake(&workers_done, 1);
}

static void parker(void *unused) {
    (void)unused;
    parked_status = ask(server, TALLY_PARK, 0, &parked_count);
    __atomic_store_n(&parked_done, 1, __ATOMIC_RELEASE);
    (void)futex_wake(&parked_done, 1);
}

static void killer(void *unused) {
    (void)unused;
    for (int i = 0; i < 40; i++) {
        (void)init_kill(init, i % 4 == 3 ? "init" : "tally");
        (void)thread_sleep(NS_PER_MS);
    }
    __atomic_store_n(&killer_done, 1, __ATOMIC_RELEASE);
    (void)futex_wake(&killer_done, 1);
}

static void run(void (*entry)(void *)) {
    expect(thread_create(entry, NULL, PRIORITY, NULL), OK, "thread");
}

static void wait(const uint32_t *word) {
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
        (void)futex_wait(word, 0, UINT64_MAX);
    }
}

/* ---- Upgrades ----------------------------------------------------------------------------- */

static status_t upgrade(const char *module, bool swap, struct init_program_reply *answer) {
    struct memory_info information = {0};
    handle_t file = startup_handle(module);
    expect(memory_info(file, &information), OK, module);
    return (swap ? init_swap : init_upgrade)(init, "tally", file, information.size, answer);
}

/* To that version, which must take the state over in that way. */
static void forward(const char *module, uint64_t version, uint64_t state) {
    struct init_program_reply answer;
    uint64_t shared = word_of(server, TALLY_ADD, 0);
    expect(upgrade(module, false, &answer), OK, module);
    expect((int64_t)answer.state, (int64_t)state, "how the state went over");
    expect((int64_t)answer.version, (int64_t)version, "version");
    expect((int64_t)word_of(server, TALLY_VERSION, 0), (int64_t)version, "version that answers");
    expect((int64_t)word_of(server, TALLY_ADD, 1), (int64_t)shared + 1, "count");
    expect((int64_t)service().version, (int64_t)version, "version in the list");
}

/* To a version that does not come up: all is as before, to the byte. */
static void refused(const char *module, const char *reason) {
    struct init_program_reply answer;
    uint64_t version = word_of(server, TALLY_VERSION, 0);
    uint64_t shared = word_of(server, TALLY_ADD, 0);
    struct init_info_reply before = service();
    expect(upgrade(module, false, &answer), E_UNAVAILABLE, module);
    expect((int64_t)answer.version, (int64_t)version, "version in the answer");
    expect(strncmp(answer.reason, reason, strlen(reason)), 0, answer.reason);
    expect((int64_t)word_of(server, TALLY_VERSION, 0), (int64_t)version, "version that answers");
    expect((int64_t)word_of(server, TALLY_ADD, 1), (int64_t)shared + 1, "count");
    struct init_info_reply after = service();
    expect((int64_t)after.memory, (int64_t)before.memory, "bytes of its account");
    expect(after.generation, before.generation, "generation");
    expect(strcmp(after.reason, answer.reason), 0, "reason in the list");
}

/* That program is not even tried, by either order. */
static void not_taken(const char *module, const char *reason) {
    struct init_program_reply answer;
    struct init_info_reply before = service();
    for (int swap = 0; swap < 2; swap++) {
        expect(upgrade(module, swap != 0, &answer), E_TYPE, module);
        expect(strcmp(answer.reason, reason), 0, answer.reason);
        expect((int64_t)answer.version, (int64_t)before.version, "version in the answer");
    }
    struct init_info_reply after = service();
    expect((int64_t)after.started_ns, (int64_t)before.started_ns, "time of the start");
    expect(after.restarts, before.restarts, "restarts");
}

static void wild_write(void) {
    uint64_t shared = word_of(server, TALLY_ADD, 0);
    uint32_t crashes = service().crashes;
    expect((int64_t)word_of(server, TALLY_WILD, 5), (int64_t)shared + 5, "count");
    expect(service().crashes, (int64_t)crashes + 1, "crashes");
}

/* Makes its state one that crashes at every notification, and waits for the third crash. */
static void crash_for_ever(void) {
    uint32_t crashes = service().crashes;
    expect(ask(server, TALLY_AT_EVENT, 0, NULL), OK, "at event");
    while (service().crashes < crashes + 3) {
        (void)thread_sleep(NS_PER_MS);
    }
}

static void open_session(void) {
    struct message message = {0};
    struct answer answer = {0};
    expect(call(server, TALLY_OPEN, &message, &answer), OK, "open");
    expect(answer.handle_count, 1, "handles");
    session = answer.handles[0].handle;
}

static void swap_refuses_nothing(void) {
    struct init_program_reply answer;
    expect(upgrade("tally6", true, &answer), OK, "swap");
    expect((int64_t)answer.state, PROGRAM_STATE_LOST, "how the state went over");
    expect((int64_t)word_of(server, TALLY_ADD, 2), 2, "count after a cold start");
    expect(ask(session, TALLY_ADD, 1, NULL), E_RESET, "session of before");
}

int main(void) {
    server = startup_handle("tally");
    init = startup_handle("init");
    open_session();
    (void)word_of(server, TALLY_ADD, 1000);
    run(worker);
    run(parker);

    forward("tally1", 1, PROGRAM_STATE_KEPT);
    result("the same layout keeps the arena");
    forward("tally2", 2, PROGRAM_STATE_RECORDS);
    result("another layout gets records");
    refused("tally3", "invalid instruction");
    result("one that dies when it imports is undone");
    refused("tally5", "5 s of CPU time in one turn (start-up)");
    result("one that never ends its import is undone");
    refused("tally4", "invalid instruction");
    result("one that dies when it starts is undone");
    refused("tally6", "exit code");
    result("one that can't read the records is undone");
    refused("tally8", "exit code");
    result("one that takes none of them is undone");
    forward("tally1", 1, PROGRAM_STATE_RECORDS);
    refused("tally4", "invalid instruction");
    result("so is one of the same layout");
    refused("tally7", "5 s of CPU time in one turn (start-up)");
    result("and one that never comes to its first commit");
    not_taken("tally9", "tally speaks tally/2, needed: tally/1");
    not_taken("upgrader", "the program has no note that says what it speaks, needed: tally/1");
    result("another protocol is not tried, nor a program without one");

    wild_write();
    result("a wild write is never committed");

    run(killer);
    for (int i = 0; i < 6; i++) {
        forward("tally2", 2, PROGRAM_STATE_RECORDS);
        forward("tally1", 1, PROGRAM_STATE_RECORDS);
    }
    wait(&killer_done);
    result("kills of server and init change nothing");

    crash_for_ever();
    expect((int64_t)word_of(server, TALLY_VERSION, 0), 1, "version");
    result("a state that always crashes is renewed by records");
    crash_for_ever();
    expect((int64_t)word_of(server, TALLY_VERSION, 0), 2, "version");
    while (service().version != 2) { /* init has still to see the first commit */
        (void)thread_sleep(NS_PER_MS);
    }
    expect(service().state, SERVICE_RUNNING, "state");
    result("and the second time the previous program takes it");

    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    wait(&workers_done);
    expect((int64_t)word_of(session, TALLY_ADD, 0), (int64_t)added, "the worker's count");
    expect((int64_t)word_of(server, TALLY_RELEASE, 0), 1, "parked calls");
    wait(&parked_done);
    expect(parked_status, OK, "parked call");
    expect((int64_t)parked_count, (int64_t)word_of(server, TALLY_ADD, 0), "its answer");
    result("nobody noticed any of it");

    swap_refuses_nothing();
    result("a swap goes on without state when it must");
    return 0;
}
