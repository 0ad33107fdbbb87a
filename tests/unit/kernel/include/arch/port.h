/* SPDX-License-Identifier: MIT
 * Host stand-in: a FIFO to read from port data, a log of what was written.
 */
#pragma once

#include <stdint.h>

uint32_t host_port_in(uint16_t port, unsigned width);
void host_port_out(uint16_t port, unsigned width, uint32_t value);

static inline uint8_t port_in8(uint16_t port) {
    return (uint8_t)host_port_in(port, 1);
}

static inline uint16_t port_in16(uint16_t port) {
    return (uint16_t)host_port_in(port, 2);
}

static inline uint32_t port_in32(uint16_t port) {
    return host_port_in(port, 4);
}

static inline void port_out8(uint16_t port, uint8_t value) {
    host_port_out(port, 1, value);
}

static inline void port_out16(uint16_t port, uint16_t value) {
    host_port_out(port, 2, value);
}

static inline void port_out32(uint16_t port, uint32_t value) {
    host_port_out(port, 4, value);
}
