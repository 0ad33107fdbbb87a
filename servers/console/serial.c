/* SPDX-License-Identifier: MIT
 * COM1 by interrupt in both directions. Registers: National Semiconductor PC16550D, section 8.
 *
 * The interrupt is edge-triggered: the line must fall before it can rise again. So every cause is
 * served until the identification register says that none is left. Bytes go out by port_fill at
 * the commit and come in by port_drain, which the kernel repeats after a restart; so none is lost
 * or doubled. The UART is programmed once, never again: that would clear its FIFOs.
 */
#include <ipc/actor.h>
#include <ipc/log.h>
#include <ipc/machine.h>
#include <ipc/object.h>
#include <ipc/startup.h>
#include <ipc/uart.h>
#include <terminal/protocol.h>

#include "console.h"

#define STATUS_ABSENT 0xffu
#define RECEIVE_PIECE 64
#define SERVICE_ROUNDS 8

static handle_t ports;

static void serial_write(uint32_t port, uint32_t value) {
    port_write(ports, port, 1, value);
}

void serial_create(void) {
    byte_queue_init(&console.serial_queue, console.serial_bytes, SERIAL_QUEUE);
    ports = startup_handle("com1");
    uint32_t status = STATUS_ABSENT;
    if (ports == HANDLE_NONE || port_read(ports, UART_LINE_STATUS, 1, &status) != OK ||
        status == STATUS_ABSENT) {
        log_line("no COM1: the serial console is off");
        return;
    }
    console.serial_present = true;
    serial_write(UART_LINE_CONTROL, UART_LINE_DIVISOR);
    serial_write(UART_DATA, 1); /* 115200 baud */
    serial_write(UART_INTERRUPT_ENABLE, 0);
    serial_write(UART_LINE_CONTROL, UART_LINE_8N1);
    serial_write(UART_FIFO_CONTROL, UART_FIFO_ON | UART_FIFO_LEVEL_8);
    serial_write(UART_MODEM_CONTROL, UART_MODEM_DTR_RTS_OUT2);
    serial_write(UART_INTERRUPT_ENABLE, UART_ENABLE_RECEIVED | UART_ENABLE_TRANSMIT);
}

void serial_start(void) {
    ports = startup_handle("com1");
    if (!console.serial_present) {
        return;
    }
    handle_t irq = startup_handle("com1-irq");
    status_t status = irq_bind(irq, startup_handle("notification"), CONSOLE_BIT_SERIAL);
    if (status != OK) {
        log_line("COM1: no interrupt (%d)", status);
    }
}

/* Moves received bytes to the first terminal as long as it has room for a whole piece. */
static void serial_receive(void) {
    struct terminal *terminal = &console.terminals[0];
    for (;;) {
        if (byte_queue_room(&terminal->input) < RECEIVE_PIECE) {
            if (!console.serial_stalled) {
                console.serial_stalled = true;
                serial_write(UART_INTERRUPT_ENABLE, UART_ENABLE_TRANSMIT);
            }
            return;
        }
        uint8_t bytes[RECEIVE_PIECE];
        int64_t count = port_drain(ports, UART_LINE_STATUS, UART_STATUS_RECEIVED, UART_DATA, bytes,
                                   sizeof(bytes));
        if (count > 0) {
            terminal_typed(terminal, bytes, (uint32_t)count);
        }
        if (count < RECEIVE_PIECE) {
            return;
        }
    }
}

/* The kernel keeps only so many bytes a turn: what is left needs another turn. */
static void serial_continue(void) {
    uint32_t status = 0;
    if (!console.serial_stalled && port_read(ports, UART_LINE_STATUS, 1, &status) == OK &&
        (status & UART_STATUS_RECEIVED) != 0) {
        notification_signal(startup_handle("notification"), CONSOLE_BIT_SERIAL);
    }
}

void serial_service(void) {
    if (!console.serial_present) {
        return;
    }
    for (uint32_t round = 0; round < SERVICE_ROUNDS; round++) {
        uint32_t cause = UART_ID_NONE;
        uint32_t ignored;
        port_read(ports, UART_INTERRUPT_ID, 1, &cause);
        if (!console.serial_stalled) {
            serial_receive();
        }
        if ((cause & UART_ID_NONE) != 0) {
            break;
        }
        if ((cause & UART_ID_MASK) == UART_ID_MODEM) {
            port_read(ports, UART_MODEM_STATUS, 1, &ignored);
        }
    }
    serial_continue();
}

void serial_flush(void) {
    if (!console.serial_present) {
        byte_queue_clear(&console.serial_queue);
        return;
    }
    if (console.serial_stalled &&
        byte_queue_room(&console.terminals[0].input) >= TERMINAL_INPUT / 2) {
        console.serial_stalled = false;
        serial_write(UART_INTERRUPT_ENABLE, UART_ENABLE_RECEIVED | UART_ENABLE_TRANSMIT);
    }
    uint32_t status = 0;
    if (byte_queue_length(&console.serial_queue) == 0 ||
        port_read(ports, UART_LINE_STATUS, 1, &status) != OK ||
        (status & UART_STATUS_TRANSMIT_EMPTY) == 0) {
        return; /* the interrupt tells when there is room */
    }
    uint8_t bytes[UART_FIFO_SIZE];
    uint32_t count = 0;
    while (count < UART_FIFO_SIZE && byte_queue_pop(&console.serial_queue, &bytes[count])) {
        count++;
    }
    port_fill(ports, UART_DATA, bytes, count);
}
