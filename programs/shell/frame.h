/* SPDX-License-Identifier: MIT
 * Network frames as one line of text each. Free of IPC.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_TEXT 200

/* Describes an Ethernet frame of which `kept` of `length` bytes are there. Returns `to`. */
char *frame_describe(char to[FRAME_TEXT], const uint8_t *bytes, size_t kept, size_t length);
