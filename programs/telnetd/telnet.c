/* SPDX-License-Identifier: MIT */
#include "telnet.h"

#include <common/string.h>

enum {
    SE = 240,
    BREAK = 243,
    INTERRUPT = 244,
    ARE_YOU_THERE = 246,
    ERASE_CHARACTER = 247,
    ERASE_LINE = 248,
    SB = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255,
};

enum { OPTION_ECHO = 1, OPTION_GO_AHEAD = 3, OPTION_SIZE = 31 };

/* What each side may do; the index is that of `ours` and `theirs`. */
static const struct {
    uint8_t option;
    bool ours, theirs;
} options[TELNET_OPTIONS] = {
    {OPTION_ECHO, true, false}, {OPTION_GO_AHEAD, true, true}, {OPTION_SIZE, false, true}};

/* One side of an option (RFC 1143, without the wish to end one). */
enum { OFF, ASKED, ON };

enum { TEXT, RETURN, COMMAND, OPTION, SUB, SUB_COMMAND };

static void answer(struct telnet *telnet, const uint8_t *bytes, uint32_t length) {
    if (length <= TELNET_REPLY - telnet->reply_length) {
        memcpy(telnet->reply + telnet->reply_length, bytes, length);
        telnet->reply_length += length;
    }
}

static void say(struct telnet *telnet, uint8_t verb, uint8_t option) {
    answer(telnet, (const uint8_t[]){IAC, verb, option}, 3);
}

void telnet_open(struct telnet *telnet) {
    *telnet = (struct telnet){.echo = true};
    for (uint32_t i = 0; i < TELNET_OPTIONS; i++) {
        if (options[i].ours) {
            telnet->ours[i] = ASKED;
            say(telnet, WILL, options[i].option);
        }
        if (options[i].theirs) {
            telnet->theirs[i] = ASKED;
            say(telnet, DO, options[i].option);
        }
    }
}

bool telnet_ready(const struct telnet *telnet) {
    return TELNET_REPLY - telnet->reply_length >= TELNET_STEP;
}

/* ---- Input -------------------------------------------------------------------------------- */

/* The client wants one side of an option on or off; it gets an answer when that is news. */
static void change(struct telnet *telnet, uint8_t *side, bool on, uint8_t agree, uint8_t refuse,
                   uint8_t option) {
    if (on) {
        if (*side == OFF) {
            say(telnet, agree, option);
        }
        *side = ON;
    } else {
        if (*side == ON) {
            say(telnet, refuse, option);
        }
        *side = OFF;
    }
}

static void negotiate(struct telnet *telnet, uint8_t option) {
    bool about_us = telnet->verb == DO || telnet->verb == DONT;
    bool on = telnet->verb == DO || telnet->verb == WILL;
    uint8_t agree = about_us ? WILL : DO, refuse = about_us ? WONT : DONT;
    for (uint32_t i = 0; i < TELNET_OPTIONS; i++) {
        if (options[i].option == option && (about_us ? options[i].ours : options[i].theirs)) {
            change(telnet, about_us ? &telnet->ours[i] : &telnet->theirs[i], on, agree, refuse,
                   option);
            telnet->echo = option == OPTION_ECHO ? on : telnet->echo;
            return;
        }
    }
    if (on) {
        say(telnet, refuse, option);
    }
}

static void end_sub(struct telnet *telnet) {
    const uint8_t *sub = telnet->sub;
    if (telnet->sub_length == 5 && sub[0] == OPTION_SIZE) {
        telnet->columns = (uint16_t)(sub[1] << 8 | sub[2]);
        telnet->rows = (uint16_t)(sub[3] << 8 | sub[4]);
        telnet->resized = true;
    }
}

static void add_sub(struct telnet *telnet, uint8_t byte) {
    if (telnet->sub_length < sizeof telnet->sub) {
        telnet->sub[telnet->sub_length++] = byte;
    }
}

/* The byte behind IAC. */
static bool command(struct telnet *telnet, uint8_t byte, uint8_t *typed) {
    static const uint8_t here[] = "\r\n[Yes]\r\n";
    telnet->state = TEXT;
    switch (byte) {
    case IAC:
        *typed = IAC;
        return true;
    case WILL:
    case WONT:
    case DO:
    case DONT:
        telnet->verb = byte;
        telnet->state = OPTION;
        return false;
    case SB:
        telnet->sub_length = 0;
        telnet->state = SUB;
        return false;
    case INTERRUPT:
    case BREAK:
        *typed = 3; /* Ctrl-C */
        return true;
    case ERASE_CHARACTER:
        *typed = 0x7f;
        return true;
    case ERASE_LINE:
        *typed = 0x15; /* Ctrl-U */
        return true;
    case ARE_YOU_THERE:
        answer(telnet, here, sizeof here - 1);
        return false;
    default:
        return false;
    }
}

static bool text(struct telnet *telnet, uint8_t byte, uint8_t *typed) {
    bool second = telnet->state == RETURN && (byte == '\n' || byte == 0);
    telnet->state = byte == IAC ? COMMAND : byte == '\r' ? RETURN : TEXT;
    *typed = byte;
    return byte != IAC && !second;
}

bool telnet_input(struct telnet *telnet, uint8_t byte, uint8_t *typed) {
    switch (telnet->state) {
    case COMMAND:
        return command(telnet, byte, typed);
    case OPTION:
        telnet->state = TEXT;
        negotiate(telnet, byte);
        return false;
    case SUB:
        if (byte == IAC) {
            telnet->state = SUB_COMMAND;
        } else {
            add_sub(telnet, byte);
        }
        return false;
    case SUB_COMMAND:
        telnet->state = byte == SE ? TEXT : SUB;
        if (byte == SE) {
            end_sub(telnet);
        } else if (byte == IAC) {
            add_sub(telnet, byte);
        }
        return false;
    default:
        return text(telnet, byte, typed);
    }
}

/* ---- Output ------------------------------------------------------------------------------- */

/* CR is followed by LF or NUL, and the byte 255 is doubled. */
size_t telnet_output(struct telnet *telnet, struct byte_queue *queue, uint8_t *to, size_t size) {
    size_t length = 0;
    uint8_t byte;
    if (telnet->reply_length <= size) {
        memcpy(to, telnet->reply, telnet->reply_length);
        length = telnet->reply_length;
        telnet->reply_length = 0;
    }
    while (size - length >= 3 && byte_queue_pop(queue, &byte)) {
        if (telnet->after_return && byte != '\n') {
            to[length++] = 0;
        }
        if (byte == IAC) {
            to[length++] = IAC;
        }
        to[length++] = byte;
        telnet->after_return = byte == '\r';
    }
    return length;
}
