/* SPDX-License-Identifier: MIT
 * The system object: information about the machine and the right to make objects for hardware.
 */
#pragma once

#include "machine.h"
#include <arch/boot.h>

#define AXOLOTL_VERSION "Axolotl 0.1.0" /* for people */

extern struct object *system_object;
extern const struct boot_info *system_boot;

void system_init(const struct boot_info *info);
/* Ports and physical memory for ring 3. E_RIGHTS: the kernel's own; E_RANGE, E_INVALID, E_QUOTA. */
MUST_CHECK status_t system_ioport(struct account *account, uint64_t base, uint64_t count,
                                  struct ioport **out);
MUST_CHECK status_t system_memory(struct account *account, uint64_t base, uint64_t size,
                                  struct memory **out);
