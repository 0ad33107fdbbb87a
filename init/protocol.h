/* SPDX-License-Identifier: MIT
 * What a program says of itself in its note, against what a service is to its clients.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <axolotl/abi.h>

/* Whether every word of `needed` is one of `spoken`; words "name/version", blanks between. */
bool protocols_cover(const char *spoken, const char *needed);

/* Whether the program may serve where clients need `needed`. False: `reason` (a text of at most
 * `size` bytes) says why not, and names what is needed and what the program speaks. */
bool protocol_suits(const struct image_note *program, const char *needed, char *reason,
                    size_t size);
