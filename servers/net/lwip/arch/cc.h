/* SPDX-License-Identifier: MIT */
/* lwIP's view of the compiler and of its surroundings (../../port.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1

#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

void *port_allocate(size_t size);
void *port_allocate_zeroed(size_t count, size_t size);
void port_free(void *block);
uint32_t port_random(void);
_Noreturn void port_abort(const char *why);

#define mem_clib_malloc port_allocate
#define mem_clib_calloc port_allocate_zeroed
#define mem_clib_free port_free

#define LWIP_RAND() port_random()
#define LWIP_PLATFORM_DIAG(arguments)                                                              \
    do {                                                                                           \
    } while (0)
#define LWIP_PLATFORM_ASSERT(text) port_abort(text)

/* 16-bit ones' complement sum, ../../checksum.c. */
uint16_t net_checksum(const void *data, int length);
#define LWIP_CHKSUM net_checksum
