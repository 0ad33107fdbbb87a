/* SPDX-License-Identifier: MIT
 * Host stand-in: a FIFO to read from port data, a log of what was written.
 */
#pragma once

#include <stdint.h>

uint32_t port_read(uint16_t port, unsigned width);
void port_write(uint16_t port, unsigned width, uint32_t value);
