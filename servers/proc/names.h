/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* Linux's name of a system call of x86-64; "?" for none. */
const char *syscall_name(uint64_t number);
