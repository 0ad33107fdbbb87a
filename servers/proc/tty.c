/* SPDX-License-Identifier: MIT
 * Line discipline: cooking, echo, reading.
 */
#include "tty.h"

#include <common/string.h>

enum { /* c_cc */
       VINTR,
       VQUIT,
       VERASE,
       VKILL,
       VEOF,
       VTIME,
       VMIN,
       VSWTC,
       VSTART,
       VSTOP,
       VSUSP,
       VEOL,
       VREPRINT,
       VDISCARD,
       VWERASE,
       VLNEXT,
       VEOL2,
};
#define INLCR 0100u
#define IGNCR 0200u
#define ICRNL 0400u
#define ISIG 01u
#define ICANON 02u
#define ECHO 010u
#define ECHOE 020u
#define ECHOK 040u
#define ECHONL 0100u
#define NOFLSH 0200u
#define ECHOCTL 01000u
#define IEXTEN 0100000u
#define DISABLED 0u

enum { SIGNAL_INT = 2, SIGNAL_QUIT = 3, SIGNAL_TSTP = 20 };

void tty_init(struct tty *tty) {
    static const uint8_t keys[19] = {3,  28, 127, 21, 4,  0,  1, 0, 17, 19,
                                     26, 0,  18,  15, 23, 22, 0, 0, 0};
    memset(tty, 0, sizeof *tty);
    tty->termios.iflag = ICRNL | 02000; /* IXON */
    tty->termios.oflag = 05;            /* OPOST, ONLCR */
    tty->termios.cflag = 0277;          /* B38400, CS8, CREAD */
    tty->termios.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | 04000 | IEXTEN;
    memcpy(tty->termios.cc, keys, sizeof keys);
    tty->rows = 25;
    tty->columns = 80;
}

static bool flag(const struct tty *tty, uint32_t bit) {
    return (tty->termios.lflag & bit) != 0;
}

static bool is_key(const struct tty *tty, uint8_t byte, int key) {
    return byte == tty->termios.cc[key] && byte != DISABLED;
}

/* ---- echo ---- */

static void echo_byte(struct tty *tty, uint8_t byte) {
    if (tty->echo_tail - tty->echo_head < TTY_ECHO) {
        tty->echo[tty->echo_tail++ % TTY_ECHO] = byte;
    }
}

static bool shown_as_control(const struct tty *tty, uint8_t byte) {
    return (byte < 32 || byte == 127) && byte != '\t' && byte != '\n' && flag(tty, ECHOCTL);
}

static void echo_char(struct tty *tty, uint8_t byte) {
    if (shown_as_control(tty, byte)) {
        echo_byte(tty, '^');
        echo_byte(tty, byte ^ 0x40);
    } else {
        echo_byte(tty, byte);
    }
}

size_t tty_echo(struct tty *tty, uint8_t *to, size_t size) {
    size_t length = 0;
    while (length < size && tty->echo_head != tty->echo_tail) {
        to[length++] = tty->echo[tty->echo_head++ % TTY_ECHO];
    }
    return length;
}

/* ---- input ring ---- */

static void mark(struct tty *tty, uint32_t at, bool on) {
    uint8_t *byte = &tty->marks[at % TTY_INPUT / 8];
    uint8_t bit = (uint8_t)(1u << at % 8);
    *byte = on ? *byte | bit : *byte & (uint8_t)~bit;
}

static bool marked(const struct tty *tty, uint32_t at) {
    return (tty->marks[at % TTY_INPUT / 8] >> at % 8 & 1) != 0;
}

/* An end of file is a marked position whose byte is 0. (A typed NUL is never marked.) */
static bool is_end(const struct tty *tty, uint32_t at) {
    return marked(tty, at) && tty->input[at % TTY_INPUT] == 0;
}

static bool put(struct tty *tty, uint8_t byte, bool ends) {
    if (tty->tail - tty->head >= TTY_INPUT - (ends ? 0 : 1)) {
        return false; /* one place is kept for the end of the line */
    }
    tty->input[tty->tail % TTY_INPUT] = byte;
    mark(tty, tty->tail, ends);
    tty->tail++;
    if (ends || !flag(tty, ICANON)) {
        tty->ready = tty->tail;
    }
    return true;
}

void tty_flush(struct tty *tty) {
    tty->head = tty->ready = tty->tail;
}

size_t tty_count(const struct tty *tty) {
    size_t count = 0;
    for (uint32_t at = tty->head; at != tty->ready; at++) {
        count += is_end(tty, at) ? 0 : 1;
    }
    return count;
}

/* ---- editing ---- */

static void erase_shown(struct tty *tty, uint8_t byte) {
    if (!flag(tty, ECHO) || (byte & 0xc0) == 0x80) {
        return; /* of a UTF-8 sequence only the first byte shows */
    }
    for (int i = shown_as_control(tty, byte) ? 2 : 1; i > 0; i--) {
        echo_byte(tty, '\b');
        echo_byte(tty, ' ');
        echo_byte(tty, '\b');
    }
}

static bool erase_one(struct tty *tty) {
    if (tty->tail == tty->ready) {
        return false;
    }
    uint8_t byte;
    do {
        byte = tty->input[--tty->tail % TTY_INPUT];
        erase_shown(tty, byte);
    } while ((byte & 0xc0) == 0x80 && tty->tail != tty->ready);
    return true;
}

static uint8_t last(const struct tty *tty) {
    return tty->tail == tty->ready ? 0 : tty->input[(tty->tail - 1) % TTY_INPUT];
}

static bool edit(struct tty *tty, uint8_t byte) {
    if (is_key(tty, byte, VERASE) || (byte == '\b' && tty->termios.cc[VERASE] == 127)) {
        erase_one(tty);
    } else if (is_key(tty, byte, VKILL)) {
        while (erase_one(tty)) {
        }
    } else if (is_key(tty, byte, VWERASE) && flag(tty, IEXTEN)) {
        while (last(tty) == ' ' && erase_one(tty)) {
        }
        while (last(tty) != ' ' && erase_one(tty)) {
        }
    } else {
        return false;
    }
    return true;
}

/* ---- a typed byte ---- */

static uint64_t signal_of(const struct tty *tty, uint8_t byte) {
    if (!flag(tty, ISIG)) {
        return 0;
    }
    int signal = is_key(tty, byte, VINTR)   ? SIGNAL_INT
                 : is_key(tty, byte, VQUIT) ? SIGNAL_QUIT
                 : is_key(tty, byte, VSUSP) ? SIGNAL_TSTP
                                            : 0;
    return signal == 0 ? 0 : 1ull << (signal - 1);
}

static void cooked(struct tty *tty, uint8_t byte) {
    if (edit(tty, byte)) {
        return;
    }
    if (is_key(tty, byte, VLNEXT) && flag(tty, IEXTEN)) {
        tty->literal = true;
        return;
    }
    if (is_key(tty, byte, VEOF)) {
        (void)put(tty, 0, true);
        return;
    }
    bool ends = byte == '\n' || is_key(tty, byte, VEOL) || is_key(tty, byte, VEOL2);
    if (put(tty, byte, ends) && (flag(tty, ECHO) || (byte == '\n' && flag(tty, ECHONL)))) {
        echo_char(tty, byte);
    }
}

static uint64_t input_byte(struct tty *tty, uint8_t byte) {
    if (tty->literal) {
        tty->literal = false;
        if (put(tty, byte, false) && flag(tty, ECHO)) {
            echo_char(tty, byte);
        }
        return 0;
    }
    uint32_t iflag = tty->termios.iflag;
    if (byte == '\r') {
        if ((iflag & IGNCR) != 0) {
            return 0;
        }
        byte = (iflag & ICRNL) != 0 ? '\n' : '\r';
    } else if (byte == '\n' && (iflag & INLCR) != 0) {
        byte = '\r';
    }
    uint64_t signal = signal_of(tty, byte);
    if (signal != 0) {
        if (!flag(tty, NOFLSH)) {
            tty_flush(tty);
        }
        if (flag(tty, ECHO)) {
            echo_char(tty, byte);
        }
    } else if (flag(tty, ICANON)) {
        cooked(tty, byte);
    } else if (put(tty, byte, false) && flag(tty, ECHO)) {
        echo_char(tty, byte);
    }
    return signal;
}

uint64_t tty_input(struct tty *tty, const uint8_t *bytes, size_t length) {
    uint64_t signals = 0;
    for (size_t i = 0; i < length; i++) {
        signals |= input_byte(tty, bytes[i]);
    }
    return signals;
}

void tty_set(struct tty *tty, const struct proc_termios *termios) {
    tty->termios = *termios;
    if (!flag(tty, ICANON)) {
        tty->ready = tty->tail;
    }
}

/* ---- reading ---- */

static size_t available_line(const struct tty *tty, size_t length, bool *now) {
    size_t count = 0;
    *now = tty->head != tty->ready;
    for (uint32_t at = tty->head; at != tty->ready && count < length; at++) {
        if (is_end(tty, at)) {
            break;
        }
        count++;
        if (marked(tty, at)) {
            break;
        }
    }
    return count;
}

size_t tty_available(const struct tty *tty, size_t length, bool *now) {
    if (length == 0) {
        *now = true;
        return 0;
    }
    if (flag(tty, ICANON)) {
        return available_line(tty, length, now);
    }
    size_t count = tty->ready - tty->head;
    uint8_t least = tty->termios.cc[VMIN];
    /* VTIME without VMIN would wait a while; here it is as if that time were over. */
    *now = count >= (least < length ? least : length) && (count != 0 || least == 0);
    return count < length ? count : length;
}

void tty_peek(const struct tty *tty, uint8_t *to, size_t length) {
    for (size_t i = 0; i < length; i++) {
        to[i] = tty->input[(tty->head + i) % TTY_INPUT];
    }
}

void tty_take(struct tty *tty, size_t length) {
    bool line = length != 0 && marked(tty, tty->head + (uint32_t)length - 1);
    tty->head += (uint32_t)length;
    if (!line && tty->head != tty->ready && is_end(tty, tty->head)) {
        tty->head++;
    }
}
