/* SPDX-License-Identifier: MIT
 * The program on the other side of the guest test: an actor that does what it is asked (probe.h),
 * or, by its first argument, a plain program that misbehaves in one way.
 */
#include <common/parse.h>
#include <common/string.h>
#include <ipc/actor.h>
#include <ipc/handle.h>
#include <ipc/memory.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/time.h>

#include "hostile.h"
#include "probe.h"

ACTOR_IMAGE("probe", 1, 1, "probe/1");

enum { PARKED_MAX = 8, COOKIES_MAX = 8 };

ARENA static struct {
    struct probe_state state;
    token_t parked[PARKED_MAX];
    token_t forwarded[COOKIES_MAX]; /* callers of FORWARD, by cookie */
    handle_t sessions[COOKIES_MAX];
    uint64_t cancel_answer;
    token_t fault_token;
    struct fault_message fault;
} probe;

ARENA static struct {
    uint64_t value;
    uint8_t rest[PAGE_SIZE - 8];
} table[PROBE_PAGES];

/* ---- Operations --------------------------------------------------------------------------- */

static void answer_word(const struct event *event, uint64_t word) {
    reply(event->token, OK, &word, sizeof word);
}

static void echo(struct event *event) {
    for (uint32_t i = 0; i < event->handle_count; i++) {
        handle_t handle = event_take_handle(event, i);
        if (handle != HANDLE_NONE) {
            event_answer_handle(event, handle, RIGHT_ALL | HANDLE_MOVE);
        }
    }
    if (event->answer_handle_count == 0) {
        reply(event->token, OK, event->words, event->word_count * 8);
    } else {
        reply_handles(event->token, OK, event->words, event->word_count * 8, event->answer_handles,
                      event->answer_handle_count);
    }
}

static void lease(struct event *event) {
    static uint8_t bytes[8192];
    uint64_t results[5] = {0};
    size_t length = event->leases[0].length < sizeof bytes ? event->leases[0].length : sizeof bytes;
    results[1] = event->leases[0].length;
    results[2] = (uint64_t)(int64_t)lease_read(event->token, 0, 0, bytes, length);
    for (size_t i = 0; i < length; i++) {
        results[0] += bytes[i];
    }
    memset(bytes, (int)event->words[0], sizeof bytes);
    length = event->leases[1].length < sizeof bytes ? event->leases[1].length : sizeof bytes;
    results[3] = event->leases[1].length;
    results[4] = (uint64_t)(int64_t)lease_write(event->token, 1, 0, bytes, length);
    reply(event->token, OK, results, sizeof results);
}

static void park(const struct event *event) {
    for (int i = 0; i < PARKED_MAX; i++) {
        if (probe.parked[i] == TOKEN_NONE) {
            probe.parked[i] = event->token;
            probe.state.parked++;
            event_keep(event);
            return;
        }
    }
    reply_status(event->token, E_BUSY);
}

static void unpark(const struct event *event) {
    uint64_t count = 0;
    for (int i = 0; i < PARKED_MAX; i++) {
        if (probe.parked[i] != TOKEN_NONE) {
            reply(probe.parked[i], OK, &event->words[0], 8);
            probe.parked[i] = TOKEN_NONE;
            count++;
        }
    }
    probe.state.parked = 0;
    answer_word(event, count);
}

static void mint(struct event *event) {
    handle_t session = HANDLE_NONE;
    status_t status = session_create(startup_handle("endpoint"), event->words[0], &session);
    if (status != OK) {
        reply_status(event->token, status);
        return;
    }
    struct handle_slot slot = {session, RIGHT_CALL | RIGHT_COPY | HANDLE_MOVE};
    reply_handles(event->token, OK, NULL, 0, &slot, 1);
}

static void forward(struct event *event) {
    for (uint64_t i = 0; i < COOKIES_MAX; i++) {
        if (probe.forwarded[i] != TOKEN_NONE) {
            continue;
        }
        handle_t session = event_take_handle(event, 0);
        status_t status = call_stage(session, PROBE_ECHO, &event->words[0], 8, i);
        if (status != OK) {
            reply_status(event->token, status);
            return;
        }
        probe.forwarded[i] = event->token;
        event_keep(event);
        probe.sessions[i] = session;
        return;
    }
    reply_status(event->token, E_BUSY);
}

static void touch(const struct event *event) {
    for (int i = 0; i < PROBE_PAGES; i++) {
        table[i].value = event->words[0];
    }
    if (event->words[1] != 0 && event->attempt <= event->words[1]) {
        __builtin_trap();
    }
    answer_word(event, PROBE_PAGES);
}

static void check_table(const struct event *event) {
    uint64_t same = 1;
    for (int i = 0; i < PROBE_PAGES; i++) {
        same &= table[i].value == event->words[0];
    }
    answer_word(event, same);
}

static void crash(const struct event *event) {
    probe.state.counter += event->words[0];
    if (event->attempt < event->words[1]) {
        __builtin_trap();
    }
    answer_word(event, probe.state.counter);
}

static void system_call(const struct event *event) {
    const uint64_t *words = event->words;
    struct message_registers registers = {
        .rdi = words[1], .tag = words[2], .words = {words[3], words[4], words[5], words[6]}};
    if (words[0] == SYS_COMMIT_RECEIVE || (words[0] == SYS_REPLY && words[1] == PROBE_OWN_TOKEN)) {
        registers.rdi = event->token;
    }
    syscall_message((uint32_t)words[0], &registers);
    uint64_t results[2] = {(uint64_t)registers.rax, registers.r14};
    reply(event->token, OK, results, sizeof results);
}

static void full_system_call(const struct event *event) {
    while (notification_signal((handle_t)event->words[7], 0) == OK) {
    }
    system_call(event);
}

static void signal_and_die(const struct event *event) {
    notification_signal(event->handles[0].handle, event->words[0]);
    if (event->words[1] != 0 && event->attempt <= event->words[1]) {
        __builtin_trap();
    }
    reply_status(event->token, OK);
}

static void state(const struct event *event) {
    probe.state.incarnation = actor_incarnation();
    probe.state.attempt = event->attempt;
    reply(event->token, OK, &probe.state, sizeof probe.state);
}

static void fault_answer(const struct event *event) {
    reply(probe.fault_token, (status_t)event->words[0], &event->words[1], 16);
    probe.fault_token = TOKEN_NONE;
    reply_status(event->token, OK);
}

/* As a pager: page n holds n + 100 in its first word. */
static void supply_page(const struct event *event) {
    uint64_t content = event->words[1] / PAGE_SIZE + 100;
    handle_t page;
    probe.state.pages++;
    event_keep(event); /* answered by memory_supply */
    if (memory_create(startup_handle("account"), PAGE_SIZE, &page) != OK) {
        return;
    }
    if (memory_write(page, 0, &content, sizeof content) != OK ||
        memory_supply(event->token, page, PAGE_SIZE) != E_RANGE ||
        memory_supply(event->token, page, 0) != OK ||
        memory_supply(event->token, page, 0) != E_STALE) {
        probe.state.pages += 1000; /* the test sees it */
    }
    handle_close(page);
}

/* ---- Events ------------------------------------------------------------------------------- */

static void call_event(struct event *event) {
    switch (event->label) {
    case FAULT_LABEL_FAULT:
    case FAULT_LABEL_EXIT:
        event_data(event, &probe.fault, sizeof probe.fault);
        probe.fault_token = event->token;
        event_keep(event);
        probe.state.faults++;
        break;
    case FAULT_LABEL_PAGE:
        supply_page(event);
        break;
    case PROBE_ECHO:
        echo(event);
        break;
    case PROBE_ADD:
        probe.state.counter += event->words[0];
        answer_word(event, probe.state.counter);
        break;
    case PROBE_CRASH:
        crash(event);
        break;
    case PROBE_LEASE:
        lease(event);
        break;
    case PROBE_PARK:
        park(event);
        break;
    case PROBE_UNPARK:
        unpark(event);
        break;
    case PROBE_SYSCALL:
        system_call(event);
        break;
    case PROBE_FULL:
        full_system_call(event);
        break;
    case PROBE_MINT:
        mint(event);
        break;
    case PROBE_BADGE_OF:
        answer_word(event, event->badge);
        break;
    case PROBE_TOKEN:
        answer_word(event, event->token);
        break;
    case PROBE_RIGHTS:
        answer_word(event, event->handle_count == 0 ? 0 : event->handles[0].rights);
        break;
    case PROBE_STATE:
        state(event);
        break;
    case PROBE_FORWARD:
        forward(event);
        break;
    case PROBE_SIGNAL:
        signal_and_die(event);
        break;
    case PROBE_SPIN:
        for (;;) {
            __asm__ volatile("pause");
        }
    case PROBE_TOUCH:
        touch(event);
        break;
    case PROBE_TABLE:
        check_table(event);
        break;
    case PROBE_CANCEL:
        probe.cancel_answer = event->words[0];
        reply_status(event->token, OK);
        break;
    case PROBE_FAULT:
        reply(event->token, (status_t)probe.state.faults, &probe.fault, sizeof probe.fault);
        break;
    case PROBE_FAULT_ANSWER:
        fault_answer(event);
        break;
    default:
        reply_status(event->token, E_UNSUPPORTED);
        break;
    }
}

static void reply_event(struct event *event) {
    uint64_t i = event->cookie;
    reply(probe.forwarded[i], event_status(event), event->words, event->word_count * 8);
    handle_close(probe.sessions[i]);
    probe.forwarded[i] = TOKEN_NONE;
}

static void cancel_event(struct event *event) {
    probe.state.cancels++;
    for (int i = 0; i < PARKED_MAX; i++) {
        if (probe.parked[i] == event->token) {
            probe.parked[i] = TOKEN_NONE;
            probe.state.parked--;
        }
    }
    if (probe.cancel_answer != 0) {
        reply(event->token, OK, &probe.cancel_answer, 8);
    } else {
        reply_status(event->token, E_CANCELLED);
    }
}

static void closed_event(struct event *event) {
    probe.state.closed++;
    probe.state.closed_badge = event->badge;
}

static void notify_event(struct event *event) {
    probe.state.notified |= event->bits;
}

/* ---- Plain roles -------------------------------------------------------------------------- */

static uint64_t seed;

static uint64_t random(void) {
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1d;
}

static uint8_t target[2 * PAGE_SIZE];

/* A number that a careless or hostile program might pass. */
static uint64_t garbage(void) {
    static const uint64_t numbers[] = {
        0,
        1,
        2,
        3,
        7,
        8,
        64,
        4095,
        4096,
        65536,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0x7fffffffffff,
        0x800000000000,
        0xffff800000000000,
        0xffffffff80000000,
        UINT64_MAX,
        UINT64_MAX - 4095,
        ARENA_VA,
        STACK_TOP_VA - 64,
        MESSAGE_BUFFER_VA,
        CLOCK_PAGE_VA,
        STARTUP_VA,
        IMAGE_VA,
    };
    uint64_t choice = random();
    switch (choice % 5) {
    case 0:
        return numbers[choice / 5 % (sizeof numbers / sizeof numbers[0])];
    case 1:
        return startup_block()->handles[choice / 5 % startup_block()->handle_count].handle;
    case 2:
        return (uintptr_t)target + choice / 5 % sizeof target;
    case 3:
        return choice / 5 % 70;
    default:
        return random();
    }
}

/* Calls that end or block the caller for good are not made. */
static bool call_allowed(uint32_t op) {
    switch (op) {
    case SYS_TASK_EXIT:
    case SYS_THREAD_EXIT:
    case SYS_CALL:
    case SYS_COMMIT_RECEIVE:
    case SYS_NOTIFICATION_WAIT:
    case SYS_THREAD_SLEEP:
    case SYS_FUTEX_WAIT:
    case SYS_LOG_WRITE:
    case SYS_UPCALL_RETURN:
    case SYS_THREAD_CREATE:
    case SYS_THREAD_SET_FOREIGN:
        return false;
    default:
        return true;
    }
}

static int fuzz(uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t op = (uint32_t)(random() % (SYS_COUNT + 2));
        if (call_allowed(op)) {
            syscall_6(op, garbage(), garbage(), garbage(), garbage(), garbage(), garbage());
        }
    }
    return 0;
}

static uint64_t argument_number(int index) {
    const char *text = startup_argv(index);
    uint64_t value = 0;
    if (text != NULL) {
        parse_u64(text, strlen(text), &value);
    }
    return value;
}

/* An address of which the compiler knows nothing. */
static volatile uint64_t *pointer(uint64_t address) {
    __asm__("" : "+r"(address));
    return (volatile uint64_t *)address;
}

/* Faults on purpose; what happens is the test's business. */
static int misbehave(uint64_t how) {
    switch (how) {
    case 0:
        *pointer(0x10) = 1;
        break;
    case 1: /* a kernel address */
        return (int)*pointer(0xffffffff80000000);
    case 2: /* text is not writable */
        *pointer((uintptr_t)call_event) = 0x90;
        break;
    case 3: /* data is not executable */
        target[0] = 0xc3;
        ((void (*)(void))(uintptr_t)target)();
        break;
    case 4:
        __asm__ volatile("hlt");
        break;
    case 5:
        __asm__ volatile("int $0x80");
        break;
    case 6: /* a system call that is not native */
        __asm__ volatile("syscall" : : "a"(39) : "rcx", "r11", "memory");
        break;
    case 7:
        __asm__ volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" : : "a"(1), "d"(0) : "ecx");
        break;
    case 8:
        __asm__ volatile("mov %%cr0, %%rax" : : : "rax");
        break;
    case 9: /* non-canonical */
        return (int)*pointer(0x8000000000000000);
    case 10: /* the guard below the stack */
        *pointer(STACK_TOP_VA - STACK_SIZE - 8) = 1;
        break;
    case 11:
        __asm__ volatile("int3");
        break;
    case 12: /* port of the keyboard controller */
        __asm__ volatile("inb $0x60, %%al" : : : "rax");
        break;
    case 13:
        __asm__ volatile("cli");
        break;
    default:
        __asm__ volatile("ud2");
        break;
    }
    return 99;
}

int main(void) {
    static const struct actor actor = {
        .call = call_event,
        .reply = reply_event,
        .cancel = cancel_event,
        .closed = closed_event,
        .notify = notify_event,
    };
    const char *role = startup_argc() > 0 ? startup_argv(0) : "";
    seed = argument_number(1) + 0x9e3779b97f4a7c15;
    if (strcmp(role, "fuzz") == 0) {
        return fuzz(argument_number(2));
    }
    if (strcmp(role, "misbehave") == 0) {
        return misbehave(argument_number(1));
    }
    if (strcmp(role, "exit") == 0) {
        return (int)argument_number(1);
    }
    if (strcmp(role, "sleep") == 0) {
        thread_sleep(NS_PER_S * argument_number(1));
        return 0;
    }
    int code = hostile(role, argument_number(1));
    if (code != HOSTILE_UNKNOWN) {
        return code;
    }
    actor_trust_refusals(); /* nobody supervises it */
    actor_run(&actor);
}
