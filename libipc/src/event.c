/* SPDX-License-Identifier: MIT */
/*
 * Receiving and answering. The first short answer of a turn waits here, outside the arena, for the
 * commit that ends the turn and carries it in its registers.
 */
#include <ipc/event.h>

#include <common/string.h>

#include <ipc/actor.h>
#include <ipc/handle.h>
#include <ipc/log.h>
#include <ipc/object.h>
#include <ipc/status.h>
#include <ipc/time.h>

#include "program.h"

static struct {
    token_t token; /* TOKEN_NONE: nothing waits */
    uint64_t tag;
    uint64_t words[MESSAGE_REGISTER_WORDS];
} pending;

static uint64_t named; /* by actor_changed in this turn */

#define BELIEF_NS (60 * NS_PER_S) /* for the account whose caller was wrong */
#define PAUSE_NS (5 * NS_PER_S)   /* for all */

/* The call of this turn while it is neither answered nor kept; TOKEN_NONE: there is none. */
static struct {
    token_t token;
    const struct event *event;
} asked;

static bool trusted; /* by actor_trust_refusals */

/* The last refusal that was right at the second look. */
ARENA static struct {
    uint64_t time_ns; /* 0: there was none */
    uint32_t account;
} wrong;

/* Whether a client that does nothing wrong never gets this status. */
static bool status_blames(status_t status) {
    static const uint64_t blames = 1ull << -E_INVALID | 1ull << -E_HANDLE | 1ull << -E_RIGHTS |
                                   1ull << -E_FAULT | 1ull << -E_NOT_STAGED | 1ull << -E_STALE |
                                   1ull << -E_RANGE | 1ull << -E_NO_SYSCALL | 1ull << -E_STATE |
                                   1ull << -E_FORMAT | 1ull << -E_UNSUPPORTED |
                                   1ull << -E_CHECKSUM | 1ull << -E_RESET;
    return status == E_MESSAGE_SIZE || status == E_PROTOCOL || status == E_NOT_CONNECTED ||
           status == E_IS_CONNECTED || (status < 0 && status > -64 && (blames >> -status & 1) != 0);
}

/*
 * The message of this turn is refused in a way that lays the blame on its sender. That may be this
 * program's own fault: it ends, and the next incarnation, with text and state as they should be,
 * looks at the message again. What it says then is believed, and for a while nothing is doubted:
 * one caller that is wrong costs a restart a minute at most, all together one in five seconds.
 */
static void doubt(const struct event *event, status_t status) {
    if (trusted) {
        return;
    }
    bool call = event->kind == EVENT_CALL;
    bool again = call ? event->attempt != 0 : program.turn == 1; /* answers are not counted */
    uint64_t now = time_now_ns();
    uint64_t quiet = call && event->account == wrong.account ? BELIEF_NS : PAUSE_NS;
    if (again) {
        wrong.time_ns = now;
        wrong.account = call ? event->account : 0;
    } else if (wrong.time_ns == 0 || now - wrong.time_ns >= quiet) {
        log_line("%s %u refused, %s: once more", call ? "call" : "answer", event->label,
                 status_text(status));
        task_exit(EXIT_SECOND_LOOK);
    }
}

/* The call of this turn is answered. */
static void answered(token_t token, status_t status) {
    if (token != asked.token) {
        return;
    }
    asked.token = TOKEN_NONE;
    if (status_blames(status)) {
        doubt(asked.event, status);
    }
}

void actor_trust_refusals(void) {
    trusted = true;
}

void event_keep(const struct event *event) {
    if (event->token == asked.token) {
        asked.token = TOKEN_NONE;
    }
}

void actor_changed(const void *start, size_t length) {
    uint64_t from = ((uintptr_t)start - ARENA_VA) & ~7ull;
    uint64_t end = ((uintptr_t)start - ARENA_VA + length + 7) & ~7ull;
    if (named != 0) {
        uint64_t old = ARENA_RANGE_OFFSET(named), old_end = old + ARENA_RANGE_LENGTH(named);
        if (old / PAGE_SIZE != from / PAGE_SIZE) {
            return; /* the kernel copies this page whole */
        }
        from = old < from ? old : from;
        end = old_end > end ? old_end : end;
    }
    named = end - from <= PAGE_SIZE ? ARENA_RANGE(from, end - from) : 0;
}

static void take_message(struct event *event, uint64_t tag) {
    event->label = TAG_LABEL(tag);
    event->sum = TAG_SUM(tag);
    event->word_count = TAG_WORDS(tag);
    event->lease_count = TAG_LEASES(tag);
    event->handle_count = TAG_HANDLES(tag);
    if (event->word_count <= MESSAGE_REGISTER_WORDS &&
        (event->lease_count | event->handle_count) == 0) {
        return;
    }
    const struct message_buffer *buffer = (const struct message_buffer *)MESSAGE_BUFFER_VA;
    if (event->word_count > MESSAGE_REGISTER_WORDS) {
        memcpy(event->words + MESSAGE_REGISTER_WORDS, buffer->words + MESSAGE_REGISTER_WORDS,
               (event->word_count - MESSAGE_REGISTER_WORDS) * 8);
    }
    memcpy(event->leases, buffer->leases, event->lease_count * sizeof(struct lease));
    memcpy(event->handles, buffer->handles, event->handle_count * sizeof(struct handle_slot));
}

/* Whether `size` bytes of data are what the sender of the event has sent. */
static bool is_sent(const struct event *event, const void *data, size_t size) {
    uint64_t tag = TAG(event->label, event->word_count, event->lease_count, event->handle_count);
    return event->sum == 0 || event->sum == message_sum(tag, data, size);
}

/* Whether leases and handles are those that came. */
static bool has_all(const struct event *event, const struct message_buffer *buffer) {
    return (event->lease_count | event->handle_count) == 0 ||
           (memcmp(event->leases, buffer->leases, event->lease_count * sizeof(struct lease)) == 0 &&
            memcmp(event->handles, buffer->handles,
                   event->handle_count * sizeof(struct handle_slot)) == 0);
}

/* Whether the event is what came: without a sum its words, too. The compiler does not know that it
 * is. */
static bool is_whole(const struct event *event, const struct message_registers *registers) {
    const struct message_buffer *buffer = (const struct message_buffer *)MESSAGE_BUFFER_VA;
    __asm__ volatile("" ::: "memory");
    uint64_t tag = TAG(event->label, event->word_count, event->lease_count, event->handle_count) |
                   (uint64_t)event->sum << TAG_SUM_SHIFT;
    uint64_t difference =
        (event->kind ^ (uint64_t)registers->rax) | (event->badge ^ registers->rdi) |
        (event->cookie ^ registers->rdi) | (event->token ^ registers->r14) |
        (event->attempt ^ ORIGIN_ATTEMPT(registers->r15)) |
        (event->account ^ ORIGIN_ACCOUNT(registers->r15)) |
        (tag ^ (event->kind == EVENT_CALL || event->kind == EVENT_REPLY ? registers->tag : 0));
    if (event->sum != 0) {
        return difference == 0 && has_all(event, buffer);
    }
    for (int i = 0; i < MESSAGE_REGISTER_WORDS; i++) {
        difference |= event->words[i] ^ registers->words[i];
    }
    if (event->word_count > MESSAGE_REGISTER_WORDS) {
        size_t rest = (event->word_count - MESSAGE_REGISTER_WORDS) * sizeof event->words[0];
        difference |= (uint64_t)memcmp(event->words + MESSAGE_REGISTER_WORDS,
                                       buffer->words + MESSAGE_REGISTER_WORDS, rest);
    }
    return difference == 0 && has_all(event, buffer);
}

static void take_event(struct event *event, const struct message_registers *registers) {
    event->kind = (uint32_t)registers->rax;
    event->badge = registers->rdi;
    event->cookie = registers->rdi;
    event->token = registers->r14;
    event->attempt = ORIGIN_ATTEMPT(registers->r15);
    event->account = ORIGIN_ACCOUNT(registers->r15);
    event->answer_handle_count = 0;
    event->answer_size = 0;
    for (int i = 0; i < MESSAGE_REGISTER_WORDS; i++) {
        event->words[i] = registers->words[i];
    }
    if (event->kind == EVENT_CALL || event->kind == EVENT_REPLY) {
        take_message(event, registers->tag);
    } else {
        event->label = event->sum = 0;
        event->word_count = event->lease_count = event->handle_count = 0;
    }
    if (!is_whole(event, registers)) {
        actor_abort("an event was not received whole");
    }
}

/* A message is not what was sent. Looked at again, a call is answered so, and another event is
 * wanted; an answer becomes that error. */
static bool is_usable(struct event *event) {
    if (is_sent(event, event->words, (size_t)event->word_count * 8)) {
        return true;
    }
    doubt(event, E_CHECKSUM);
    event_finish(event);
    if (event->kind == EVENT_CALL) {
        reply_status(event->token, E_CHECKSUM);
        return false;
    }
    event->label = (uint32_t)E_CHECKSUM;
    event->sum = event->word_count = event->lease_count = 0;
    return true;
}

static void commit_receive(struct event *event, uint32_t mask) {
    struct message_registers registers = {.rdi = pending.token, .tag = pending.tag, .r14 = mask};
    if (named != 0) {
        registers.r14 |= RECEIVE_NAMED;
        registers.r15 = named;
        named = 0;
    }
    for (int i = 0; i < MESSAGE_REGISTER_WORDS; i++) {
        registers.words[i] = pending.words[i];
    }
    __asm__ volatile("" : "+m"(registers)); /* the compiler does not know what is in there */
    if (registers.rdi != pending.token ||
        (pending.token != TOKEN_NONE && !message_whole(&registers))) {
        actor_abort("an answer has changed");
    }
    pending.token = TOKEN_NONE;
    syscall_message(SYS_COMMIT_RECEIVE, &registers);
    if (registers.rax < 0) {
        actor_abort("commit_receive failed");
    }
    program.turn++;
    take_event(event, &registers);
}

void event_receive(struct event *event, uint32_t mask) {
    do {
        commit_receive(event, mask);
    } while (!is_usable(event));
    asked.token = event->kind == EVENT_CALL ? event->token : TOKEN_NONE;
    asked.event = event;
}

/* The tag of an answer, with its sum. */
static uint64_t answer_tag(status_t status, const void *data, size_t size, uint32_t handles) {
    uint64_t tag = TAG(status, message_trim(data, size), 0, handles);
    return tag | message_sum(tag, data, size) << TAG_SUM_SHIFT;
}

status_t reply_handles(token_t token, status_t status, const void *data, size_t size,
                       const struct handle_slot *handles, uint32_t count) {
    if (size > MESSAGE_WORDS * 8 || count > MESSAGE_HANDLES) {
        return E_INVALID;
    }
    answered(token, status);
    struct message_registers registers = {.rdi = token,
                                          .tag = answer_tag(status, data, size, count)};
    message_load(&registers, data, size, TAG_WORDS(registers.tag));
    if (!message_whole(&registers)) {
        actor_abort("an answer has changed");
    }
    if (count != 0) {
        memcpy(message_buffer()->handles, handles, count * sizeof(struct handle_slot));
    }
    syscall_message(SYS_REPLY, &registers);
    return registers.rax == E_STALE ? OK : (status_t)registers.rax;
}

void reply(token_t token, status_t status, const void *data, size_t size) {
    if (token == TOKEN_NONE) {
        return;
    }
    if (message_trim(data, size) > MESSAGE_REGISTER_WORDS || pending.token != TOKEN_NONE) {
        if (reply_handles(token, status, data, size, NULL, 0) != OK) {
            actor_abort("reply failed");
        }
        return;
    }
    answered(token, status);
    struct message_registers registers;
    pending.token = token;
    pending.tag = answer_tag(status, data, size, 0);
    message_load(&registers, data, size, TAG_WORDS(pending.tag));
    for (int i = 0; i < MESSAGE_REGISTER_WORDS; i++) {
        pending.words[i] = registers.words[i];
    }
    __asm__ volatile("" ::: "memory");
    if (pending.token != token) {
        actor_abort("an answer was not kept"); /* its caller would wait for ever */
    }
}

status_t event_data(const struct event *event, void *data, size_t size) {
    size_t sent = (size_t)event->word_count * 8;
    if (sent > size) {
        return E_MESSAGE_SIZE;
    }
    memcpy(data, event->words, sent);
    memset((char *)data + sent, 0, size - sent);
    if (!is_sent(event, data, size)) {
        actor_abort("an event's words were not copied whole");
    }
    return OK;
}

handle_t event_take_handle(struct event *event, uint32_t index) {
    if (index >= event->handle_count) {
        return HANDLE_NONE;
    }
    handle_t handle = event->handles[index].handle;
    event->handles[index].handle = HANDLE_NONE;
    return handle;
}

void event_finish(struct event *event) {
    if (asked.token != TOKEN_NONE) {
        actor_abort("a call was neither answered nor kept");
    }
    for (uint32_t i = 0; i < event->handle_count; i++) {
        handle_close(event->handles[i].handle);
    }
    event->handle_count = 0;
}

void event_answer_handle(struct event *event, handle_t handle, uint32_t rights) {
    if (event->answer_handle_count == MESSAGE_HANDLES) {
        actor_abort("too many handles in an answer");
    }
    event->answer_handles[event->answer_handle_count++] = (struct handle_slot){handle, rights};
}

uint64_t actor_turn(void) {
    return program.incarnation << 40 | program.turn;
}
