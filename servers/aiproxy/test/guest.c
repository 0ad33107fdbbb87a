/* SPDX-License-Identifier: MIT */
/*
 * The guest end without a machine: a program for tests/ai that runs the relay on commands from its
 * standard input, one turn each. A turn can be made to crash: all it did is undone, as a kernel
 * would.
 *
 * Command: operation (1), crash (1), spare (2), length (4), time in ns (8), bytes.
 * Answer: status (4), length (4), bytes. Numbers little-endian.
 */
#include "../relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
    uint8_t operation, crash;
    uint16_t spare;
    uint32_t length;
    uint64_t now;
};

struct answer {
    int32_t status;
    uint32_t length;
};

static struct relay relay, committed;
static uint8_t input[32768];
static uint8_t output[32768];

static void get(void *to, size_t size) {
    if (size > 0 && fread(to, size, 1, stdin) != 1) {
        exit(0);
    }
}

/* 'T': bytes from the wire come in, the first two of the command say how many may go out. */
static size_t turn(const struct command *command) {
    uint16_t room;
    memcpy(&room, input, sizeof room);
    link_receive(&relay.link, input + 2, command->length - 2, command->now);
    relay_run(&relay, command->now);
    return link_transmit(&relay.link, output, room, command->now);
}

/* 'A': account (4), prompt. Gives the badge. */
static status_t ask(const struct command *command, size_t *length) {
    uint32_t account, index;
    memcpy(&account, input, sizeof account);
    status_t status = relay_open(&relay, account, command->length - 4, command->now, &index);
    if (status == OK) {
        memcpy(relay.questions[index].buffer, input + 4, command->length - 4);
        relay_submit(&relay, index);
        memcpy(output, &relay.questions[index].badge, 8);
        *length = 8;
        relay_run(&relay, command->now);
    }
    return status;
}

/* 'R': badge (8), size (4). Gives text. 'X': badge. */
static status_t question(const struct command *command, size_t *length) {
    uint64_t badge;
    uint32_t size;
    memcpy(&badge, input, sizeof badge);
    uint32_t index = relay_find(&relay, badge);
    if (index == RELAY_NONE) {
        return E_STALE;
    }
    status_t status = OK;
    if (command->operation == 'X') {
        relay_close(&relay, index, command->now);
    } else {
        memcpy(&size, input + 8, sizeof size);
        status = relay_peek(&relay, index, output, size, length);
        if (status == OK) {
            relay_consume(&relay, index, *length);
        }
    }
    relay_run(&relay, command->now);
    return status;
}

static status_t run(const struct command *command, size_t *length) {
    uint32_t epoch;
    uint64_t deadline;
    struct ai_status status;
    switch (command->operation) {
    case 'I':
        memcpy(&epoch, input, sizeof epoch);
        relay_init(&relay, epoch, command->now);
        return OK;
    case 'T':
        *length = turn(command);
        return OK;
    case 'A':
        return ask(command, length);
    case 'R':
    case 'X':
        return question(command, length);
    case 'D':
        deadline = relay_deadline(&relay);
        memcpy(output, &deadline, *length = sizeof deadline);
        return link_has_output(&relay.link);
    case 'S':
        relay_status(&relay, &status);
        memcpy(output, &status, *length = sizeof status);
        return OK;
    default:
        return E_UNSUPPORTED;
    }
}

int main(void) {
    for (;;) {
        struct command command;
        get(&command, sizeof command);
        if (command.length > sizeof input) {
            return 1;
        }
        get(input, command.length);
        size_t length = 0;
        struct answer answer = {.status = run(&command, &length)};
        if (command.crash != 0) {
            relay = committed;
            length = 0;
        } else {
            committed = relay;
        }
        answer.length = (uint32_t)length;
        fwrite(&answer, sizeof answer, 1, stdout);
        fwrite(output, 1, length, stdout);
        fflush(stdout);
    }
}
