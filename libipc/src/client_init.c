/* SPDX-License-Identifier: MIT */
/* Stubs of init's control protocol. */
#include <client/init.h>

#include <common/string.h>

#include <ipc/handle.h>

status_t init_info(handle_t init, uint64_t index, struct init_info_reply *information) {
    struct init_info_request request = {.index = index};
    status_t status =
        call_words(init, INIT_INFO, &request, sizeof request, information, sizeof *information);
    if (status >= 0) {
        information->name[sizeof information->name - 1] = '\0';
        information->program[sizeof information->program - 1] = '\0';
        information->reason[sizeof information->reason - 1] = '\0';
    }
    return status;
}

static status_t name_call(handle_t init, uint32_t operation, const char *name) {
    struct init_name_request request = {0};
    if (strlcpy(request.name, name, sizeof request.name) >= sizeof request.name) {
        return E_NOT_FOUND;
    }
    return call_words(init, operation, &request, sizeof request, NULL, 0);
}

status_t init_kill(handle_t init, const char *name) {
    return name_call(init, INIT_KILL, name);
}

status_t init_restart(handle_t init, const char *name) {
    return name_call(init, INIT_RESTART, name);
}

static status_t program_call(handle_t init, uint32_t operation, const char *name, handle_t program,
                             uint64_t length, struct init_program_reply *reply) {
    struct init_program_request request = {.length = length};
    struct handle_slot slot = {program, RIGHT_READ | RIGHT_COPY};
    struct message message = {
        .data = &request, .size = sizeof request, .handles = &slot, .handle_count = 1};
    struct answer answer = {.data = reply, .size = sizeof *reply};
    memset(reply, 0, sizeof *reply);
    if (strlcpy(request.name, name, sizeof request.name) >= sizeof request.name) {
        return E_NOT_FOUND;
    }
    status_t status = call(init, operation, &message, &answer);
    reply->reason[sizeof reply->reason - 1] = '\0';
    return status;
}

status_t init_swap(handle_t init, const char *name, handle_t program, uint64_t length,
                   struct init_program_reply *answer) {
    return program_call(init, INIT_SWAP, name, program, length, answer);
}

status_t init_upgrade(handle_t init, const char *name, handle_t program, uint64_t length,
                      struct init_program_reply *answer) {
    return program_call(init, INIT_UPGRADE, name, program, length, answer);
}

status_t init_power(handle_t init, uint64_t action) {
    struct init_power_request request = {.action = action};
    return call_words(init, INIT_POWER, &request, sizeof request, NULL, 0);
}
