/* SPDX-License-Identifier: MIT */
/* Calls: from structures to registers and message buffer, and back. */
#include <ipc/message.h>

#include <common/string.h>

#include <ipc/actor.h>
#include <ipc/handle.h>
#include <ipc/thread.h>

#include "program.h"

enum { REGISTER_BYTES = MESSAGE_REGISTER_WORDS * 8 };

struct message_buffer *message_buffer(void) {
    uint64_t stack;
    __asm__("mov %%rsp, %0" : "=r"(stack));
    if (stack - THREAD_STACKS_VA < THREAD_STACKS_MAX * THREAD_STACK_SIZE) {
        uint64_t top = (stack & ~(THREAD_STACK_SIZE - 1)) + THREAD_STACK_SIZE;
        return (struct message_buffer *)(top - THREAD_TOP_SIZE);
    }
    return (struct message_buffer *)MESSAGE_BUFFER_VA;
}

uint32_t message_trim(const void *data, size_t size) {
    size_t count = (size + 7) / 8;
    while (count > 0 && load_word(data, size, (count - 1) * 8) == 0) {
        count--;
    }
    return (uint32_t)count;
}

void message_load(struct message_registers *registers, const void *data, size_t size,
                  uint32_t count) {
    for (uint32_t i = 0; i < MESSAGE_REGISTER_WORDS; i++) {
        registers->words[i] = i < count ? load_word(data, size, (size_t)i * 8) : 0;
    }
    if (count > MESSAGE_REGISTER_WORDS) {
        uint64_t *words = message_buffer()->words;
        words[count - 1] = 0;
        memcpy(words + MESSAGE_REGISTER_WORDS, (const char *)data + REGISTER_BYTES,
               (size < (size_t)count * 8 ? size : (size_t)count * 8) - REGISTER_BYTES);
    }
}

/* Fills registers and message buffer; E_INVALID for counts that no message can have. */
static status_t load_message(struct message_registers *registers, handle_t session, uint32_t label,
                             const struct message *message) {
    if (message->size > MESSAGE_WORDS * 8 || message->lease_count > MESSAGE_LEASES ||
        message->handle_count > MESSAGE_HANDLES) {
        return E_INVALID;
    }
    uint32_t count = message_trim(message->data, message->size);
    registers->rdi = session;
    registers->tag = TAG(label, count, message->lease_count, message->handle_count);
    registers->tag |= message_sum(registers->tag, message->data, message->size) << TAG_SUM_SHIFT;
    message_load(registers, message->data, message->size, count);
    if (message->lease_count != 0) {
        memcpy(message_buffer()->leases, message->leases,
               message->lease_count * sizeof(struct lease));
    }
    if (message->handle_count != 0) {
        memcpy(message_buffer()->handles, message->handles,
               message->handle_count * sizeof(struct handle_slot));
    }
    return OK;
}

static void store_words(const struct message_registers *registers, void *data, size_t size) {
    uint32_t count = TAG_WORDS(registers->tag);
    size_t sent = (size_t)count * 8;
    size_t taken = sent < size ? sent : size;
    size_t first = taken < REGISTER_BYTES ? taken : REGISTER_BYTES;
    memcpy(data, registers->words, first);
    if (taken > REGISTER_BYTES) {
        memcpy((char *)data + REGISTER_BYTES, message_buffer()->words + MESSAGE_REGISTER_WORDS,
               taken - REGISTER_BYTES);
    }
    if (taken < size) {
        memset((char *)data + taken, 0, size - taken);
    }
}

static void store_answer(const struct message_registers *registers, struct answer *answer) {
    uint32_t handles = TAG_HANDLES(registers->tag);
    const struct handle_slot *slots = message_buffer()->handles;
    if (answer == NULL) {
        for (uint32_t i = 0; i < handles; i++) {
            handle_close(slots[i].handle);
        }
        return;
    }
    answer->word_count = TAG_WORDS(registers->tag);
    answer->handle_count = handles;
    for (uint32_t i = 0; i < handles; i++) {
        answer->handles[i] = slots[i];
    }
    if (answer->data != NULL) {
        store_words(registers, answer->data, answer->size);
    }
}

status_t call(handle_t session, uint32_t label, const struct message *message,
              struct answer *answer) {
    struct message_registers registers = {0};
    status_t status = load_message(&registers, session, label, message);
    if (status != OK) {
        return status;
    }
    if (message->deadline != 0) {
        registers.tag |= TAG_TIMEOUT;
        message_buffer()->deadline = message->deadline;
    }
    syscall_message(SYS_CALL, &registers);
    if (registers.rax < 0) {
        return (status_t)registers.rax;
    }
    bool whole = message_whole(&registers);
    store_answer(&registers, whole ? answer : NULL);
    return whole ? (status_t)TAG_LABEL(registers.tag) : E_CHECKSUM;
}

status_t call_handle(handle_t session, uint32_t label, const struct message *message,
                     struct answer *answer, handle_t *handle) {
    status_t status = call(session, label, message, answer);
    if (status < 0) {
        return status;
    }
    if (answer->handle_count != 1 || answer->handles[0].handle == HANDLE_NONE) {
        return E_PROTOCOL;
    }
    *handle = answer->handles[0].handle;
    return OK;
}

status_t call_words(handle_t session, uint32_t label, const void *data, size_t size, void *result,
                    size_t result_size) {
    struct message message = {.data = data, .size = size};
    struct answer answer = {.data = result, .size = result_size};
    status_t status = call(session, label, &message, &answer);
    for (uint32_t i = 0; i < answer.handle_count; i++) {
        handle_close(answer.handles[i].handle);
    }
    return status;
}

status_t call_stage_message(handle_t session, uint32_t label, const struct message *message,
                            uint64_t cookie, token_t *token) {
    struct message_registers registers = {0};
    status_t status = load_message(&registers, session, label, message);
    if (status != OK) {
        return status;
    }
    registers.r14 = cookie;
    if (!message_whole(&registers)) {
        actor_abort("a call has changed");
    }
    syscall_message(SYS_CALL_STAGE, &registers);
    if (registers.rax < 0) {
        return (status_t)registers.rax;
    }
    if (token != NULL) {
        *token = registers.r14;
    }
    return OK;
}

status_t call_stage(handle_t session, uint32_t label, const void *data, size_t size,
                    uint64_t cookie) {
    struct message message = {.data = data, .size = size};
    return call_stage_message(session, label, &message, cookie, NULL);
}

status_t call_cancel(token_t token) {
    return (status_t)syscall_2(SYS_CALL_CANCEL, token, 0);
}
