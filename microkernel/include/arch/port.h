/* SPDX-License-Identifier: MIT
 * I/O ports.
 */
#pragma once

#include <stdint.h>

/* width 1, 2 or 4 */
static inline uint32_t port_read(uint16_t port, unsigned width) {
    uint32_t value = 0;
    if (width == 1) {
        __asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
    } else if (width == 2) {
        __asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
    } else {
        __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    }
    return value;
}

static inline void port_write(uint16_t port, unsigned width, uint32_t value) {
    if (width == 1) {
        __asm__ volatile("outb %b0, %1" ::"a"(value), "Nd"(port));
    } else if (width == 2) {
        __asm__ volatile("outw %w0, %1" ::"a"(value), "Nd"(port));
    } else {
        __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
    }
}

static inline uint8_t port_in8(uint16_t port) {
    return (uint8_t)port_read(port, 1);
}

static inline void port_out8(uint16_t port, uint8_t value) {
    port_write(port, 1, value);
}
