/* SPDX-License-Identifier: MIT */
/* Registers of the 16550, the PC's serial port: offsets in its I/O ports and the bits that drivers
 * use. National Semiconductor PC16550D, section 8.0. */
#pragma once

/* With UART_LINE_DIVISOR the first two are the divisor of 115200 baud. */
enum uart_register {
    UART_DATA = 0,
    UART_INTERRUPT_ENABLE = 1,
    UART_INTERRUPT_ID = 2, /* read */
    UART_FIFO_CONTROL = 2, /* write */
    UART_LINE_CONTROL = 3,
    UART_MODEM_CONTROL = 4,
    UART_LINE_STATUS = 5,
    UART_MODEM_STATUS = 6,
    UART_SCRATCH = 7,
};

#define UART_ENABLE_RECEIVED 0x01u
#define UART_ENABLE_TRANSMIT 0x02u /* when the transmitter is empty */

#define UART_ID_NONE 0x01u
#define UART_ID_MASK 0x0fu
#define UART_ID_MODEM 0x00u
#define UART_ID_FIFO 0xc0u

#define UART_FIFO_ON 0x01u
#define UART_FIFO_CLEAR 0x06u /* both */
#define UART_FIFO_LEVEL_8 0x80u
#define UART_FIFO_SIZE 16 /* bytes that may be sent when the transmitter is empty */

#define UART_LINE_8N1 0x03u
#define UART_LINE_DIVISOR 0x80u
#define UART_MODEM_DTR_RTS_OUT2 0x0bu /* OUT2 lets the interrupt through */

#define UART_STATUS_RECEIVED 0x01u
#define UART_STATUS_OVERRUN 0x02u
#define UART_STATUS_TRANSMIT_EMPTY 0x20u
