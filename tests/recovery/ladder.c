/* SPDX-License-Identifier: MIT
 * The client of `crasher`: asks for its bugs one after another and sees what becomes of itself, of
 * a bystander that goes on working, and of the state. Reports TAP on the kernel log.
 */
#include <client/init.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/startup.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "crasher.h"
#include "judge.h"

#define PRIORITY 9u
#define TESTS 12
#define BYSTANDERS 4u

static handle_t server, init;

static status_t ask(handle_t session, uint32_t operation) {
    return call_words(session, operation, NULL, 0, NULL, 0);
}

static uint64_t add(handle_t session, uint64_t value) {
    uint64_t sum = 0;
    expect(call_words(session, CRASHER_ADD, &value, sizeof value, &sum, sizeof sum), OK, "add");
    return sum;
}

static struct init_info_reply service(void) {
    return service_info(init, "crasher");
}

/* Deaths so far are no reason for anything in the next part. */
static void forget(void) {
    expect(init_restart(init, "crasher"), OK, "restart");
}

/* ---- Other clients ------------------------------------------------------------------------- */

static uint32_t bystander_stop, bystander_done; /* futex words */
static uint64_t bystander_adds;

static void bystander(void *unused) {
    (void)unused;
    while (__atomic_load_n(&bystander_stop, __ATOMIC_ACQUIRE) == 0) {
        uint64_t one = 1, sum;
        if (call_words(server, CRASHER_ADD, &one, sizeof one, &sum, sizeof sum) != OK) {
            return; /* and so never done */
        }
        __atomic_fetch_add(&bystander_adds, 1, __ATOMIC_RELAXED);
        (void)thread_sleep(NS_PER_MS);
    }
    __atomic_fetch_add(&bystander_done, 1, __ATOMIC_RELEASE);
    (void)futex_wake(&bystander_done, 1);
}

static uint32_t parked_status; /* futex word: the status + 1000 */
static void park(void *session) {
    status_t status = ask((handle_t)(uintptr_t)session, CRASHER_PARK);
    __atomic_store_n(&parked_status, (uint32_t)(status + 1000), __ATOMIC_RELEASE);
    (void)futex_wake(&parked_status, 1);
}

/* Until it is `wanted`, or another value than 0 if that is 0. */
static uint32_t wait_word(uint32_t *word, uint32_t wanted) {
    uint64_t end = time_now_ns() + 60 * NS_PER_S;
    uint32_t value;
    do {
        value = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    } while ((wanted == 0 ? value == 0 : value != wanted) &&
             futex_wait(word, value, end) != E_TIMEOUT);
    return value;
}

static handle_t open_session(void) {
    struct message message = {.size = 0};
    struct answer answer = {.size = 0};
    expect(call(server, CRASHER_OPEN, &message, &answer), OK, "open");
    return answer.handle_count == 1 ? answer.handles[0].handle : HANDLE_NONE;
}

/* ---- Parts --------------------------------------------------------------------------------- */

/* One caller at a time is poisoned; nobody else sees anything, nothing is done twice. */
static void poison_two(void) {
    uint64_t sum = add(server, 0);
    for (uint32_t i = 0; i < BYSTANDERS; i++) {
        expect(thread_create(bystander, NULL, PRIORITY, NULL), OK, "thread");
    }
    for (uint64_t i = 0; i < 2; i++) {
        expect(ask(server, CRASHER_CRASH), E_POISON, "the call that crashes");
        sum += i + 7;
        (void)add(server, i + 7);
    }
    bystander_stop = 1;
    expect(wait_word(&bystander_done, BYSTANDERS), BYSTANDERS, "the bystanders go on");
    expect((int64_t)add(server, 0), (int64_t)(sum + bystander_adds), "sum of all additions");
    expect(service().crashes, 6, "crashes");
    result("two poison requests harm their sender only");
}

/* The third poisoning makes a new instance: its state is gone, and who relied on it is told. */
static void poison_third(void) {
    handle_t session = open_session();
    (void)add(session, 1);
    expect(thread_create(park, (void *)(uintptr_t)session, PRIORITY, NULL), OK, "thread");
    (void)thread_sleep(50 * NS_PER_MS);
    expect(ask(server, CRASHER_CRASH), E_POISON, "the third poison request");
    expect((int32_t)wait_word(&parked_status, 0) - 1000, E_RESET, "the parked call");
    expect(ask(session, CRASHER_ADD), E_RESET, "the open session");
    handle_close(session);
    expect((int64_t)add(server, 5), 5, "the new state");
    result("the third poisoning makes a new instance");
}

static void stray(void) {
    forget();
    (void)add(server, 1);
    uint32_t crashes = service().crashes;
    expect(ask(server, CRASHER_STRAY), E_POISON, "the call that crashes here and there");
    expect(service().crashes - crashes, 6, "crashes");
    expect((int64_t)add(server, 0), 6, "the state");
    result("a request that crashes at another place each time is poisoned too");
}

static void at_event(void) {
    forget();
    uint32_t crashes = service().crashes;
    expect(ask(server, CRASHER_AT_EVENT), OK, "set");
    expect((int64_t)add(server, 3), 3, "the new state");
    expect(service().crashes - crashes, 3, "crashes");
    result("an event that crashes three times makes a new instance");
}

static void at_start(void) {
    forget();
    uint32_t crashes = service().crashes;
    expect(ask(server, CRASHER_AT_START), OK, "set");
    forget(); /* the start that crashes */
    expect((int64_t)add(server, 4), 4, "the new state");
    expect(service().crashes - crashes, 3, "crashes");
    result("a state that crashes at every start makes a new instance");
}

static void loop_in_call(void) {
    forget();
    uint32_t crashes = service().crashes;
    expect(ask(server, CRASHER_LOOP), E_POISON, "the call that never comes back");
    expect((int64_t)add(server, 0), 4, "the state");
    expect(service().crashes - crashes, 3, "crashes");
    result("a request that loops is poisoned");
}

static void wait_in_call(void) {
    forget();
    uint32_t crashes = service().crashes;
    uint64_t sum = add(server, 0);
    expect(ask(server, CRASHER_WAIT), E_POISON, "the call that waits for ever");
    expect((int64_t)add(server, 0), (int64_t)sum, "the state");
    expect(service().crashes - crashes, 3, "crashes");
    result("a request that waits for ever is poisoned");
}

static void loop_at_start(void) {
    forget();
    uint32_t crashes = service().crashes;
    expect(ask(server, CRASHER_LATE), OK, "set");
    forget();
    expect((int64_t)add(server, 9), 9, "the new state");
    expect(service().crashes - crashes, 3, "crashes");
    result("a state that loops at every start makes a new instance");
}

static void call_forgotten(void) {
    forget();
    uint32_t crashes = service().crashes;
    expect(ask(server, CRASHER_FORGET), OK, "the call that was forgotten");
    expect(service().crashes - crashes, 1, "crashes");
    result("a call that is neither answered nor kept comes again");
}

/* The second refusal is believed; for a minute then all are. */
static void refused(void) {
    forget();
    uint32_t restarts = service().restarts, crashes = service().crashes;
    uint64_t always = 1;
    expect(ask(server, CRASHER_REFUSE), OK, "the call that was refused once");
    expect(service().restarts - restarts, 1, "restarts by a refusal");
    expect(call_words(server, CRASHER_REFUSE, &always, sizeof always, NULL, 0), E_INVALID,
           "the call that is always refused");
    expect(service().restarts - restarts, 2, "restarts by the next");
    for (int i = 0; i < 3; i++) {
        expect(call_words(server, CRASHER_REFUSE, &always, sizeof always, NULL, 0), E_INVALID,
               "it comes again");
    }
    uint64_t tag = TAG(CRASHER_REFUSE, 0, 0, 0);
    struct message_registers spoilt = {.rdi = server, .tag = tag | 1 << TAG_SUM_SHIFT};
    syscall_message(SYS_CALL, &spoilt);
    expect(spoilt.rax, OK, "a call with a wrong sum");
    expect((status_t)TAG_LABEL(spoilt.tag), E_CHECKSUM, "its answer");
    expect(service().restarts - restarts, 2, "restarts when a refusal was right");
    expect(service().crashes - crashes, 0, "crashes");
    result("a refusal is looked at twice");
}

static void deaf(void) {
    forget();
    uint32_t crashes = service().crashes;
    uint64_t sum = add(server, 0);
    expect(ask(server, CRASHER_DEAF), OK, "set");
    expect((int64_t)add(server, 2), (int64_t)sum + 2, "the state");
    expect(service().crashes - crashes, 1, "crashes");
    result("a server that takes no events is found");
}

static void bell(void) {
    uint64_t before = 0, now = 0, end = time_now_ns() + 60 * NS_PER_S;
    expect(call_words(server, CRASHER_BELLS, NULL, 0, &before, sizeof before), OK, "bells");
    do {
        (void)thread_sleep(50 * NS_PER_MS);
        expect(call_words(server, CRASHER_BELLS, NULL, 0, &now, sizeof now), OK, "bells");
    } while (now < before + 2 && time_now_ns() < end);
    expect(now >= before + 2, true, "bells");
    result("each server is told to look again, again and again");
}

int main(void) {
    server = startup_handle("crasher");
    init = startup_handle("init");
    log_line("1..%u", TESTS);
    poison_two();
    poison_third();
    stray();
    at_event();
    at_start();
    loop_in_call();
    wait_in_call();
    loop_at_start();
    call_forgotten();
    refused();
    deaf();
    bell();
    return 0;
}
